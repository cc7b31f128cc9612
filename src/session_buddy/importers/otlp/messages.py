"""The messages of OTLP, of both encodings, as one kind of values: only what is used, everything else skipped.

JSON as agents write it: whole numbers as numbers and as texts, ids as they come.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["Attributes", "Entry", "Log", "Signal", "Span", "decode"]

Attributes = dict[str, Any]
"""Of scalars and lists; what is of no use is left out."""


class Signal(StrEnum):
    """What is told of; also the last part of the path."""

    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"


class _Any(msgspec.Struct, rename="camel"):
    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None
    array_value: Any = None


class _KeyValue(msgspec.Struct):
    key: str = ""
    value: _Any | None = None


class Entry(msgspec.Struct, kw_only=True):
    """What logs and spans have in common."""

    resource: Attributes = msgspec.field(default_factory=dict)
    attributes: Attributes = msgspec.field(default_factory=dict)


class Log(Entry, kw_only=True):
    """A log record."""

    body: str = ""
    event_name: str = ""
    time_ns: int = 0
    """Since 1970; 0 where it is not told."""


class Span(Entry, kw_only=True):
    """A span that has ended."""

    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    name: str = ""
    start_ns: int = 0
    end_ns: int = 0
    failed: bool | None = None
    """None: it does not say."""


# Where JSON of protobuf says null, it says nothing.


class _JsonLog(msgspec.Struct, rename="camel"):
    time_unix_nano: Any = 0
    observed_time_unix_nano: Any = 0
    body: _Any | None = None
    event_name: Any = ""
    attributes: list[_KeyValue] | None = None


class _JsonStatus(msgspec.Struct):
    code: Any = None


class _JsonSpan(msgspec.Struct, rename="camel"):
    trace_id: Any = ""
    span_id: Any = ""
    parent_span_id: Any = ""
    name: Any = ""
    start_time_unix_nano: Any = 0
    end_time_unix_nano: Any = 0
    attributes: list[_KeyValue] | None = None
    status: _JsonStatus | None = None


class _JsonScope(msgspec.Struct, rename="camel"):
    log_records: list[_JsonLog] | None = None
    spans: list[_JsonSpan] | None = None


class _JsonResource(msgspec.Struct):
    attributes: list[_KeyValue] | None = None


class _JsonPart(msgspec.Struct, rename="camel"):
    resource: _JsonResource | None = None
    scope_logs: list[_JsonScope] | None = None
    scope_spans: list[_JsonScope] | None = None


class _JsonRequest(msgspec.Struct, rename="camel"):
    resource_logs: list[_JsonPart] | None = None
    resource_spans: list[_JsonPart] | None = None
    resource_metrics: list[msgspec.Raw] | None = None


_REQUEST = msgspec.json.Decoder(_JsonRequest)
_ERROR = "STATUS_CODE_ERROR"


def decode(data: bytes, signal: Signal, *, is_json: bool) -> list[Log] | list[Span]:
    """Return what *data*, the body of an export request, tells of; nothing of metrics, which are only checked.

    Raises :class:`InvalidInput` for what is no such request.
    """
    try:
        return _of_json(_REQUEST.decode(data), signal) if is_json else _of_protobuf(data, signal)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(
            "body", f"is no OTLP request for {signal}: {error}.", remedy="Send it as OTLP/HTTP, protobuf or JSON."
        ) from error


def _of_json(request: _JsonRequest, signal: Signal) -> list[Log] | list[Span]:
    if signal is Signal.LOGS:
        return [
            Log(
                resource=_attributes(part.resource.attributes if part.resource else None),
                attributes=_attributes(record.attributes),
                body=_text(_value(record.body)),
                event_name=_text(record.event_name),
                time_ns=_number(record.time_unix_nano) or _number(record.observed_time_unix_nano),
            )
            for part in request.resource_logs or ()
            for scope in part.scope_logs or ()
            for record in scope.log_records or ()
        ]
    if signal is Signal.METRICS:
        return []
    return [
        Span(
            resource=_attributes(part.resource.attributes if part.resource else None),
            attributes=_attributes(span.attributes),
            trace_id=_text(span.trace_id).lower(),
            span_id=_text(span.span_id).lower(),
            parent_id=_text(span.parent_span_id).lower(),
            name=_text(span.name),
            start_ns=_number(span.start_time_unix_nano),
            end_ns=_number(span.end_time_unix_nano),
            failed=_failed(span.status.code if span.status else None),
        )
        for part in request.resource_spans or ()
        for scope in part.scope_spans or ()
        for span in scope.spans or ()
    ]


def _of_protobuf(data: bytes, signal: Signal) -> list[Log] | list[Span]:
    from google.protobuf.message import DecodeError

    try:
        if signal is Signal.LOGS:
            from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

            return [
                Log(
                    resource=_message_attributes(part.resource.attributes),
                    attributes=_message_attributes(record.attributes),
                    body=_text(_message_value(record.body)),
                    event_name=record.event_name,
                    time_ns=record.time_unix_nano or record.observed_time_unix_nano,
                )
                for part in ExportLogsServiceRequest.FromString(data).resource_logs
                for scope in part.scope_logs
                for record in scope.log_records
            ]
        if signal is Signal.METRICS:
            from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

            ExportMetricsServiceRequest.FromString(data)
            return []
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        return [
            Span(
                resource=_message_attributes(part.resource.attributes),
                attributes=_message_attributes(span.attributes),
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                name=span.name,
                start_ns=span.start_time_unix_nano,
                end_ns=span.end_time_unix_nano,
                failed=_failed(span.status.code),
            )
            for part in ExportTraceServiceRequest.FromString(data).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]
    except DecodeError as error:
        raise ValueError(str(error) or "it is no protobuf") from error


def _attributes(pairs: list[_KeyValue] | None) -> Attributes:
    found = {pair.key: _value(pair.value) for pair in pairs or ()}
    return {key: value for key, value in found.items() if value is not None}


def _value(told: _Any | None) -> Any:
    if told is None:
        return None
    if told.int_value is not None:
        return _number(told.int_value)
    if isinstance(told.array_value, dict):
        values = told.array_value.get("values")
        listed = values if isinstance(values, list) else []
        return [_text(next(iter(one.values()), "")) for one in listed if isinstance(one, dict)]
    for value in (told.string_value, told.bool_value, told.double_value):
        if isinstance(value, str | bool | int | float):
            return value
    return None


def _message_attributes(pairs: Any) -> Attributes:
    found = {pair.key: _message_value(pair.value) for pair in pairs}
    return {key: value for key, value in found.items() if value is not None}


def _message_value(told: Any) -> Any:
    kind = told.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value", "double_value"):
        return getattr(told, kind)
    if kind == "array_value":
        return [_text(_message_value(one)) for one in told.array_value.values if one.WhichOneof("value") != kind]
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    if isinstance(value, str) and len(value) < 30:
        try:
            return int(value)
        except ValueError:
            return 0
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30 else 0


def _failed(code: Any) -> bool | None:
    """Return what the code of a status says; unset says nothing."""
    if not isinstance(code, int | str):
        return None
    return {1: False, 2: True, "STATUS_CODE_OK": False, _ERROR: True}.get(code)
