"""Invocations as columns, the shape in which ClickHouse takes them quickest, and back from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from session_buddy.errors import InvalidInvocation
from session_buddy.model import YEARS, Invocation
from session_buddy.storage.clickhouse.changes import Edge, Plan
from session_buddy.storage.clickhouse.dictionary import DictionaryColumn
from session_buddy.storage.fitting import refuse_wrong_columns

__all__ = ["CHANGE_TYPES", "change_columns", "event_columns", "from_row", "milliseconds", "state_columns"]

_COLUMN_OF = {field: {"trigger": "triggered_by"}.get(field, field) for field in Invocation.__struct_fields__}
_LOW, _TEXT = "LowCardinality(Nullable(String))", "Nullable(String)"
_TYPE_OF = {
    "event_id": "String",
    "invoked_at": "DateTime64(3, 'UTC')",
    "outcome": _LOW,
    "error_type": _LOW,
    "duration_ms": "Nullable(Int64)",
    "duration_source": _LOW,
    "plugin": _LOW,
    "parent_event_id": _TEXT,
    "project": _LOW,
    "agent_version": _LOW,
    "model": _LOW,
    "workflow_phase": _LOW,
    "workflow_step_id": _LOW,
    "alternatives_considered": _TEXT,
    "follow_up_actions": _TEXT,
    "traits": _LOW,
    "rating": "Nullable(Float64)",
}
_LISTS = ("alternatives_considered", "follow_up_actions", "traits")
_CHANGE = {
    "sign": "Int8",
    "version": "UInt64",
    "first_version": "UInt64",
    "opens_session": "Int8",
    "joins_session": "Int8",
    "joins_user": "Int8",
    "partners": "Array(String)",
}
_FIRST_YEAR, _LAST_YEAR = map(int, YEARS)
_SIGNS = len("2026-01-31T09:30:00.000Z")
_MOMENT = np.int64
_AT_ONCE = 1_000
"""So many invocations are taken apart at a time: what they hold stays near the processor for all columns."""

CHANGE_TYPES = {
    **{column: _TYPE_OF.get(column, "LowCardinality(String)") for column in _COLUMN_OF.values()},
    **_CHANGE,
}
"""The columns of the table ``invocation_change`` and how their values are sent."""

_OMISSIBLE = frozenset(name for name, kind in CHANGE_TYPES.items() if "Nullable" in kind)
_Numbers = npt.NDArray[np.int64]


def event_columns() -> str:
    """Return the select list that :func:`from_row` reads, over ``invocation_log``."""
    return ", ".join(
        f"toUnixTimestamp64Milli({column})" if column == "invoked_at" else column for column in _COLUMN_OF.values()
    )


def milliseconds(moments: Sequence[str]) -> list[int]:
    """Return canonical times as milliseconds since 1970.

    Raises :class:`InvalidInvocation` for years that ClickHouse's hours cannot hold (before 1970, after 2105), and
    for what has not as many signs as a time.
    """
    numbers: list[int] = _milliseconds(moments).tolist()
    return numbers


def _milliseconds(moments: Sequence[str]) -> _Numbers:
    if not moments:
        return np.zeros(0, _MOMENT)
    text = "".join(moments)
    if not text.isascii() or set(map(len, moments)) != {_SIGNS}:
        raise _impossible(next(moment for moment in moments if len(moment) != _SIGNS or not moment.isascii()))
    signs = np.frombuffer(text.encode(), np.uint8).reshape(len(moments), _SIGNS)

    def number(first: int, after: int) -> _Numbers:
        told = np.zeros(len(moments), _MOMENT)
        for place in range(first, after):
            told = told * 10 + (signs[:, place] - ord("0"))
        return told

    year, month, day = number(0, 4), number(5, 7), number(8, 10)
    outside = (year < _FIRST_YEAR) | (year > _LAST_YEAR)
    if outside.any():
        raise _impossible(moments[int(outside.argmax())])
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(_MOMENT) + day - 1
    minutes = (days * 24 + number(11, 13)) * 60 + number(14, 16)
    return minutes * 60_000 + number(17, 19) * 1000 + number(20, 23)


def _impossible(moment: str) -> InvalidInvocation:
    return InvalidInvocation(
        "invoked_at", f"{moment!r} is outside 1970-2105.", remedy="Correct the time; SQLite stores take any year."
    )


def state_columns(states: Sequence[Invocation]) -> dict[str, Any]:
    """Return *states* by column, as they are sent.

    Raises :class:`InvalidInvocation` for a time that :func:`milliseconds` refuses, and for values of a wrong type.
    """
    columns: dict[str, Any] = {column: [] for column in _COLUMN_OF.values()}
    taking = [(columns[column].extend, attrgetter(field)) for field, column in _COLUMN_OF.items()]
    for start in range(0, len(states), _AT_ONCE):
        some = states[start : start + _AT_ONCE]
        for extend, value in taking:
            extend(map(value, some))
    refuse_wrong_columns({field: columns[column] for field, column in _COLUMN_OF.items()})
    columns["invoked_at"] = _milliseconds(columns["invoked_at"])
    for name in _LISTS:
        if any(columns[name]):
            columns[name] = [_json(values) if values else None for values in columns[name]]
        else:
            columns[name] = [None] * len(states)
    for name, values in columns.items():
        if CHANGE_TYPES[name].startswith("LowCardinality"):
            columns[name] = DictionaryColumn.of(values, nullable=name in _OMISSIBLE)
    return columns


def change_columns(planned: Plan, first_version: int) -> dict[str, Any]:
    """Return the rows of *planned* by column; their versions count up from *first_version*.

    Columns in which no row says anything but what the table takes for said are left out: they cost as much to send
    as others.
    """
    count = len(planned.states)
    columns = dict(planned.columns or state_columns(planned.states))
    columns = {name: values for name, values in columns.items() if name not in _OMISSIBLE or _says_something(values)}
    columns["version"] = np.arange(first_version, first_version + count, dtype=np.uint64)
    if planned.went:
        columns["sign"] = np.ones(count, np.int8)
        columns["sign"][planned.went] = -1
        columns["first_version"] = columns["version"].copy()
        for place, version in planned.first_versions.items():
            columns["first_version"][place] = version
    if planned.edges:
        columns |= _edge_columns(planned.edges, count)
    return columns


def _edge_columns(edges: Mapping[int, Edge], count: int) -> dict[str, Any]:
    """Return what begins or ends, by column, of *count* rows: rows without an edge say nothing."""
    places = list(edges)
    columns: dict[str, Any] = {}
    for name in ("opens_session", "joins_session", "joins_user"):
        columns[name] = np.zeros(count, np.int8)
        columns[name][places] = list(map(attrgetter(name), edges.values()))
    columns["partners"] = [()] * count
    for place, edge in edges.items():
        columns["partners"][place] = edge.partners
    return columns


def _says_something(values: list[Any] | DictionaryColumn) -> bool:
    """Return whether any of *values*, which may all be ``None``, is not."""
    if isinstance(values, DictionaryColumn):
        return not values.only_none
    return values.count(None) < len(values)


def from_row(row: Sequence[Any]) -> Invocation:
    """Return the invocation that a row of :func:`event_columns` holds."""
    values = dict(zip(_COLUMN_OF, row, strict=True))
    moment = datetime.fromtimestamp(values["invoked_at"] // 1000, UTC)
    values["invoked_at"] = f"{moment:%Y-%m-%dT%H:%M:%S}.{values['invoked_at'] % 1000:03d}Z"
    for field in _LISTS:
        values[field] = msgspec.json.decode(values[field] or "[]")
    return msgspec.convert(values, Invocation, strict=False)


def _json(values: tuple[str, ...]) -> str:
    return msgspec.json.encode(values).decode()
