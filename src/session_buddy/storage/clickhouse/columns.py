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

__all__ = ["CHANGE_TYPES", "change_columns", "event_columns", "from_row", "milliseconds"]

_COLUMN_OF = {field: {"trigger": "triggered_by"}.get(field, field) for field in Invocation.__struct_fields__}
_OPTIONAL = frozenset(
    [
        "outcome",
        "error_type",
        "duration_source",
        "plugin",
        "parent_event_id",
        "project",
        "agent_version",
        "model",
        "workflow_phase",
        "workflow_step_id",
        "alternatives_considered",
        "follow_up_actions",
    ]
)
_TYPE_OF = {"invoked_at": "DateTime64(3, 'UTC')", "duration_ms": "Nullable(Int64)", "rating": "Nullable(Float64)"}
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
_OMISSIBLE = frozenset((*_OPTIONAL, "rating", *Edge.__struct_fields__))
_EARLIEST, _LATEST = "1970-01-01T00:00:00.000Z", "2105-12-31T23:59:59.999Z"

CHANGE_TYPES = {
    **{
        column: _TYPE_OF.get(column, "Nullable(String)" if column in _OPTIONAL else "String")
        for column in _COLUMN_OF.values()
    },
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
    minutes: dict[str, int] = {}
    found: list[int] = []
    for moment in moments:
        minute = moment[:16]
        begin = minutes.get(minute)
        if begin is None:
            begin = minutes[minute] = _begin(moment)
        found.append(begin + int(moment[17:19]) * 1000 + int(moment[20:23]))
    return found


def _begin(moment: str) -> int:
    if not _EARLIEST <= moment <= _LATEST:
        raise InvalidInvocation(
            "invoked_at", f"{moment!r} is outside 1970-2105.", remedy="Correct the time; SQLite stores take any year."
        )
    return int(datetime.fromisoformat(f"{moment[:16]}:00").replace(tzinfo=UTC).timestamp()) * 1000


def change_columns(planned: Plan, first_version: int) -> dict[str, list[Any]]:
    """Return the rows of *planned* by column; their versions count up from *first_version*.

    Columns in which no row says anything are left out: they cost as much to send as others.
    """
    states = planned.states
    columns = {column: _values(states, field) for field, column in _COLUMN_OF.items()}
    columns["sign"] = [1] * len(states)
    for place in planned.went:
        columns["sign"][place] = -1
    columns["version"] = list(range(first_version, first_version + len(states)))
    columns["first_version"] = list(columns["version"])
    for place, version in planned.first_versions.items():
        columns["first_version"][place] = version
    nothing = Edge()
    for name in Edge.__struct_fields__:
        columns[name] = [getattr(nothing, name)] * len(states)
        for place, edge in planned.edges.items():
            columns[name][place] = getattr(edge, name)
    return {name: values for name, values in columns.items() if name not in _OMISSIBLE or any(values)}


def _values(states: Sequence[Invocation], field: str) -> list[Any]:
    if field == "invoked_at":
        return milliseconds([state.invoked_at for state in states])
    if field in _LISTS:
        return [_json(values) if (values := getattr(state, field)) else None for state in states]
    get = attrgetter(field)
    return [get(state) for state in states]


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
