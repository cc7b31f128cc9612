"""Answers to queries: all rows at once, or block by block in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

from session_buddy.storage.clickhouse.clients import Turns
from session_buddy.storage.store import Rows

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["answer", "streamed"]

_BYTES: dict[str, str | dict[str, str]] = dict.fromkeys(("state", "embedding", "centroid_embedding", "data"), "bytes")
"""Columns of other bytes than text, to be read as such."""


def answer(client: Client, text: str, values: dict[str, Any]) -> Rows:
    """Return the rows of *text*, with the *values* of its parameters."""
    found = client.query(text, parameters=values, column_formats=_BYTES)
    columns = _unqualified(found.column_names) or _names_of_columns(client, text, values)
    return Rows(columns, [tuple(row) for row in found.result_rows])


def streamed(turns: Turns, client: Client, text: str, values: dict[str, Any]) -> Generator[tuple[Any, ...], None, None]:
    """Yield the names of the columns, then rows; *client* is used in *turns*, and not held between two blocks."""
    with turns.turn():
        stream: Any = client.query_row_block_stream(text, parameters=values, column_formats=_BYTES)
    with stream as blocks:
        names = _unqualified(stream.source.column_names)
        if names:
            yield names
        while True:
            with turns.turn():
                block = next(blocks, None)
            if block is None:
                break
            for row in block:
                turns.refuse_over()
                yield tuple(row)
    if not names:
        with turns.turn():
            names = _names_of_columns(client, text, values)
        yield names


def _names_of_columns(client: Client, text: str, values: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns of a query that gave no rows: then the engine does not tell them."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        described = client.query(f"DESCRIBE ({text}\n)", parameters=values).result_rows
    except DatabaseError:
        return ()  # not a SELECT but a SHOW, say, which has no names unless it has rows
    return _unqualified(row[0] for row in described)


def _unqualified(names: Iterable[str]) -> tuple[str, ...]:
    """Return *names* without the table before the dot, which ClickHouse adds where two tables have a column.

    >>> _unqualified(["m.kind", "kind", "sum(m.n)"])
    ('kind', 'kind', 'sum(m.n)')
    """
    return tuple(re.sub(r"^\w+\.(?=\w+$)", "", name) for name in names)
