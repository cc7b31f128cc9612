"""What a store holds for recommendations to be learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.advising import SkillRecord
from session_buddy.learning.interactions import Interactions
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = ["Learnable", "Unit", "read_learnable", "read_profile_of_session", "read_profile_of_user"]

FEWEST_USERS = 10
"""With fewer users there is nobody to be like; sessions are compared then."""

_USERS = "SELECT count(DISTINCT user_id) FROM user_skill_metrics"
_BY_USER = "SELECT user_id, skill_name, max(invoked_at) FROM skill_user_interactions GROUP BY user_id, skill_name"
_BY_SESSION = "SELECT session_id, skill_name, last_invoked_at FROM session_skills"
_SKILLS = """
SELECT m.skill_name, m.kind, m.completed_count, m.failed_count, m.avg_duration_seconds
FROM skill_metrics m ORDER BY m.skill_name
"""
_DESCRIPTIONS = "SELECT skill_name, description FROM skill_description FINAL ORDER BY skill_name"
_PHASES = "SELECT skill_name, workflow_phase, invocation_count FROM skill_phase_counts"
_OF_USER = "SELECT skill_name FROM user_skill_metrics WHERE user_id = ?"
_OF_SESSION = "SELECT skill_name FROM session_skills WHERE session_id = ?"


class Unit(StrEnum):
    """Who is compared with whom."""

    USER = "user"
    SESSION = "session"


class Learnable(NamedTuple):
    """The interactions of a store, and what is known of its skills."""

    unit: Unit
    units: tuple[str, ...]
    """The user or session of each row."""
    data: Interactions
    facts: tuple[SkillRecord, ...]


def read_learnable(store: Store, kinds: Collection[Kind], *, now: str) -> Learnable:
    """Return what *store* holds of skills of these *kinds*, and of skills that were described and never used.

    Users are compared where there are ten of them, else sessions. *now* is what ages are counted from.
    """
    ((users,),) = store.query(_USERS).rows
    unit = Unit.USER if users >= FEWEST_USERS else Unit.SESSION
    known = store.query(_SKILLS).rows
    told = dict(store.query(_DESCRIPTIONS).rows)
    wanted = {name: row for name, *row in known if row[0] in kinds}
    of_other_kinds = {name for name, *_ in known} - wanted.keys()
    names = sorted(wanted.keys() | (told.keys() - of_other_kinds))
    places = {name: place for place, name in enumerate(names)}
    rows = store.query(_BY_USER if unit is Unit.USER else _BY_SESSION).rows
    pairs = [(who, places[skill], moment) for who, skill, moment in rows if skill in places]
    units = sorted({who for who, _, _ in pairs})
    of_unit = {who: row for row, who in enumerate(units)}
    phases: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for skill, phase, uses in store.query(_PHASES).rows:
        phases[skill][phase] = uses
    facts = tuple(
        SkillRecord(wanted[name][1], wanted[name][2], wanted[name][3], phases[name])
        if name in wanted
        else SkillRecord()
        for name in names
    )
    ended = np.array([one.completed + one.failed for one in facts])
    data = Interactions.of_pairs(
        np.array([of_unit[who] for who, _, _ in pairs], dtype=np.int64),
        np.array([place for _, place, _ in pairs], dtype=np.int64),
        shape=(len(units), len(names)),
        ages=_days([moment for _, _, moment in pairs], now),
        rates=np.divide([one.completed for one in facts], ended, out=np.ones(len(facts)), where=ended > 0),
        names=names,
        texts=[f"{name} {told.get(name, '')}" for name in names],
    )
    return Learnable(unit, tuple(units), data, facts)


def read_profile_of_user(store: Store, user_id: str) -> frozenset[str]:
    """Return the skills that a user ever used; none for one not known."""
    return frozenset(skill for (skill,) in store.query(_OF_USER, [user_id]).rows)


def read_profile_of_session(store: Store, session_id: str) -> frozenset[str]:
    """Return the skills used in a session; none for one not known."""
    return frozenset(skill for (skill,) in store.query(_OF_SESSION, [session_id]).rows)


def _days(moments: list[str], now: str) -> NDArray[np.float64]:
    """Return the days from *moments* to *now*, 0 for what is yet to come."""
    then = np.array([moment[:-1] for moment in moments], dtype="datetime64[ms]")
    milliseconds = (np.datetime64(now[:-1], "ms") - then).astype(np.float64)
    days: NDArray[np.float64] = np.maximum(milliseconds / 86_400_000, 0)
    return days
