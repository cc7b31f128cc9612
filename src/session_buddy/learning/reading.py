"""What a store holds for recommendations to be learned from; what was read before is read on, not again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.advising import SkillRecord
from session_buddy.learning.interactions import Interactions
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = ["Learnable", "Mark", "Unit", "read_learnable", "read_profile_of_session", "read_profile_of_user"]

FEWEST_USERS = 10
"""With fewer users there is nobody to be like; sessions are compared then."""

_USERS = "SELECT count(DISTINCT user_id) FROM user_skill_metrics"
_SKILLS = """
SELECT skill_name, kind, first_invoked_at, completed_count, failed_count, avg_duration_seconds
FROM skill_metrics ORDER BY skill_name
"""
_DESCRIPTIONS = "SELECT skill_name, description FROM skill_description FINAL ORDER BY skill_name"
_PHASES = "SELECT skill_name, workflow_phase, invocation_count FROM skill_phase_counts"
_OF_USER = "SELECT skill_name FROM user_skill_metrics WHERE user_id = ?"
_OF_SESSION = "SELECT skill_name FROM session_skills WHERE session_id = ?"
_LAST = "SELECT coalesce(max(last_invoked_at), '') FROM skill_metrics"
_BEFORE = "SELECT coalesce(sum(invocation_count), 0) FROM skill_time_series WHERE timestamp < ?"


class Unit(StrEnum):
    """Who is compared with whom."""

    USER = "user"
    SESSION = "session"


_PAIRS = {
    Unit.USER: """
SELECT user_id, skill_name, min(first_invoked_at), max(last_invoked_at) FROM session_skills
WHERE last_invoked_at >= ? GROUP BY user_id, skill_name
""",
    Unit.SESSION: """
SELECT session_id, skill_name, first_invoked_at, last_invoked_at FROM session_skills WHERE last_invoked_at >= ?
""",
}
_READ_AT_ONCE = 100_000


class Mark(msgspec.Struct, frozen=True):
    """How far uses were read."""

    hour: str = ""
    """The full hour that the newest use was in."""
    uses: int = 0
    """How many there were before that hour: where there are others by now, all is read again."""


class Learnable(NamedTuple):
    """The interactions of a store, and what is known of its skills."""

    unit: Unit
    units: tuple[str, ...]
    """The user or session of each row."""
    data: Interactions
    facts: tuple[SkillRecord, ...]
    read_at: str
    """What ages are counted to."""
    mark: Mark


class _Skills(NamedTuple):
    names: list[str]
    facts: tuple[SkillRecord, ...]
    texts: list[str]
    began: dict[str, str]
    """When each was used first."""


class _Pairs(NamedTuple):
    """Uses as arrays: who (by place), what (by place), and how many days ago last and first."""

    who: NDArray[np.int64]
    what: NDArray[np.int64]
    ages: NDArray[np.float64]
    since: NDArray[np.float64]


def read_learnable(store: Store, kinds: Collection[Kind], *, now: str, earlier: Learnable | None = None) -> Learnable:
    """Return what *store* holds of skills of these *kinds*, and of skills that were described and never used.

    Users are compared where there are ten of them, else sessions. *now* is what ages are counted from. Of the uses
    read *earlier* only the newer ones are read, unless some came or went before those (an import of old transcripts,
    a deletion): the result is the same either way, but for the age of a pair that is older than told and used again
    since.
    """
    ((users,),) = store.query(_USERS).rows
    unit = Unit.USER if users >= FEWEST_USERS else Unit.SESSION
    mark = _mark(store, now)
    skills = _read_skills(store, kinds)
    places = {name: place for place, name in enumerate(skills.names)}
    goes_on = earlier is not None and earlier.unit is unit and _goes_on(store, earlier, skills, places)
    before = earlier if goes_on else None
    places_of_units = {who: place for place, who in enumerate(before.units if before else ())}
    hour = before.mark.hour if before else ""
    parts = [_moved(before, places, now)] if before else []
    parts += _read_pairs(store, unit, hour, places_of_units, places, now=now)
    units = tuple(sorted(places_of_units))
    order = np.empty(len(units), dtype=np.int64)
    order[[places_of_units[who] for who in units]] = np.arange(len(units))
    pairs = _joined(parts)
    pairs = pairs._replace(who=order[pairs.who])
    return Learnable(unit, units, _interactions(pairs, len(units), skills), skills.facts, now, mark)


def read_profile_of_user(store: Store, user_id: str) -> frozenset[str]:
    """Return the skills that a user ever used; none for one not known."""
    return frozenset(skill for (skill,) in store.query(_OF_USER, [user_id]).rows)


def read_profile_of_session(store: Store, session_id: str) -> frozenset[str]:
    """Return the skills used in a session; none for one not known."""
    return frozenset(skill for (skill,) in store.query(_OF_SESSION, [session_id]).rows)


def _mark(store: Store, now: str) -> Mark:
    ((last,),) = store.query(_LAST).rows
    # What is said to be in the future would put off everything that comes before it.
    hour = f"{min(last, now)[:13]}:00:00.000Z" if last else ""
    return Mark(hour, _uses_before(store, hour))


def _uses_before(store: Store, hour: str) -> int:
    ((uses,),) = store.query(_BEFORE, [hour]).rows
    return int(uses)


def _goes_on(store: Store, earlier: Learnable, skills: _Skills, places: dict[str, int]) -> bool:
    """Tell whether nothing but newer uses came since *earlier*."""
    if not earlier.mark.hour or any(name not in places for name in earlier.data.skills):
        return False
    older = [
        name
        for name in skills.names
        if name not in earlier.data.places and skills.began.get(name, earlier.mark.hour) < earlier.mark.hour
    ]
    return not older and _uses_before(store, earlier.mark.hour) == earlier.mark.uses


def _moved(earlier: Learnable, places: dict[str, int], now: str) -> _Pairs:
    """Return the pairs of *earlier*, its skills by the *places* they have now."""
    data, days = earlier.data, _days([earlier.read_at], now)
    owners = np.repeat(np.arange(data.used.shape[0]), np.diff(data.used.indptr))
    columns = np.array([places[name] for name in data.skills], dtype=np.int64)
    return _Pairs(owners, columns[data.used.indices], data.ages + days, data.since + days)


def _read_pairs(
    store: Store, unit: Unit, hour: str, units: dict[str, int], places: dict[str, int], *, now: str
) -> Iterator[_Pairs]:
    """Yield the pairs of *unit* and skill that were used since *hour*, some at a time; new ones are put into *units*.

    As arrays they take a tenth of what they take as rows.
    """
    rows = store.stream(_PAIRS[unit], [hour])
    next(rows)  # the names of the columns
    while part := list(islice(rows, _READ_AT_ONCE)):
        known = [row for row in part if row[1] in places]
        yield _Pairs(
            np.array([units.setdefault(who, len(units)) for who, _, _, _ in known], dtype=np.int64),
            np.array([places[skill] for _, skill, _, _ in known], dtype=np.int64),
            np.maximum(_days([last for _, _, _, last in known], now), 0),
            _days([first for _, _, first, _ in known], now),
        )


def _joined(parts: Sequence[_Pairs]) -> _Pairs:
    if not parts:
        return _Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    who, what, ages, since = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Pairs(who, what, ages, since)


def _read_skills(store: Store, kinds: Collection[Kind]) -> _Skills:
    known = {name: row for name, *row in store.query(_SKILLS).rows}
    told = dict(store.query(_DESCRIPTIONS).rows)
    wanted = {name: row for name, row in known.items() if row[0] in kinds}
    names = sorted(wanted.keys() | (told.keys() - (known.keys() - wanted.keys())))
    phases: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for skill, phase, uses in store.query(_PHASES).rows:
        phases[skill][phase] = uses
    facts = tuple(_record(wanted[name], phases[name]) if name in wanted else SkillRecord() for name in names)
    texts = [f"{name} {told.get(name, '')}" for name in names]
    return _Skills(names, facts, texts, {name: row[1] for name, row in wanted.items()})


def _record(row: list[Any], phases: dict[str, int]) -> SkillRecord:
    _, _, completed, failed, seconds = row
    return SkillRecord(completed, failed, seconds, phases)


def _interactions(pairs: _Pairs, units: int, skills: _Skills) -> Interactions:
    ended = np.array([one.completed + one.failed for one in skills.facts])
    completed = [one.completed for one in skills.facts]
    return Interactions.of_pairs(
        pairs.who,
        pairs.what,
        shape=(units, len(skills.names)),
        ages=pairs.ages,
        since=pairs.since,
        rates=np.divide(completed, ended, out=np.ones(len(ended)), where=ended > 0),
        names=skills.names,
        texts=skills.texts,
    )


def _days(moments: Sequence[str], now: str) -> NDArray[np.float64]:
    """Return the days from *moments* to *now*, below 0 for what is yet to come."""
    then = np.array([moment[:-1] for moment in moments], dtype="datetime64[ms]")
    milliseconds = (np.datetime64(now[:-1], "ms") - then).astype(np.float64)
    days: NDArray[np.float64] = milliseconds / 86_400_000
    return days
