"""The table ``skill_migrations`` in ClickHouse: one row for each time a version was applied.

A row is never changed: a newer *revision* of it takes its place.
"""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import MigrationError, StoreUnreadable
from session_buddy.storage.migrations.contract import Origin, Position, Record, Stamp, State
from session_buddy.storage.migrations.scripts import Script, Source, source

__all__ = ["LOCK", "TABLE", "accept", "begin", "create", "dismiss", "end", "position", "records", "stored_down"]

TABLE = "skill_migrations"
LOCK = "skill_migrations_lock"
"""The table that stands while a server is being migrated."""

_DDL = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id Int64,
    version Int64,
    description String,
    up_sha256 String,
    down_sha256 String,
    down_sql String CODEC(ZSTD(1)),
    applied_at String,
    duration_ms Nullable(Int64),
    program_version String,
    state LowCardinality(String),
    revision UInt64
) ENGINE = ReplacingMergeTree(revision)
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""
_FORGOTTEN = "forgotten"
"""The state of a row that is as good as not there."""


class _Row(msgspec.Struct):
    id: int
    version: int
    description: str
    up_sha256: str
    down_sha256: str
    down_sql: str
    applied_at: str
    duration_ms: int | None
    program_version: str
    state: str
    revision: int


_COLUMNS = _Row.__struct_fields__


def create(client: Any) -> None:
    """Make the table where it is missing."""
    client.command(_DDL)


def position(client: Any) -> Position:
    """Tell whose database it is and where it stands."""
    names = {
        name
        for (name,) in client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows
    }
    if TABLE not in names:
        return Position(Origin.FOREIGN if names - {LOCK} else Origin.EMPTY)
    rows = _rows(client)
    applied = [row.version for row in rows if row.state == State.APPLIED]
    dirty = [row.version for row in rows if row.state == State.DIRTY]
    return Position(Origin.OURS, max(applied, default=0), max(dirty, default=None))


def records(client: Any) -> tuple[Record, ...]:
    """Return all rows, in the order in which they were written."""
    return tuple(
        Record(
            version=row.version,
            description=row.description,
            up_sha256=row.up_sha256,
            down_sha256=row.down_sha256,
            applied_at=row.applied_at,
            duration_ms=row.duration_ms,
            program_version=row.program_version,
            state=State(row.state),
        )
        for row in _rows(client)
    )


def stored_down(client: Any, version: int) -> Source:
    """Return the down script recorded with *version*; :class:`StoreUnreadable` where it was tampered with."""
    found = [row for row in _rows(client) if row.version == version and row.state != State.ROLLED_BACK]
    if not found:
        raise MigrationError(f"Version {version} is not applied.", remedy="See 'db status' for those that are.")
    row = found[-1]
    down = source(f"V{version}__{row.description.replace(' ', '_')}__down.sql", row.down_sql)
    if down.sha256 != row.down_sha256:
        raise StoreUnreadable(
            f"The down script of version {version} in {TABLE} is not the one that was recorded.",
            remedy="Record the script at hand with 'db repair --accept-edits'.",
        )
    return down


def begin(client: Any, script: Script, stamp: Stamp) -> None:
    """Note that *script*'s up half has begun: a dirty row without a duration."""
    _put(
        client,
        _Row(
            id=max((row.id for row in _rows(client, forgotten=True)), default=0) + 1,
            version=script.version,
            description=script.description,
            up_sha256=script.up.sha256,
            down_sha256=script.down.sha256,
            down_sql=script.down.sql,
            applied_at=stamp.applied_at,
            duration_ms=None,
            program_version=stamp.program_version,
            state=State.DIRTY,
            revision=0,
        ),
    )


def end(client: Any, version: int, state: State, *, duration_ms: int | None = None) -> None:
    """Give the newest row of *version* its *state*; a duration once set stays.

    A dirty row with a duration is therefore a *down* script that was begun.
    """
    row = _newest(client, version)
    row.state = state
    row.duration_ms = duration_ms if row.duration_ms is None else row.duration_ms
    _put(client, row)


def dismiss(client: Any, version: int) -> None:
    """Forget the newest row of *version*: its up script was begun and has been undone."""
    row = _newest(client, version)
    row.state = _FORGOTTEN
    _put(client, row)


def accept(client: Any, script: Script) -> None:
    """Record digests and down script of *script* in place of those it was applied with."""
    for row in _rows(client):
        if row.version == script.version and row.state != State.ROLLED_BACK:
            row.up_sha256, row.down_sha256, row.down_sql = script.up.sha256, script.down.sha256, script.down.sql
            _put(client, row)


def _rows(client: Any, *, forgotten: bool = False) -> list[_Row]:
    if not client.query(f"EXISTS TABLE {TABLE}").result_rows[0][0]:
        return []
    found = client.query(f"SELECT {', '.join(_COLUMNS)} FROM {TABLE} FINAL ORDER BY id").result_rows
    rows = [_Row(*values) for values in found]
    return [row for row in rows if forgotten or row.state != _FORGOTTEN]


def _newest(client: Any, version: int) -> _Row:
    return [row for row in _rows(client) if row.version == version][-1]


def _put(client: Any, row: _Row) -> None:
    row.revision += 1
    client.insert(TABLE, [msgspec.structs.astuple(row)], column_names=_COLUMNS)
