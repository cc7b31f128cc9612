"""OTLP over HTTP: ``/v1/logs``, ``/v1/traces`` and ``/v1/metrics``, in protobuf and in JSON, also as gzip.

What tells of calls becomes invocations, as the OTLP specification wants it: an answer in the encoding of the request,
partial success where some records could not be understood, and a status the exporter knows how to act on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from session_buddy.errors import InvalidInput
from session_buddy.server.bodies import Room, inflated, read_body
from session_buddy.server.problems import RequestRefused, UnsupportedBody
from session_buddy.server.site import Site, site_of

if TYPE_CHECKING:
    from session_buddy.importers.otlp import Executions, Read, Signal
    from session_buddy.importers.shell import ShellRules

__all__ = ["telemetry_routes"]

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_REJECTED = {"logs": "rejectedLogRecords", "traces": "rejectedSpans", "metrics": "rejectedDataPoints"}
_INVALID_ARGUMENT = 3
_HERE = frozenset({"127.0.0.1", "::1", "testclient"})
_REASONS_TOLD = 5


class _Readers:
    """What reads each signal; between requests, it remembers the executions told of last."""

    @cached_property
    def _executions(self) -> Executions:
        from session_buddy.importers.otlp import Executions

        return Executions()

    def read(self, signal: Signal, told: Any, *, user_of: Callable[[str | None], str], rules: ShellRules) -> Read:
        """Return the calls that *told*, the entries of a request, tell of."""
        # Loaded by the first export: most servers get none.
        from session_buddy.importers.otlp import Read, Signal, read_logs, read_spans

        if signal is Signal.LOGS:
            return read_logs(told, user_of=user_of, rules=rules)
        if signal is Signal.TRACES:
            return read_spans(told, user_of=user_of, rules=rules, executions=self._executions)
        return Read()


def telemetry_routes() -> list[BaseRoute]:
    """Return the routes of the receiver."""
    readers = _Readers()
    return [Route(f"/v1/{signal}", _route(signal, readers), methods=["POST"]) for signal in _REJECTED]


def _route(signal: str, readers: _Readers) -> Callable[[Request], Any]:
    async def receive(request: Request) -> Response:
        site = site_of(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (_JSON, _PROTOBUF):
            raise UnsupportedBody(
                f"The body is said to be {kind or 'of no type'}.", remedy=f"Send it as {_PROTOBUF} or {_JSON}."
            )
        room: Room = request.app.state.room
        async with room.held() as hold:
            limits = site.limits
            sent = await read_body(request, most_bytes=limits.body_bytes, seconds=limits.body_seconds, hold=hold)
            encoding = request.headers.get("content-encoding", "")
            is_here = request.client is not None and request.client.host in _HERE
            try:
                read = await site.threads.writes.run(
                    _stored, site, readers, signal, sent, encoding, kind == _JSON, is_here
                )
            except (InvalidInput, RequestRefused) as error:
                return _refused(error, kind)
        return _accepted(signal, read, kind)

    return receive


def _stored(
    site: Site, readers: _Readers, signal: str, sent: bytes, encoding: str, is_json: bool, is_here: bool
) -> Read:
    """Decode and store; in a thread, since both take their time."""
    from session_buddy.importers.otlp import Signal, decode
    from session_buddy.importers.shell import ShellRules

    told = decode(inflated(sent, encoding, most_bytes=site.limits.body_bytes), Signal(signal), is_json=is_json)
    rules = site.rules() if site.rules else ShellRules.builtin()
    read = readers.read(Signal(signal), told, user_of=lambda name: _user(site, name, is_here), rules=rules)
    for batch in _in_batches(read.invocations, site.limits.batch_events):
        site.writer.submit(batch)
    return read


def _user(site: Site, name: str | None, is_here: bool) -> str:
    """Return whose call it is: on this machine the same as in its transcripts, else a hash of what the agent says."""
    if is_here or name is None:
        return site.user_id
    return hmac.new(site.user_id.encode(), name.encode(), hashlib.sha256).hexdigest()[:16]


def _in_batches(invocations: list[Any], most: int) -> Iterable[list[Any]]:
    return (invocations[start : start + most] for start in range(0, len(invocations), most))


def _accepted(signal: str, read: Read, kind: str) -> Response:
    message = "; ".join(f"{count} × {reason}" for reason, count in list(read.reasons.items())[:_REASONS_TOLD])
    if kind == _JSON:
        partial = {_REJECTED[signal]: str(read.rejected), "errorMessage": message} if read.rejected else None
        return Response(msgspec.json.encode({"partialSuccess": partial} if partial else {}), media_type=_JSON)
    if not read.rejected:
        return Response(b"", media_type=_PROTOBUF)
    # All three answers have the same shape: a message in field 1, in it a number in field 1 and a text in field 2.
    partial_bytes = b"\x08" + _varint(read.rejected) + _text_field(2, message)
    return Response(b"\x0a" + _varint(len(partial_bytes)) + partial_bytes, media_type=_PROTOBUF)


def _refused(error: InvalidInput | RequestRefused, kind: str) -> Response:
    """Return the answer to a request that will never be taken, as the ``google.rpc.Status`` that exporters expect."""
    message = f"{error.problem} {error.remedy}"
    status = getattr(error, "status", 400) if isinstance(error, RequestRefused) else 400
    if kind == _JSON:
        return Response(msgspec.json.encode({"code": _INVALID_ARGUMENT, "message": message}), status, media_type=_JSON)
    body = b"\x08" + _varint(_INVALID_ARGUMENT) + _text_field(2, message)
    return Response(body, status, media_type=_PROTOBUF)


def _text_field(number: int, text: str) -> bytes:
    data = text.encode()
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    """Return *number* as protobuf writes it: seven bits a byte, the lowest first."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
