"""SQLite files of other programs, read and never changed.

They are read under SQLite's own locks, beside the program that has them open. One with a write-ahead log (WAL) whose
log is not there is opened by nobody; its locks would be files beside it, so it is read without, as immutable. Should
somebody come to write it meanwhile, what was read of it is worth nothing, and that is an error.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from session_buddy.errors import InvalidInput

__all__ = ["columns_of", "opened"]

_PATIENCE_SECONDS = 2.0
_MAGIC = b"SQLite format 3\x00"
_READ_VERSION, _WAL = 19, 2
"""The byte of the header that says how it is to be read, and its value where there is a write-ahead log."""


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Give a connection to the database at *path* that can only read.

    Raises :class:`OSError` for a file that is gone, locked, damaged, changed while it was read, or no database; it says
    which.
    """
    file = Path(path)
    with file.open("rb") as beginning:
        header = beginning.read(_READ_VERSION + 1)
    if not header.startswith(_MAGIC):
        raise OSError(errno.EINVAL, "is no SQLite database", path)
    immutable = header[_READ_VERSION:] == bytes([_WAL]) and not _has_log(file)
    before = _state_of(file)
    try:
        with closing(_connected(path, immutable=immutable)) as connection:
            yield connection
    except sqlite3.DatabaseError as error:
        if not (immutable and _state_of(file) != before):
            raise _as_os_error(error, path) from error
    if immutable and _state_of(file) != before:
        raise OSError(errno.EAGAIN, "was written to while it was read; try again", path)


def columns_of(connection: sqlite3.Connection, table: str, needed: frozenset[str]) -> frozenset[str]:
    """Return the columns of *table*; raises :class:`InvalidInput` where those *needed* are not among them."""
    found = frozenset(name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,)))
    if missing := sorted(needed - found):
        what = f"its table {table} has no {', '.join(missing)}" if found else f"it has no table {table}"
        raise InvalidInput("document", f"is a database of another program: {what}.", remedy="It is left as it is.")
    return found


def _connected(path: str, *, immutable: bool) -> sqlite3.Connection:
    mode = "mode=ro&immutable=1" if immutable else "mode=ro"
    connection = sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=_PATIENCE_SECONDS)
    connection.execute("PRAGMA query_only = 1")
    return connection


def _as_os_error(error: sqlite3.DatabaseError, path: str) -> OSError:
    if not isinstance(error, sqlite3.OperationalError):
        return OSError(errno.EIO, f"is damaged ({error})", path)
    if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OSError(errno.EBUSY, "is locked by another program; try again when that is done", path)
    return OSError(errno.EIO, f"cannot be read ({error})", path)


def _has_log(file: Path) -> bool:
    """Tell whether a program has it open, or left something beside it that belongs in it."""
    log, shared = file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")
    return log.exists() and (shared.exists() or log.stat().st_size > 0)


def _state_of(file: Path) -> tuple[int, int, bool]:
    told = file.stat()
    return told.st_size, told.st_mtime_ns, _has_log(file)
