"""What a store holds of who used what in which order; what was read before is read on, not again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.catalog.dependencies.order import OrderCounts
from session_buddy.catalog.dependencies.uses import Names, Uses, milliseconds, packed, part_of_call, unpacked
from session_buddy.model import Kind
from session_buddy.storage import Store
from session_buddy.storage.learned import (
    StoredModel,
    read_contents,
    read_model_details,
    read_model_version,
    write_model,
)

__all__ = ["MOST_USES", "Days", "Read", "read_days", "read_uses"]

MOST_USES = 1_000_000
"""Paths are looked for in so many uses, the newest ones: in whole days, and in one at least."""
_MODEL = "dependency uses"
_FORMAT = 3
_ENOUGH_NEW = 0.02
"""What was read is kept anew where so large a part of it is not kept yet."""
_BLOCK = 50_000
Ints = NDArray[np.int64]

_DAYS = """
SELECT day, skill_name, invocation_count FROM skill_day_buckets
WHERE skill_name IN (SELECT skill_name FROM skill_metrics WHERE kind IN ({kinds})) ORDER BY day, skill_name
"""
_NEW_USES = """
SELECT session_id, skill_name, invoked_at, CASE WHEN event_id LIKE '%#%' THEN event_id END FROM skill_invocation
WHERE skill_name IN (SELECT skill_name FROM skill_metrics WHERE kind IN ({kinds})) AND invoked_at >= ?
"""
# So that SQLite goes through the log once, not by the index of each skill.
_ALL_USES = """
SELECT session_id, skill_name, invoked_at, CASE WHEN event_id LIKE '%#%' THEN event_id END FROM skill_invocation
WHERE skill_name NOT IN (SELECT skill_name FROM skill_metrics WHERE kind NOT IN ({kinds})) AND invoked_at >= ?
"""
_FIRST_USES = """
SELECT session_id, skill_name, first_invoked_at FROM session_skills
WHERE session_id IN (SELECT session_id FROM session_summary WHERE last_invoked_at >= ?)
"""


class Day(NamedTuple):
    """How many uses of some kinds there were on one day."""

    day: str
    uses: int
    digest: str
    """Of how many of which skill: a use may come to be told under another name."""


class Days(NamedTuple):
    """How many uses of some kinds there were on each day."""

    kinds: list[str]
    days: list[Day]
    """The first one first."""

    def digest(self, before: str = "~") -> str:
        """Return what changes with every use that comes, goes or is told of another skill on a day before that one."""
        told = "".join(f"{one.day} {one.digest}\n" for one in self.days if one.day < before)
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def since(self) -> str:
        """The first day of the newest :data:`MOST_USES`, empty where those are all."""
        left = MOST_USES
        for place, one in reversed(list(enumerate(self.days))):
            left -= one.uses
            if left < 0:
                return self.days[min(place + 1, len(self.days) - 1)].day
        return ""


class Read(NamedTuple):
    """What is known of the uses of a store."""

    names: Names
    """Of skills."""
    uses: Uses
    """The newest ones."""
    orders: OrderCounts
    """Of all sessions."""
    since: str
    """The day that the oldest of the uses may be in; empty where they are all there are."""


class _Details(msgspec.Struct, frozen=True, kw_only=True):
    """How far uses were read."""

    format: int
    kinds: list[str]
    day: str
    """The day that the newest was in: those before it are kept."""
    digest: str
    """Of how many of which there were in each day before: where others are there by now, all is read again."""
    since: str


class _FirstUses(NamedTuple):
    sessions: Ints
    skills: Ints
    moments: Ints

    def orders(self, since: str, until: str) -> OrderCounts:
        """Count the pairs of which the later one began in that day or after, and before the other."""
        begin, end = (_moment(bound) if bound else None for bound in (since, until))
        return OrderCounts.of_first_uses(*self, since=begin, until=end)


class _Kept(NamedTuple):
    names: Names
    sessions: Names
    uses: Uses
    orders: OrderCounts


def read_days(store: Store, kinds: Collection[Kind]) -> Days:
    """Return how many uses of skills of these *kinds* there were on each day."""
    told = sorted(str(kind) for kind in kinds)
    rows = store.query(_DAYS.format(kinds=_marks(told)), told).rows
    return Days(told, [_day(day, [row[1:] for row in of_day]) for day, of_day in groupby(rows, key=itemgetter(0))])


def _day(day: str, skills: Sequence[tuple[Any, ...]]) -> Day:
    told = "".join(f"{skill}\n{uses}\n" for skill, uses in skills)
    return Day(
        day, sum(int(uses) for _, uses in skills), hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
    )


def read_uses(store: Store, days: Days, included: Collection[str], *, last: str, now: str) -> Read:
    """Return the uses of the skills *included*, which are all of the kinds of *days*, as of *now*.

    *last* is the time of the newest use of any skill, empty for none.

    Only what came since the last time is read, unless uses came, went or got another name before that: the result is
    the same either way. What is read is kept for the next time.
    """
    # What is said to be in the future would put off everything that comes before it.
    day = f"{min(last, now)[:10]}T00:00:00.000Z" if last else ""
    since = days.since
    details, kept = _read_kept(store, days)
    begin = details.day if details and kept else ""
    names, sessions, uses, orders = kept or _Kept(Names(), Names(), Uses.none(), OrderCounts.none())
    first = _first_uses(store, names, set(included), begin)
    # What is of the newest day may still get company that came before it.
    orders = orders + first.orders(begin, day)
    new = _new_uses(store, days.kinds, names, sessions, begin, since)
    is_much = day > begin and len(new.before(_moment(day)).sessions) > len(uses.sessions) * _ENOUGH_NEW
    uses = uses.followed_by(new)
    if since:
        uses = uses.since(_moment(since))
    if day and (kept is None or is_much):
        mark = _Details(format=_FORMAT, kinds=days.kinds, day=day, digest=days.digest(day), since=since)
        _keep(store, mark, _Kept(names, sessions, uses, orders), now)
    return Read(names, uses, orders + first.orders(day, ""), since)


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" for _ in values)


def _moment(text: str) -> int:
    return int(milliseconds([text])[0])


def _read_kept(store: Store, days: Days) -> tuple[_Details | None, _Kept | None]:
    """Return what was kept, and how far it goes; ``None`` where it does not hold any more."""
    told = read_model_details(store, _MODEL)
    if told is None:
        return None, None
    try:
        details = msgspec.json.decode(told.details, type=_Details)
    except msgspec.ValidationError:
        return None, None
    holds = (
        details.format == _FORMAT and details.kinds == days.kinds and bool(details.day) and details.since <= days.since
    )
    if not holds or details.digest != days.digest(details.day):
        return None, None

    def contents(model: StoredModel) -> _Kept | None:
        # Others are there where another process kept something meanwhile.
        return _Kept(*unpacked(model.data)) if model.details == told.details else None

    return details, read_contents(store, _MODEL, contents)


def _keep(store: Store, mark: _Details, read: _Kept, now: str) -> None:
    """Keep what came before the day of *mark*."""
    data = packed(read.names.texts, read.sessions.texts, read.uses.before(_moment(mark.day)), read.orders)
    details = msgspec.json.encode(mark).decode()
    write_model(store, StoredModel(_MODEL, read_model_version(store, _MODEL) + 1, "counts", now, details, data))


def _first_uses(store: Store, names: Names, included: set[str], begin: str) -> _FirstUses:
    """Return the first uses in those sessions that were at work since *begin*."""
    rows = [row for row in store.query(_FIRST_USES, [begin]).rows if row[1] in included]
    sessions, skills, moments = zip(*rows, strict=True) if rows else ((), (), ())
    return _FirstUses(Names().of(sessions), names.of(skills), milliseconds(moments))


def _new_uses(store: Store, kinds: list[str], names: Names, sessions: Names, begin: str, since: str) -> Uses:
    statement = (_NEW_USES if begin else _ALL_USES).format(kinds=_marks(kinds))
    rows = store.stream(statement, [*kinds, max(begin, since)])
    next(rows)
    columns = [_columns(block, names, sessions) for block in iter(lambda: list(islice(rows, _BLOCK)), [])]
    if not columns:
        return Uses.none()
    told, skills, moments, parts = (np.concatenate(blocks) for blocks in zip(*columns, strict=True))
    return Uses.of(told, skills, moments, parts, places=names.places)


def _columns(rows: Iterable[tuple[Any, ...]], names: Names, sessions: Names) -> tuple[Any, ...]:
    of_session, skills, moments, ids = zip(*rows, strict=True)
    parts = np.array([part_of_call(one) for one in ids], dtype=np.int64)
    return sessions.of(of_session), names.of(skills), milliseconds(moments), parts
