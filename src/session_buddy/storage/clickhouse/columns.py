"""Invocations as columns, the shape in which ClickHouse takes them quickest, and back from rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec

from session_buddy.errors import InvalidInvocation
from session_buddy.model import Invocation
from session_buddy.storage.clickhouse.changes import Edge, Plan

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
    "rating": "Nullable(Float64)",
}
_LISTS = ("alternatives_considered", "follow_up_actions")
_CHANGE = {
    "sign": "Int8",
    "version": "UInt64",
    "first_version": "UInt64",
    "opens_session": "Int8",
    "joins_session": "Int8",
    "joins_user": "Int8",
    "partners": "Array(String)",
}
_OMISSIBLE = frozenset((*(name for name, kind in _TYPE_OF.items() if "Nullable" in kind), *Edge.__struct_fields__))
_LEFT_OUT_AS: dict[str, Any] = {name: () if name == "partners" else 0 for name in Edge.__struct_fields__}
"""What a column that is not sent holds; NULL unless it is named here. A duration of 0 is not NULL."""
_EARLIEST, _LATEST = "1970-01-01T00:00", "2105-12-31T23:59"

CHANGE_TYPES = {
    **{column: _TYPE_OF.get(column, "LowCardinality(String)") for column in _COLUMN_OF.values()},
    **_CHANGE,
}
"""The columns of the table ``invocation_change`` and how their values are sent."""


def event_columns() -> str:
    """Return the select list that :func:`from_row` reads, over ``invocation_log``."""
    return ", ".join(
        f"toUnixTimestamp64Milli({column})" if column == "invoked_at" else column for column in _COLUMN_OF.values()
    )


def milliseconds(moments: Sequence[str]) -> list[int]:
    """Return canonical times as milliseconds since 1970.

    Raises :class:`InvalidInvocation` for years that ClickHouse's hours cannot hold (before 1970, after 2105).
    """
    minutes = _Minutes()
    return [minutes[moment[:16]] + _SECONDS[moment[17:23]] for moment in moments]


class _Minutes(dict[str, int]):
    """Milliseconds from 1970 to minutes, each looked up in the calendar once."""

    def __missing__(self, minute: str) -> int:
        begin = self[minute] = _begin(minute)
        return begin


class _Seconds(dict[str, int]):
    """Milliseconds from the minute, by ``SS.mmm``: a day's worth of texts are these sixty thousand."""

    def __missing__(self, second: str) -> int:
        passed = self[second] = int(second[:2] + second[3:])
        return passed


_SECONDS = _Seconds()


def _begin(minute: str) -> int:
    if not _EARLIEST <= minute <= _LATEST:
        raise InvalidInvocation(
            "invoked_at", f"{minute!r} is outside 1970-2105.", remedy="Correct the time; SQLite stores take any year."
        )
    return int(datetime.fromisoformat(f"{minute}:00").replace(tzinfo=UTC).timestamp()) * 1000


def state_columns(states: Sequence[Invocation]) -> dict[str, list[Any]]:
    """Return *states* by column, as they are sent.

    Raises :class:`InvalidInvocation` for a time that :func:`milliseconds` refuses.
    """
    columns = {column: list(map(attrgetter(field), states)) for field, column in _COLUMN_OF.items()}
    columns["invoked_at"] = milliseconds(columns["invoked_at"])
    for name in _LISTS:
        if any(columns[name]):
            columns[name] = [_json(values) if values else None for values in columns[name]]
    return columns


def change_columns(planned: Plan, first_version: int) -> dict[str, list[Any]]:
    """Return the rows of *planned* by column; their versions count up from *first_version*.

    Columns in which no row says anything but what the table takes for said are left out: they cost as much to send
    as others.
    """
    states = planned.states
    columns = dict(planned.columns or state_columns(states))
    columns["version"] = list(range(first_version, first_version + len(states)))
    if planned.went:
        columns["sign"] = [1] * len(states)
        for place in planned.went:
            columns["sign"][place] = -1
        columns["first_version"] = list(columns["version"])
        for place, version in planned.first_versions.items():
            columns["first_version"][place] = version
    nothing = Edge()
    for name in Edge.__struct_fields__:
        columns[name] = [getattr(nothing, name)] * len(states)
        for place, edge in planned.edges.items():
            columns[name][place] = getattr(edge, name)
    return {
        name: values
        for name, values in columns.items()
        if name not in _OMISSIBLE or _says_something(values, _LEFT_OUT_AS.get(name))
    }


def _says_something(values: list[Any], nothing: Any) -> bool:
    """Return whether any of *values* is another than *nothing*, which the table takes where a column is left out.

    Lists that hold nothing are sent as none at all.
    """
    return values.count(nothing) < len(values) and any(value not in (None, nothing, ()) for value in values)


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
