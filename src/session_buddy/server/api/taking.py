"""Bodies of requests as values: read within bounds, decoded by type, refused by the name of the field at fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.server.bodies import Room, inflated, read_body, require_type
from session_buddy.server.problems import BadBody, BodyTooLarge
from session_buddy.server.site import site_of

__all__ = ["SOMETHING_VISIBLE", "acted_on", "answered", "as_json", "decoded", "decoded_batch"]

SOMETHING_VISIBLE = r"\S"
"""The pattern of texts that must not be empty or blank."""

T = TypeVar("T")
R = TypeVar("R")

_JSON = "application/json"
_FIELD_CITED = re.compile(r"field `([^`]*)`")


async def acted_on(request: Request, decode: Callable[[bytes], T], act: Callable[[T], R]) -> R:
    """Return what *act* makes of the body of *request*, which *decode* reads; both run in a thread.

    Raises what they raise, and the errors of bodies that are too large, too slow or of another type.
    """
    site = site_of(request)
    require_type(request, _JSON)
    room: Room = request.app.state.room
    async with room.held() as hold:
        limits = site.limits
        sent = await read_body(request, most_bytes=limits.body_bytes, seconds=limits.body_seconds, hold=hold)
        encoding = request.headers.get("content-encoding", "")

        def done() -> R:
            return act(decode(inflated(sent, encoding, most_bytes=limits.body_bytes)))

        return await site.threads.writes.run(done)


async def answered(
    request: Request, kind: type[T], act: Callable[[T], msgspec.Struct], *, status: int = 200
) -> Response:
    """Return as JSON what *act* makes of the body of *request*, one object of *kind*; raises as :func:`acted_on`."""
    return as_json(await acted_on(request, lambda body: decoded(body, kind), act), status)


def as_json(value: msgspec.Struct, status: int = 200) -> Response:
    """Return *value* as JSON."""
    return Response(msgspec.json.encode(value), status, media_type=_JSON)


def decoded(body: bytes, kind: type[T]) -> T:
    """Return the JSON of *body* as *kind*; raises :class:`BadBody`, and :class:`InvalidInput` for a field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _refused(error, "") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from error


def decoded_batch(body: bytes, kind: type[T], *, named: str, most: int) -> list[T]:
    """Return the JSON of *body*, one object or an array of them; faults name the place: ``outcomes[3].key``.

    Raises :class:`BodyTooLarge` for more than *most*, and what :func:`decoded` raises.
    """
    try:
        if body.lstrip()[:1] != b"[":
            return [msgspec.json.decode(body, type=kind)]
        if body.count(b"{") > most and (count := len(msgspec.json.decode(body, type=list[msgspec.Raw]))) > most:
            raise BodyTooLarge(f"There are {count:,} {named}, more than {most:,}.", remedy="Send several smaller ones.")
        return msgspec.json.decode(body, type=list[kind])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise _refused(error, named) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from error


def _refused(error: msgspec.ValidationError, named: str) -> InvalidInput:
    problem, _, place = str(error).partition(" - at ")
    # Of a key of an object that is "`key` in `$.overrides`".
    path = place.rpartition(" in ")[2].strip("`").removeprefix("$")
    cited = _FIELD_CITED.search(problem)
    if cited:
        path = f"{path}.{cited[1]}"
    field = f"{named}{path}" if path.startswith("[") else path.removeprefix(".")
    if f"matching regex {SOMETHING_VISIBLE!r}" in problem:
        problem = "is empty or blank"
    return InvalidInput(field or named or "body", f"{problem}.", remedy="See this operation in the API reference.")


def _no_json(error: Exception) -> BadBody:
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return BadBody(f"The body is no JSON: {reason}.", remedy="Send JSON in UTF-8.")
