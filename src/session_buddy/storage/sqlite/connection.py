"""Connections: one writer that waits its turn, readers that cannot write.

The pragmas, and what each prevents:

* ``journal_mode=WAL``: readers never block the writer nor it them.
* ``synchronous=FULL``: in WAL mode ``NORMAL`` may lose the last commits on a power cut;
  acknowledged means durable, so every commit is flushed.
* ``busy_timeout``: a locked database is waited for inside SQLite.
* ``wal_autocheckpoint``: a commit touches a dozen roll-ups; checkpoints eight times rarer than the default
  write a page that changed often once, for at most 32 MB of log.
* ``foreign_keys=ON``: off by default, per connection.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from session_buddy.errors import StoreBusy, StoreUnreadable
from session_buddy.storage.store import Clock

__all__ = ["begin_immediate", "open_follower", "open_reader", "open_writer"]

_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
_BUSY_TIMEOUT_MS = 5_000
_WRITER_TIMEOUT_MS = 1_000
"""Less, since a writer tries again as long as it has patience, and looks between two attempts whether it should."""
_CHECKPOINT_PAGES = 8_000
_STEPS_BETWEEN_SIGNALS = 1_000_000
_LARGE_ENOUGH_CACHE_KIB = 65_536

_TABLE_FUNCTIONS = ("json_each('[]')", "json_tree('[]')", "pragma_table_info('x')", "pragma_table_xinfo('x')")
_READING_ACTIONS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
_READING_PRAGMAS = {
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "user_version",
    "application_id",
    "page_count",
    "page_size",
    "freelist_count",
    "compile_options",
    "integrity_check",
    "quick_check",
    "foreign_key_check",
}


def open_writer(path: Path, *, clock: Clock | None, patience_seconds: float) -> sqlite3.Connection:
    """Open *path* for writing; transactions are begun and ended by the caller."""
    _require_sqlite()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        connection.execute(f"PRAGMA busy_timeout={min(_WRITER_TIMEOUT_MS, round(patience_seconds * 1000))}")
        # Changing the journal mode takes an exclusive lock for which SQLite does not
        # call the busy handler, so the wait for it is ours.
        _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone(), path, patience_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA cache_size=-{_LARGE_ENOUGH_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreUnreadable(
            f"{path} cannot be opened as a store: {error}.",
            remedy="Give another file, or restore a backup with 'session-buddy db backup' files beside it.",
        ) from error
    if clock:
        _replace_clock(connection, clock)
    return connection


def open_reader(path: Path, *, clock: Clock | None) -> sqlite3.Connection:
    """Open *path* so that nothing run on it, whatever its text, can write anywhere."""
    connection = open_follower(path)
    connection.execute(f"PRAGMA cache_size=-{_LARGE_ENOUGH_CACHE_KIB}")
    if clock:
        _replace_clock(connection, clock)
    for function in _TABLE_FUNCTIONS:
        # Declared at their first use, in words the authorizer would take for writing.
        connection.execute(f"SELECT 1 FROM {function} LIMIT 0").fetchall()
    # SQLite runs a statement in one call: without this, Ctrl-C would wait for its end.
    connection.set_progress_handler(_nothing, _STEPS_BETWEEN_SIGNALS)
    connection.set_authorizer(_allow_reading)
    return connection


def open_follower(path: Path) -> sqlite3.Connection:
    """Open *path* for statements of our own that read."""
    _require_sqlite()
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA query_only=ON")
    return connection


def begin_immediate(
    connection: sqlite3.Connection,
    path: Path,
    patience_seconds: float,
    *,
    before_each: Callable[[], object] = lambda: None,
) -> None:
    """Begin a write transaction, waiting up to *patience_seconds* for other writers.

    Raises :class:`StoreBusy` after that, and whatever *before_each* attempt raises.
    """

    def attempt() -> None:
        before_each()
        connection.execute("BEGIN IMMEDIATE")

    _patiently(attempt, path, patience_seconds)


def _patiently(attempt: Callable[[], Any], path: Path, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            attempt()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            if time.monotonic() >= deadline:
                raise StoreBusy(
                    f"{path} has been locked by another process for more than {patience_seconds:.0f} seconds.",
                    remedy="See which process holds it (fuser, lsof), and try again.",
                ) from error
            time.sleep(0.005)
        else:
            return


def _nothing() -> int:
    """Be called, so that Python gets to look at signals; an exception raised in here interrupts the statement."""
    return 0


def _allow_reading(
    action: int, first: str | None, _second: str | None, _database: str | None, _source: str | None
) -> int:
    if action in _READING_ACTIONS and first != "load_extension":
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first in _READING_PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _replace_clock(connection: sqlite3.Connection, clock: Clock) -> None:
    """Make ``'now'`` in the SQL of this connection, views and triggers included, mean *clock*."""
    # The function of that name on the connection itself is the replaced one.
    original = _Original()

    def call(function: str, *arguments: Any) -> Any:
        return original.call(function, [clock() if argument == "now" else argument for argument in arguments])

    for function in ("strftime", "julianday"):
        connection.create_function(
            function, -1, lambda *arguments, function=function: call(function, *arguments), deterministic=True
        )


class _Original:
    """SQLite's own functions, for a connection that has others under their names.

    Like that connection it may be used by any thread, one at a time.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)

    def call(self, function: str, arguments: list[Any]) -> Any:
        marks = ", ".join("?" * len(arguments))
        return self._connection.execute(f"SELECT {function}({marks})", arguments).fetchone()[0]

    def __del__(self) -> None:
        self._connection.close()


def _require_sqlite() -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreUnreadable(
            f"This Python is linked with SQLite {sqlite3.sqlite_version}; 3.37 or newer is needed.",
            remedy="Use a newer Python, for example from uv or python.org.",
        )
