"""How migrations open a SQLite file: to look at it without leaving a trace, or to change it."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from session_buddy.errors import StoreBusy, StoreError, StoreUnreadable

__all__ = ["exists", "look", "make_private", "transaction", "translated", "write"]

T = TypeVar("T")

BUSY_SECONDS = 60.0
"""How long another connection's lock is waited for."""

_ATTEMPTS = 20
_MAGIC = b"SQLite format 3\0"
"""How every file of a database begins."""


def look(path: Path, question: Callable[[sqlite3.Connection], T]) -> T:
    """Return what *question* reads from the database at *path*; nothing on disk changes.

    Works on read-only files and folders. A connection in ``mode=ro`` makes ``-wal`` and ``-shm`` files beside a
    WAL database and leaves them there. So while nothing stands in a log (``-wal``, ``-journal``), the file
    alone is read, as immutable, and read again if somebody came to change it meanwhile. Only where a killed
    process left half a commit in a ``-journal``, opening takes it back first, as anybody's opening would.
    """
    with translated(path):
        _require_database(path)
        for _ in range(_ATTEMPTS):
            before = _resting(path)
            if before is None:
                break
            try:
                answer = _ask(f"{_uri(path)}?mode=ro&immutable=1", question)
            except sqlite3.DatabaseError:
                if _resting(path) == before:
                    raise
            else:
                if _resting(path) == before:
                    return answer
        try:
            return _ask(f"{_uri(path)}?mode=ro", question)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            return _ask(f"{_uri(path)}?mode=rw", question)


def exists(path: Path) -> bool:
    """Tell whether there is anything at *path*."""
    with translated(path):
        return path.exists()


@contextmanager
def write(path: Path) -> Iterator[sqlite3.Connection]:
    """Open *path*, made where it is missing, for a change: WAL, durable commits, waiting for locks.

    Transactions are explicit (:func:`transaction`). Foreign keys are off: with them on, dropping a table
    deletes rows in others; what a migration breaks is looked for before its commit instead.
    """
    with translated(path):
        _require_database(path)
        make_private(path)
    with (
        translated(path),
        closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = OFF")
        yield connection


def _require_database(path: Path) -> None:
    """Raise :class:`StoreUnreadable` for a file of something else: of very small ones SQLite makes a database."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError:
        return  # There is none, or it cannot be read: SQLite says why.
    if head and head != _MAGIC:
        raise StoreUnreadable(
            f"{path} cannot be read as a database: file is not a database.",
            remedy="Give another file, or restore a backup.",
        )


def make_private(path: Path) -> None:
    """Make *path*, where it is missing, for its owner's eyes; log and index of a database take over its mode."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from here on; commit at the end, or leave nothing where the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what SQLite says about the file at *path* as an error of this package."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusy(
                f"{path} is locked by another process: {error}.", remedy="Try again when that process is done."
            ) from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CANTOPEN):
            raise StoreUnreadable(
                f"{path} cannot be read as a database: {error}.", remedy="Give another file, or restore a backup."
            ) from error
        raise StoreError(
            f"{path} could not be used: {error}.", remedy="See that its folder can be written and has room."
        ) from error
    except OSError as error:
        raise StoreUnreadable(f"{path} cannot be opened: {error}.", remedy="Give a file you may read.") from error


def _ask(uri: str, question: Callable[[sqlite3.Connection], T]) -> T:
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        return question(connection)


def _resting(path: Path) -> tuple[int, int, int] | None:
    """Return the file's identity, size and time if it holds all there is; else, with a log beside it, None."""
    for suffix in ("-wal", "-journal"):
        with suppress(FileNotFoundError):
            if path.with_name(path.name + suffix).stat().st_size:
                return None
    facts = path.stat()
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(f"{path} is a folder")
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _uri(path: Path) -> str:
    return "file:" + quote(str(path.absolute()))
