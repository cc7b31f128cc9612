"""``db copy``: everything one store holds into another, whatever their engines.

What is copied is the event log, through :meth:`Store.record`, and the tables that people and programs write themselves;
all counts follow from these in the target. Ids of rows of the event log, and flags in caches, are each store's own.

Guarantees:

* **Nothing twice**: recording is idempotent by ``event_id`` and plain rows by their key, so any part may be told again.
* **Resumable**: after every batch the target is told how far it has come. A run that follows a killed one, or a
  finished one, goes on from there. One that was killed while it made the target's tables is followed by one that
  completes them, as every opening of a store without events does.
* **Checked**: at the end both stores are read whole, and compared by day and table. Days that differ, since an
  event dated earlier came in meanwhile, are told once more; what differs even then is reported.
* **Bounded memory**: rows stream, a few batches at a time. The source is read on a thread of its own.

A target that holds more than the source keeps it, and the days on which it does are reported as different.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput, InvalidInvocation
from session_buddy.model import Invocation
from session_buddy.storage.ahead import read_ahead
from session_buddy.storage.digests import EVENT_COLUMNS, Digest, add_by_day, canonical, to_invocation
from session_buddy.storage.store import Recorded, Store
from session_buddy.storage.tables import PLAIN_TABLES, PlainTable

__all__ = ["CopyReport", "DayDifference", "Progress", "Refused", "TableCopy", "copy_store"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the events done so far, and the events to do in all."""

_BATCH = 20_000
_REFUSED_SHOWN = 100
_MARK = "copied_from:"
"""Begins the names of the settings that tell how far a copy has come; they are no settings of the source."""
_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)} FROM skill_invocation"
_IN_ORDER = "ORDER BY invoked_at, event_id"
_COUNT = "SELECT count(*) FROM skill_invocation"
_SETTINGS = PLAIN_TABLES[0]
_EVENT_ID, _INVOKED_AT = EVENT_COLUMNS.index("event_id"), EVENT_COLUMNS.index("invoked_at")


class DayDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A UTC day on which the two stores do not hold the same events."""

    day: str
    source_events: int
    target_events: int
    """May equal the number in the source: then some of them say something else."""


class TableCopy(msgspec.Struct, frozen=True, kw_only=True):
    """One of the tables beside the event log."""

    table: str
    rows: int
    """Rows in the source."""
    same: bool
    """Whether the target holds these rows and no others."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An event that another program wrote and that is no valid invocation."""

    event_id: str
    reason: str


class CopyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a copy did, and whether the two stores are the same now."""

    same: bool
    source_events: int
    target_events: int
    days: int
    """UTC days on which the source has events."""
    different_days: list[DayDifference]
    tables: list[TableCopy]
    added: int
    """Events that were new to the target."""
    completed: int
    """Events that the target had, and that say more now."""
    unchanged: int
    """Events that the target had already and that were told again."""
    refused_count: int
    refused: list[Refused]
    """The first of these events."""
    seconds: float


def copy_store(source: Store, target: Store, *, progress: Progress | None = None) -> CopyReport:
    """Copy what *source* holds into *target*, compare the two, and return what was found.

    Raises :class:`InvalidInput` where both are one store.
    """
    if source.url == target.url:
        raise InvalidInput("target", f"{target.url} is the source itself.", remedy="Name another store to copy to.")
    return _Copy(source, target, progress or (lambda *_: None)).run()


class _Copy:
    def __init__(self, source: Store, target: Store, progress: Progress) -> None:
        self._source, self._target, self._progress = source, target, progress
        # Not the URL itself, which may hold a password.
        self._mark = _MARK + hashlib.sha256(source.url.encode()).hexdigest()[:32]
        self._recorded = Recorded()
        self._refused: dict[str, str] = {}

    def run(self) -> CopyReport:
        began = time.monotonic()
        self._copy_events()
        ours, theirs = self._digests()
        if again := {day: ours[day].rows for day in _different(ours, theirs) if day in ours}:
            self._copy_days(again)
            ours, theirs = self._digests()
        tables = [self._copy_table(table) for table in PLAIN_TABLES]
        self._target.refresh()
        different = _different(ours, theirs)
        return CopyReport(
            same=not different and all(table.same for table in tables),
            source_events=_total(ours),
            target_events=_total(theirs),
            days=len(ours),
            different_days=[
                DayDifference(day=day, source_events=_rows_on(ours, day), target_events=_rows_on(theirs, day))
                for day in different
            ],
            tables=tables,
            added=self._recorded.added,
            completed=self._recorded.completed,
            unchanged=self._recorded.unchanged,
            refused_count=len(self._refused),
            refused=[
                Refused(event_id=event_id, reason=reason)
                for event_id, reason in islice(self._refused.items(), _REFUSED_SHOWN)
            ],
            seconds=round(time.monotonic() - began, 3),
        )

    def _copy_events(self) -> None:
        """Tell the target of all events behind the place that the last run reached, in the order of time."""
        total = _one(self._source, _COUNT)
        # With no place yet, that is before every event: no time is an empty text.
        moment, event_id = self._place() or ("", "")
        behind = "WHERE invoked_at > ? OR (invoked_at = ? AND event_id > ?)"
        place = (moment, moment, event_id)
        done = total - _one(self._source, f"{_COUNT} {behind}", place)
        with closing(read_ahead(lambda: _batches(self._source, f"{_EVENTS} {behind} {_IN_ORDER}", place))) as batches:
            for batch in batches:
                self._record(batch)
                self._remember(batch[-1])
                done += len(batch)
                self._progress("Copying events", done, total)

    def _copy_days(self, days: dict[str, int]) -> None:
        """Tell the target again of all events of *days*, given with their numbers of events, in one pass."""
        sql = f"{_EVENTS} WHERE invoked_at >= ? AND invoked_at < ? {_IN_ORDER}"
        span = (min(days), f"{max(days)}~")
        done = 0
        with closing(read_ahead(lambda: _batches(self._source, sql, span))) as batches:
            for batch in batches:
                wanted = [row for row in batch if row[_INVOKED_AT][:10] in days]
                self._record(wanted)
                done += len(wanted)
                self._progress("Copying days that differ", done, max(done, sum(days.values())))

    def _record(self, rows: Sequence[tuple[Any, ...]]) -> None:
        invocations: list[Invocation] = []
        for row in rows:
            try:
                invocations.append(to_invocation(canonical(row)))
            except InvalidInvocation as error:
                self._refused[row[_EVENT_ID]] = error.problem
        self._recorded += self._target.record(invocations)

    def _place(self) -> tuple[str, str] | None:
        found = self._target.query(f"SELECT value FROM {_SETTINGS.source} WHERE name = ?", (self._mark,)).rows
        return msgspec.json.decode(found[0][0], type=tuple[str, str]) if found else None

    def _remember(self, row: tuple[Any, ...]) -> None:
        place = (row[_INVOKED_AT], row[_EVENT_ID])
        self._target.put_rows(_SETTINGS, [(self._mark, msgspec.json.encode(place).decode())])

    def _digests(self) -> tuple[dict[str, Digest], dict[str, Digest]]:
        return self._digest(self._source, "Checking the source"), self._digest(self._target, "Checking the target")

    def _digest(self, store: Store, what: str) -> dict[str, Digest]:
        total, done = _one(store, _COUNT), 0
        days: dict[str, Digest] = {}
        with closing(read_ahead(lambda: _batches(store, _EVENTS))) as batches:
            for batch in batches:
                add_by_day(batch, days)
                done += len(batch)
                self._progress(what, done, total)
        return days

    def _copy_table(self, table: PlainTable) -> TableCopy:
        with closing(read_ahead(lambda: _batches(self._source, _rows_of(table)))) as batches:
            for batch in batches:
                self._target.put_rows(table, [table.row(row) for row in batch])
        ours, theirs = _digest_of(self._source, table), _digest_of(self._target, table)
        return TableCopy(table=table.name, rows=ours.rows, same=ours == theirs)


def _rows_of(table: PlainTable) -> str:
    own = f" WHERE name NOT LIKE '{_MARK}%'" if table is _SETTINGS else ""
    return f"SELECT {table.selected} FROM {table.source}{own} ORDER BY {', '.join(table.key)}"


def _digest_of(store: Store, table: PlainTable) -> Digest:
    digest = Digest()
    for batch in _batches(store, _rows_of(table)):
        for row in batch:
            digest.add(row)
    return digest


def _batches(store: Store, sql: str, parameters: Sequence[Any] = ()) -> Generator[list[tuple[Any, ...]], None, None]:
    """Yield the rows of *sql* in lists."""
    with closing(store.stream(sql, parameters)) as rows:
        next(rows)  # the names of the columns
        while batch := list(islice(rows, _BATCH)):
            yield batch


def _one(store: Store, sql: str, parameters: Sequence[Any] = ()) -> int:
    return int(store.query(sql, parameters).rows[0][0])


def _different(ours: dict[str, Digest], theirs: dict[str, Digest]) -> list[str]:
    return sorted(day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day))


def _rows_on(days: dict[str, Digest], day: str) -> int:
    return days[day].rows if day in days else 0


def _total(days: dict[str, Digest]) -> int:
    return sum(digest.rows for digest in days.values())
