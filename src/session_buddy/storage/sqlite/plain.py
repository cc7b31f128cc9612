"""Writing the tables that are not counted from the event log."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from session_buddy.errors import StoreError
from session_buddy.storage.tables import PlainTable

__all__ = ["drop_plain_rows", "put_plain_rows", "stands"]


def put_plain_rows(connection: sqlite3.Connection, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert *rows* or update those with their keys, inside the caller's transaction; see :meth:`Store.put_rows`."""
    # A category may come before its parent.
    connection.execute("PRAGMA defer_foreign_keys=ON")
    try:
        connection.executemany(_upsert(table), rows)
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"{table.name} does not take these rows: {error}.",
            remedy="Another row stands where they belong: copy into a new store, or delete what stands there.",
        ) from error


def drop_plain_rows(connection: sqlite3.Connection, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
    """Delete the rows with these *keys*, inside the caller's transaction; see :meth:`Store.drop_rows`."""
    table.refuse_keys(keys)
    condition = " AND ".join(f"{column} = ?" for column in table.key)
    connection.executemany(f"DELETE FROM {table.name} WHERE {condition}", keys)


def stands(
    connection: sqlite3.Connection, table: PlainTable, row: tuple[Any, ...] | None, key: tuple[Any, ...]
) -> bool:
    """Tell whether *row*, or with ``None`` no row, has *key* in *table* now."""
    condition = " AND ".join(f"{column} = ?" for column in table.key)
    found = connection.execute(f"SELECT {table.selected} FROM {table.name} WHERE {condition}", key).fetchone()
    return bool(found == row)


def _upsert(table: PlainTable) -> str:
    columns, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
    changes = ", ".join(f"{column} = excluded.{column}" for column in table.values)
    # A row that says the same is left alone, so that no trigger takes it for a change.
    differs = " OR ".join(f"{table.name}.{column} IS NOT excluded.{column}" for column in table.values)
    return (
        f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"
        f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changes} WHERE {differs}"
    )
