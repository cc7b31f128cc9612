"""Columns as bytes of ClickHouse's own format, *Native*, and back: made once, kept, and sent as often as it takes.

The client's own writers do the work, but for columns of few values (``LowCardinality``), which are most here, and for
columns that are numbers already: those are packed without a step in Python for each row.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from session_buddy.storage.clickhouse.dictionary import DictionaryColumn

__all__ = ["columns_in", "native"]

_FIRST_OF_ALL = struct.pack("<Q", 1)
"""Version of the packing of ``LowCardinality``: with the values of the block beside it."""
_WITH_NEW_VALUES = 1 << 9 | 1 << 10
_PLACES = ((1 << 8, "<u1"), (1 << 16, "<u2"), (1 << 32, "<u4"))
"""Types of the numbers that tell values, by how many values there are."""
_NUMBERS = {"Int8": "<i1", "UInt64": "<u8", "DateTime64(3, 'UTC')": "<i8"}
"""Of which numbers the columns consist that are told as arrays."""


def native(columns: Mapping[str, Any], types: Mapping[str, str]) -> bytes:
    """Return *columns*, all of one length and not empty, as one block; *types* tells theirs by name.

    A column is a sequence of values, an array of numbers, or a :class:`DictionaryColumn`.

    Raises what the value that cannot be packed raises: ``UnicodeEncodeError``, or a ``ClickHouseError``.
    """
    from clickhouse_connect.datatypes.registry import get_from_name
    from clickhouse_connect.driver.common import write_leb128
    from clickhouse_connect.driver.insert import InsertContext

    context = InsertContext("native", list(columns), [get_from_name(types[name]) for name in columns])
    text = get_from_name("String")
    block = bytearray()
    write_leb128(len(columns), block)
    write_leb128(len(next(iter(columns.values()))), block)
    for (name, values), kind in zip(columns.items(), context.column_types, strict=True):
        text.write_column([name], block, context)
        text.write_column([kind.insert_name], block, context)
        context.start_column(name)
        if kind.low_card:
            if not isinstance(values, DictionaryColumn):
                values = DictionaryColumn.of(values, nullable=kind.nullable)
            places = values.places.astype(next(number for limit, number in _PLACES if len(values.values) <= limit))
            block += _FIRST_OF_ALL + struct.pack("<QQ", _WITH_NEW_VALUES | places.itemsize >> 1, len(values.values))
            text.write_column(["" if value is None else value for value in values.values], block, context)
            block += struct.pack("<Q", len(values)) + places.tobytes()
        elif isinstance(values, np.ndarray):
            block += values.astype(_NUMBERS[types[name]], casting="safe", copy=False).tobytes()
        else:
            kind.write_column(values, block, context)
    return bytes(block)


def columns_in(block: bytes) -> dict[str, list[Any]]:
    """Return the columns that :func:`native` made into *block*; times as numbers."""
    from clickhouse_connect.driver import ctypes
    from clickhouse_connect.driver.query import QueryContext
    from clickhouse_connect.driver.transform import NativeTransform

    buffer: Any = ctypes.RespBuffCls
    context = QueryContext(query_formats={"DateTime64": "int"}, column_oriented=True)
    result: Any = NativeTransform.parse_response(buffer(_Once(block)), context)
    return dict(zip(result.column_names, map(list, result.result_columns), strict=True))


class _Once:
    """What a buffer reads from: one piece, and nothing to close."""

    def __init__(self, block: bytes) -> None:
        self.gen = iter((block,))
        self.last_message = None

    def close(self) -> None:
        """Do nothing."""
