"""Rows of a query, written one after the other: memory does not grow with their number.

Every function takes rows of which the first is the column names. Blobs are written in base64.
"""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

import msgspec

from session_buddy.cli.output import message
from session_buddy.formats import NOTHING, count, plural, printable
from session_buddy.storage import Store

__all__ = ["distinct", "print_table", "streamed", "write_csv", "write_json_lines", "write_json_list"]

Rows = Iterator[tuple[Any, ...]]


@contextmanager
def streamed(store: Store, sql: str) -> Iterator[Rows]:
    """Give the rows of a query, the column names first, and end the query with the block, read out or not."""
    rows = store.stream(sql)
    try:
        yield rows
    finally:
        # Left to the garbage collector, it would end after the store was closed under it.
        close = getattr(rows, "close", None)
        if close:
            close()


def write_json_list(rows: Rows, out: IO[bytes], limit: int | None = None) -> None:
    """Write a JSON array with one object a row, a row a line."""
    columns = distinct(next(rows))
    separator = b"[\n"
    for row in islice(rows, limit):
        out.write(separator + msgspec.json.encode(dict(zip(columns, row, strict=True))))
        separator = b",\n"
    out.write(b"[]\n" if separator == b"[\n" else b"\n]\n")
    out.flush()


def write_json_lines(rows: Rows, out: IO[bytes]) -> None:
    """Write one JSON object a line."""
    columns = distinct(next(rows))
    encoder = msgspec.json.Encoder()
    for row in rows:
        out.write(encoder.encode(dict(zip(columns, row, strict=True))) + b"\n")
    out.flush()


def write_csv(rows: Rows, out: IO[bytes], limit: int | None = None) -> None:
    """Write CSV in UTF-8 with a header; NULL is an empty field."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(distinct(next(rows)))
    for row in islice(rows, limit):
        writer.writerow([b64encode(value).decode() if isinstance(value, bytes) else value for value in row])
    text.flush()
    # The stream belongs to the caller: without this it would be closed with its wrapper.
    text.detach()


def print_table(rows: Rows, limit: int) -> None:
    """Print the first *limit* rows as a table, and say on stderr how many were left out."""
    from rich.table import Table

    from session_buddy.cli.screens.layout import console

    columns = distinct(next(rows))
    shown = list(islice(rows, limit))
    left_out = sum(1 for _ in rows)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for place, name in enumerate(columns):
        numeric = any(isinstance(row[place], int | float) for row in shown)
        table.add_column(printable(name), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        table.add_row(*map(_cell, row))
    console().print(table)
    if left_out:
        message(f"{plural(left_out, 'row')} left out: --limit shows more, --json and --csv all.")


def distinct(columns: tuple[str, ...]) -> list[str]:
    """Return names of *columns* of which no two are alike, so that no value hides another.

    >>> distinct(("a", "b", "a"))
    ['a', 'b', 'a:1']
    """
    names: list[str] = []
    for column in columns:
        name, again = column, 0
        while name in names:
            again += 1
            name = f"{column}:{again}"
        names.append(name)
    return names


def _cell(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bytes):
        return f"<{count(len(value))} bytes>"
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value))
