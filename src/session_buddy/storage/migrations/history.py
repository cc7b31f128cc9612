"""The table ``skill_migrations``: which versions a SQLite database has seen, and how to take them out again.

The table belongs to the migrations themselves, not to a script: it is made with the first version, in the
same transaction, and outlives a rollback to nothing. One row for each time a version was applied; a rollback
changes the row's state and keeps it. The newest version is told by its number, never by a time.
"""

from __future__ import annotations

import re
import sqlite3

from session_buddy.errors import MigrationError, StoreUnreadable
from session_buddy.storage.migrations.contract import Origin, Position, Record, Stamp, State
from session_buddy.storage.migrations.scripts import Script, Source, source

__all__ = [
    "APPLICATION_ID",
    "accept",
    "begin",
    "create",
    "dismiss",
    "end",
    "is_marked",
    "mark",
    "marks",
    "position",
    "records",
    "stored_down",
]

APPLICATION_ID = int.from_bytes(b"SBud")
"""Says whose file it is, also to ``file(1)``; kept in the file's header."""

_DDL = """\
CREATE TABLE IF NOT EXISTS skill_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    version INTEGER NOT NULL CHECK (version > 0),
    description TEXT NOT NULL,
    up_sha256 TEXT NOT NULL,
    down_sha256 TEXT NOT NULL,
    down_sql TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    duration_ms INTEGER CHECK (duration_ms >= 0),
    program_version TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('applied', 'rolled_back', 'dirty'))
) STRICT"""

_COLUMNS = frozenset(re.findall(r"^    (\w+)", _DDL, re.MULTILINE))


def create(connection: sqlite3.Connection) -> None:
    """Make the table where it is missing."""
    connection.execute(_DDL)


def position(connection: sqlite3.Connection) -> Position:
    """Tell whose database it is and where it stands.

    A file that lost its header marks (restored from a dump) is still ours by its history.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application not in (0, APPLICATION_ID):
        return Position(Origin.FOREIGN)
    if not _has_history(connection):
        bare = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
        return Position(Origin.EMPTY if bare else Origin.FOREIGN)
    version, dirty = connection.execute(
        "SELECT coalesce(max(version) FILTER (WHERE state = 'applied'), 0), max(version) FILTER (WHERE state = 'dirty')"
        " FROM skill_migrations"
    ).fetchone()
    return Position(Origin.OURS, version, dirty)


def records(connection: sqlite3.Connection) -> tuple[Record, ...]:
    """Return all rows, in the order in which they were written."""
    if not _has_history(connection):
        return ()
    rows = connection.execute(
        "SELECT version, description, up_sha256, down_sha256, applied_at, duration_ms, program_version, state"
        " FROM skill_migrations ORDER BY id"
    )
    return tuple(
        Record(
            version=version,
            description=description,
            up_sha256=up_sha256,
            down_sha256=down_sha256,
            applied_at=applied_at,
            duration_ms=duration_ms,
            program_version=program_version,
            state=State(state),
        )
        for version, description, up_sha256, down_sha256, applied_at, duration_ms, program_version, state in rows
    )


def stored_down(connection: sqlite3.Connection, version: int) -> Source:
    """Return the down script recorded with *version*; :class:`StoreUnreadable` where it was tampered with."""
    row = connection.execute(
        "SELECT description, down_sql, down_sha256 FROM skill_migrations"
        " WHERE version = ? AND state <> 'rolled_back' ORDER BY id DESC LIMIT 1",
        (version,),
    ).fetchone()
    if row is None:
        raise MigrationError(f"Version {version} is not applied.", remedy="See 'db status' for those that are.")
    description, sql, sha256 = row
    down = source(f"V{version}__{description.replace(' ', '_')}__down.sql", sql)
    if down.sha256 != sha256:
        raise StoreUnreadable(
            f"The down script of version {version} in skill_migrations is not the one that was recorded.",
            remedy="Restore a backup; or record the script at hand with 'db repair --accept-edits'.",
        )
    return down


def begin(connection: sqlite3.Connection, script: Script, stamp: Stamp) -> None:
    """Note that *script*'s up half has begun: a dirty row without a duration."""
    connection.execute(
        "INSERT INTO skill_migrations"
        " (version, description, up_sha256, down_sha256, down_sql, applied_at, program_version, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'dirty')",
        (
            script.version,
            script.description,
            script.up.sha256,
            script.down.sha256,
            script.down.sql,
            stamp.applied_at,
            stamp.program_version,
        ),
    )


def end(connection: sqlite3.Connection, version: int, state: State, *, duration_ms: int | None = None) -> None:
    """Give the newest row of *version* its *state*; a duration once set stays.

    A dirty row with a duration is therefore a *down* script that was begun.
    """
    connection.execute(
        "UPDATE skill_migrations SET state = ?, duration_ms = coalesce(duration_ms, ?)"
        " WHERE id = (SELECT max(id) FROM skill_migrations WHERE version = ?)",
        (state, duration_ms, version),
    )


def dismiss(connection: sqlite3.Connection, version: int) -> None:
    """Forget the newest row of *version*: its up script was begun and has been undone."""
    connection.execute(
        "DELETE FROM skill_migrations WHERE id = (SELECT max(id) FROM skill_migrations WHERE version = ?)", (version,)
    )


def accept(connection: sqlite3.Connection, script: Script) -> None:
    """Record digests and down script of *script* in place of those it was applied with."""
    connection.execute(
        "UPDATE skill_migrations SET up_sha256 = ?, down_sha256 = ?, down_sql = ?"
        " WHERE version = ? AND state <> 'rolled_back'",
        (script.up.sha256, script.down.sha256, script.down.sql, script.version),
    )


def mark(connection: sqlite3.Connection) -> None:
    """Write owner and version, as the history tells them, into the file's header; a dirty version as its negative."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_version_mark(position(connection))}")


def is_marked(connection: sqlite3.Connection) -> bool:
    """Tell whether the file's header names the owner and the version that the history tells."""
    return marks(connection) == (APPLICATION_ID, _version_mark(position(connection)))


def marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return owner and version as the header has them. Fast: a query on any table first parses the whole schema."""
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return application, version


def _version_mark(position: Position) -> int:
    return position.version if position.dirty is None else -position.dirty


def _has_history(connection: sqlite3.Connection) -> bool:
    """Tell whether there is a table ``skill_migrations`` and it is this program's, not another's of that name."""
    columns = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('skill_migrations')")}
    return columns >= _COLUMNS
