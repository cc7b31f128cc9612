"""SQLite files of other programs, read and never changed.

A database that its program has open is read beside it, under SQLite's own locks. One that nobody writes is opened as
immutable, so that not even the files of a lock appear beside it.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from session_buddy.errors import InvalidInput

__all__ = ["columns_of", "opened"]

_PATIENCE_SECONDS = 2.0
_MAGIC = b"SQLite format 3\x00"


@contextmanager
def opened(path: str) -> Iterator[sqlite3.Connection]:
    """Give a connection to the database at *path* that can only read.

    Raises :class:`OSError` for a file that is gone, locked, damaged or no database; it says which.
    """
    with Path(path).open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise OSError(errno.EINVAL, "is no SQLite database", path)
    mode = "mode=ro" if _is_in_use(Path(path)) else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?{mode}", uri=True, timeout=_PATIENCE_SECONDS)
        try:
            connection.execute("PRAGMA query_only = 1")
            yield connection
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        locked = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        said = "is locked by another program; try again when that is done" if locked else f"cannot be read ({error})"
        raise OSError(errno.EBUSY if locked else errno.EIO, said, path) from error
    except sqlite3.DatabaseError as error:
        raise OSError(errno.EIO, f"is damaged ({error})", path) from error


def columns_of(connection: sqlite3.Connection, table: str, needed: frozenset[str]) -> frozenset[str]:
    """Return the columns of *table*; raises :class:`InvalidInput` where those *needed* are not among them."""
    found = frozenset(name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,)))
    if missing := sorted(needed - found):
        what = f"its table {table} has no {', '.join(missing)}" if found else f"it has no table {table}"
        raise InvalidInput("document", f"is a database of another program: {what}.", remedy="It is left as it is.")
    return found


def _is_in_use(path: Path) -> bool:
    """Tell whether a program writes it, or left something beside it that belongs in it."""
    for ending in ("-wal", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.exists() and beside.stat().st_size:
            return True
    return False
