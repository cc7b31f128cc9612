"""Copies of a SQLite database that are known to be whole.

They are taken through SQLite's online backup: copying the file of a live WAL database misses what stands in
its ``-wal``. A copy appears under its name only after it was checked, and never in place of another file.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from session_buddy.errors import StoreError
from session_buddy.storage.migrations.connections import look, make_private, translated

__all__ = ["copy", "row_counts", "save"]


def save(database: Path, *, version: int, taken_at: str, keep: int) -> Path:
    """Copy *database* to ``<name>.v<version>.<time>.backup`` beside it and return that path.

    Of such backups the newest *keep* stay; backups under other names are not touched.
    """
    stamp = re.sub(r"[-:]", "", taken_at)
    path = database.with_name(f"{database.name}.v{version}.{stamp}.backup")
    again = 1
    while path.exists():
        again += 1
        path = database.with_name(f"{database.name}.v{version}.{stamp}-{again}.backup")
    copy(database, path)
    _prune(database, keep)
    return path


def copy(database: Path, path: Path) -> None:
    """Write a verified copy of *database* to *path*; :class:`StoreError` where that exists already.

    The copy is one moment of the database, whoever writes to it meanwhile: the engine's own check passes and
    every table has the rows it had. It stands alone (no ``-wal``) and is on disk when this returns.
    """
    if path.exists():
        raise StoreError(f"{path} exists already.", remedy="Give a name that is free.")
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        look(database, lambda live: _copy_checked(live, partial))
        _reserve(path)
        partial.replace(path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of every table; virtual ones are counted by the tables they keep their rows in."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')"
        )
    ]
    return {name: connection.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0] for name in names}


def _copy_checked(live: sqlite3.Connection, path: Path) -> None:
    path.unlink(missing_ok=True)
    make_private(path)
    with translated(path), closing(sqlite3.connect(path, isolation_level=None)) as twin:
        # One read transaction around both, so that the counts are those of the moment that is copied.
        live.execute("BEGIN")
        expected = row_counts(live)
        live.backup(twin)
        live.execute("COMMIT")
        twin.execute("PRAGMA journal_mode = DELETE")
        damage = twin.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if damage != "ok" or row_counts(twin) != expected:
            raise StoreError(
                f"The backup {path} is not whole: {damage if damage != 'ok' else 'rows are missing'}.",
                remedy="Nothing was changed. Check the disk, and the database with 'db verify'.",
            )


def _reserve(path: Path) -> None:
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise StoreError(f"{path} exists already.", remedy="Give a name that is free.") from error
    except OSError as error:
        raise StoreError(f"The backup {path} cannot be written: {error}.", remedy="Give another folder.") from error


def _prune(database: Path, keep: int) -> None:
    """Delete all but the newest backups, and what a killed process left of one."""
    name = re.compile(re.escape(database.name) + r"\.v\d+\.(\d{8}T\d{6}\.\d{3}Z)(?:-(\d+))?\.backup(\.\d+\.partial)?")
    found: list[tuple[str, int, Path]] = []
    for path in database.parent.iterdir():
        match = name.fullmatch(path.name)
        if match and (match[3] or path.stat().st_size == 0):
            path.unlink()
        elif match:
            found.append((match[1], int(match[2] or 1), path))
    for _, _, path in sorted(found)[: max(0, len(found) - keep)]:
        path.unlink()


def _sync(folder: Path) -> None:
    """Make the new name in *folder* last; Windows has no such call and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
