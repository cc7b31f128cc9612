"""Rows as a Parquet file: typed columns, written batch by batch."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from typing import IO, Any

from session_buddy.cli.rows import distinct, streamed
from session_buddy.errors import MissingExtra
from session_buddy.storage import Store, is_clickhouse
from session_buddy.storage.tables import PLAIN_TABLES

__all__ = ["write_parquet"]

_ROWS_AT_ONCE = 10_000
_NUMBER = re.compile(r"^(?:Nullable\(|LowCardinality\()*(Float|U?Int|Bool)")
"""How the types of ClickHouse's columns of numbers begin."""


def write_parquet(store: Store, name: str, select: str, out: IO[bytes]) -> None:
    """Write what *select* gives, all rows of the table or view *name*, to *out* as Parquet with zstd compression.

    *name* is quoted as SQL wants it. Whole numbers become ``int64``, others ``double``, blobs ``binary``; a column
    of several types is text. Raises :class:`MissingExtra` where pyarrow is not installed.
    """
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtra("Writing Parquet", extra="parquet") from error
    storages = _storages(store, name)
    types = {"integer": pyarrow.int64(), "real": pyarrow.float64(), "text": pyarrow.string(), "blob": pyarrow.binary()}
    schema = pyarrow.schema([(column, types[storage]) for column, storage in storages.items()])
    fits = [_FITS[storage] for storage in storages.values()]
    writing = parquet.ParquetWriter(out, schema, compression="zstd")
    with streamed(store, select) as rows, writing as writer:
        next(rows)
        for batch in _batches(rows):
            arrays = [
                pyarrow.array([value if value is None else fit(value) for value in column], type=field.type)
                for column, fit, field in zip(zip(*batch, strict=True), fits, schema, strict=True)
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))


def _storages(store: Store, name: str) -> dict[str, str]:
    """Return for each column the one type that holds all its values; of an empty one, the type it is declared with.

    A type declared binds only in STRICT tables, and a view's expressions have none: so the values are asked.
    """
    if is_clickhouse(store.url):
        return _declared_in_clickhouse(store, name)
    declared = {row["name"]: row["type"].lower() for row in store.query(f"PRAGMA table_xinfo({name})")}
    columns = distinct(store.query(f"SELECT * FROM {name} LIMIT 0").columns)
    asked = ", ".join(f"group_concat(DISTINCT typeof({_quoted(column)}))" for column in columns)
    (found,) = store.query(f"SELECT {asked} FROM {name}").rows
    return {
        column: _common({*(kinds or "").split(",")} - {"", "null"}, declared.get(column, ""))
        for column, kinds in zip(columns, found, strict=True)
    }


def _declared_in_clickhouse(store: Store, name: str) -> dict[str, str]:
    """Return the same there, where every column has one type; what is no number is text or, in some columns, bytes."""
    blobs = {column for table in PLAIN_TABLES for column in table.blobs}
    storages = {}
    for row in store.query(f"DESCRIBE TABLE {name}"):
        number = _NUMBER.search(row["type"])
        kind = "text" if number is None else "real" if number[1] == "Float" else "integer"
        storages[row["name"]] = "blob" if row["name"] in blobs else kind
    return storages


def _common(found: set[str], declared: str) -> str:
    kinds = found or ({declared} & {"integer", "real", "text", "blob"})
    if kinds == {"integer", "real"}:
        return "real"
    return kinds.pop() if len(kinds) == 1 else "text"


def _text(value: Any) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


_FITS: dict[str, Callable[[Any], Any]] = {"integer": int, "real": float, "text": _text, "blob": bytes}


def _batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while batch := list(islice(rows, _ROWS_AT_ONCE)):
        yield batch


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
