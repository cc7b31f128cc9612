"""Writing the event log: new rows in bulk, known rows one by one.

``skill_invocation`` is the truth; everything else in the database can be counted again
from it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from session_buddy.model import DurationSource, ErrorType, Invocation, Outcome
from session_buddy.storage.merge import merged_changes
from session_buddy.storage.sqlite.deltas import count_deltas
from session_buddy.storage.sqlite.rollups import add_deltas, minutes_since
from session_buddy.storage.store import Recorded

__all__ = ["INSERT_BY_TRIGGERS", "INSERT_SET_WISE", "READ_ROWS", "invocation_of", "invocation_row", "record_batch"]

_COLUMN_OF = {field: {"trigger": "triggered_by"}.get(field, field) for field in Invocation.__struct_fields__}
_SMALL_BATCH = 4
"""Up to this many invocations the triggers are quicker than counting set-wise."""
_LARGE_BATCH = 2_000
_ERROR_TYPES = frozenset(ErrorType)
# Those of this schema, by name: triggers that others added stay and fire.
_INSERT_TRIGGERS = """
SELECT name, sql FROM sqlite_schema
WHERE type = 'trigger' AND name IN ('trg_invocation_after_insert', 'trg_phase_after_insert',
    'trg_metrics_cache_after_insert') ORDER BY name
"""
_LISTS = ("alternatives_considered", "follow_up_actions", "traits")

READ_ROWS = f"SELECT {', '.join(_COLUMN_OF.values())} FROM skill_invocation"
"""Selects what :func:`invocation_of` reads."""

INSERT_BY_TRIGGERS = f"""
INSERT INTO skill_invocation ({", ".join(_COLUMN_OF.values())}, rolled_up)
VALUES ({", ".join("?" * len(_COLUMN_OF))}, 0)
ON CONFLICT (event_id) DO NOTHING
"""
"""Inserts one invocation; the triggers of the schema count it."""
INSERT_SET_WISE = INSERT_BY_TRIGGERS.replace("0)\nON", "1)\nON")
"""Inserts one invocation that its writer counts itself."""


def record_batch(connection: sqlite3.Connection, batch: Sequence[Invocation]) -> Recorded:
    """Store *batch* inside the caller's transaction; see :meth:`Store.record`."""
    if not batch:
        return Recorded()
    (before,) = connection.execute("SELECT ifnull(max(id), 0) FROM skill_invocation").fetchone()
    set_wise = len(batch) > _SMALL_BATCH
    inserted = _insert(connection, batch, rolled_up=set_wise)
    fresh, told_again = (batch, []) if inserted == len(batch) else _split(connection, batch, before)
    if fresh and set_wise:
        since = minutes_since(connection)
        add_deltas(connection, count_deltas(fresh, minutes_since=since), last_id_before=before)
    completed = sum(_complete(connection, invocation) for invocation in told_again)
    return Recorded(len(fresh), completed, len(told_again) - completed)


def _insert(connection: sqlite3.Connection, batch: Sequence[Invocation], *, rolled_up: bool) -> int:
    """Insert what is new of *batch* and return how many rows that were.

    Rows marked as *rolled_up* pass the insert triggers by, but the mere presence of triggers
    makes SQLite open a savepoint at every row. For large batches they step aside: dropped and
    created again in this same transaction, no other connection ever misses them.
    """
    statement = INSERT_SET_WISE if rolled_up else INSERT_BY_TRIGGERS
    triggers = connection.execute(_INSERT_TRIGGERS).fetchall() if len(batch) >= _LARGE_BATCH else []
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    inserted = connection.executemany(statement, map(invocation_row, batch)).rowcount
    for _, sql in triggers:
        connection.execute(sql)
    return inserted


def invocation_row(i: Invocation) -> tuple[Any, ...]:
    """Return *i* as the values of :data:`INSERT_SET_WISE`.

    Spelled out and with the enumerations' plain text: this runs for every event, and
    SQLite's adapter takes a slow path for subclasses of ``str``.
    """
    outcome, error_type, source, phase = i.outcome, i.error_type, i.duration_source, i.workflow_phase
    return (
        i.event_id,
        i.session_id,
        i.skill_name,
        i.kind._value_,
        i.invoked_at,
        i.source,
        i.user_id,
        None if outcome is None else outcome._value_,
        None if error_type is None else error_type._value_,
        i.duration_ms,
        None if source is None else source._value_,
        i.trigger._value_,
        i.plugin,
        i.parent_event_id,
        i.project,
        i.agent_version,
        i.model,
        None if phase is None else phase._value_,
        i.workflow_step_id,
        _json(i.alternatives_considered) if i.alternatives_considered else None,
        _json(i.follow_up_actions) if i.follow_up_actions else None,
        _json(i.traits) if i.traits else None,
        i.rating,
    )


def _split(
    connection: sqlite3.Connection, batch: Sequence[Invocation], before: int
) -> tuple[list[Invocation], list[Invocation]]:
    """Separate the tellings that became rows from those of invocations already known."""
    inserted = {i for (i,) in connection.execute("SELECT event_id FROM skill_invocation WHERE id > ?", (before,))}
    fresh: list[Invocation] = []
    told_again: list[Invocation] = []
    for invocation in batch:
        if invocation.event_id in inserted:
            inserted.remove(invocation.event_id)
            fresh.append(invocation)
        else:
            told_again.append(invocation)
    return fresh, told_again


def _complete(connection: sqlite3.Connection, told: Invocation) -> bool:
    """Merge *told* into its row; the update triggers of the schema keep the roll-ups."""
    values = connection.execute(f"{READ_ROWS} WHERE event_id = ?", (told.event_id,)).fetchone()
    changes = merged_changes(invocation_of(values), told)
    if not changes:
        return False
    assignments = ", ".join(f"{_COLUMN_OF[field]} = ?" for field in changes)
    connection.execute(
        f"UPDATE skill_invocation SET {assignments} WHERE event_id = ?",
        (*(_plain(value) for value in changes.values()), told.event_id),
    )
    return True


def invocation_of(values: Sequence[Any]) -> Invocation:
    """Return a row as a value; what other writers may store and the model does not know is read as its nearest."""
    row = dict(zip(_COLUMN_OF, values, strict=True))
    for field in _LISTS:
        row[field] = [str(item) for item in msgspec.json.decode(row[field] or "[]")]
    if row["outcome"] == Outcome.FAILED and row["error_type"] not in _ERROR_TYPES:
        row["error_type"] = ErrorType.OTHER
    if row["duration_ms"] is not None:
        row["duration_source"] = row["duration_source"] or DurationSource.ELAPSED
    return msgspec.convert(row, Invocation, strict=False)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return _json(value)
    return str(value) if isinstance(value, str) else value


def _json(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode()
