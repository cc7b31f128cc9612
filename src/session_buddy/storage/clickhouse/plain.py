"""Writing the tables that are not counted from the event log."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from session_buddy.errors import InvalidInput
from session_buddy.storage.clickhouse.columns import milliseconds
from session_buddy.storage.clickhouse.literals import literal
from session_buddy.storage.clickhouse.parameters import bound
from session_buddy.storage.tables import PlainTable

__all__ = ["drop_plain_rows", "put_plain_rows", "stands"]

_TIMES = {"import_quarantine": "seen_at", "import_checkpoint": "imported_at"}
"""Views over a table ``…_log``, and their time, which is a DateTime64 there."""
_KEYS_AT_ONCE = 1_000


def put_plain_rows(client: Any, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert *rows*; they take the place of those with their keys. See :meth:`Store.put_rows`."""
    if not rows:
        return
    columns: list[str] = list(table.columns)
    name, written = table.name, [list(row) for row in rows]
    if time_column := _TIMES.get(name):
        place = columns.index(time_column)
        for row, moment in zip(written, milliseconds([str(row[place]) for row in rows]), strict=True):
            row[place] = moment
        name += "_log"
    if table.name == "import_checkpoint":
        columns.append("version")
        for row in written:
            row.append(time.time_ns() // 1_000_000 << 20)
    try:
        # With a token of its own, since a row that becomes what it was before is no repetition.
        client.insert(name, written, column_names=columns, settings={"insert_deduplication_token": uuid.uuid4().hex})
    except UnicodeEncodeError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        # What the client cannot turn into bytes at all; it says so by whatever its attempt raised.
        raise InvalidInput(
            table.name, f"has a value of the wrong type: {error}.", remedy="See the columns of the table."
        ) from error


def drop_plain_rows(client: Any, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
    """Delete the rows with these *keys*; see :meth:`Store.drop_rows`."""
    table.refuse_keys(keys)
    name = f"{table.name}_log" if table.name in _TIMES else table.name
    columns = ", ".join(table.key)
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        wanted = ", ".join(f"({', '.join(map(_as_literal, key))})" for key in keys[start : start + _KEYS_AT_ONCE])
        client.command(f"DELETE FROM {name} WHERE ({columns}) IN ({wanted})")


def _as_literal(part: str | int) -> str:
    return literal(part) if isinstance(part, str) else str(int(part))


def stands(client: Any, table: PlainTable, row: tuple[Any, ...] | None, key: tuple[Any, ...]) -> bool:
    """Tell whether *row*, or with ``None`` no row, has *key* in *table* now."""
    condition = " AND ".join(f"{column} = ?" for column in table.key)
    text, values = bound(f"SELECT {table.selected} FROM {table.source} WHERE {condition}", key)
    found = client.query(text, parameters=values).result_rows
    return (tuple(found[0]) if found else None) == row
