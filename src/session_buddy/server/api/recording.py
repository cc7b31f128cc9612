"""``POST /api/v1/invocations``: the way in."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.server.api.describing import REFERENCE, refusals
from session_buddy.server.api.intake import NewInvocation, Recording, decode_batch
from session_buddy.server.bodies import Room, inflated, read_body, require_type
from session_buddy.server.site import Site, site_of
from session_buddy.storage.submissions import Receipt

__all__ = ["router"]

_EXAMPLE = {
    "event_id": "toolu_01H8",
    "session_id": "11111111-2222-3333-4444-555555555555",
    "skill_name": "pytest-run",
    "kind": "shell",
    "invoked_at": "2026-01-31T10:30:00+01:00",
    "outcome": "completed",
    "duration_ms": 2310,
}
_ONE = {"$ref": REFERENCE.format(name="NewInvocation")}
_BODY: dict[str, Any] = {
    "required": True,
    "description": "One invocation, or a batch of up to 10,000; up to 16 MiB, also when inflated from gzip.",
    "content": {
        "application/json": {
            "schema": {"anyOf": [_ONE, {"type": "array", "items": _ONE, "maxItems": 10_000}]},
            "examples": {
                "one": {"summary": "One invocation", "value": _EXAMPLE},
                "batch": {"summary": "A batch", "value": [_EXAMPLE]},
            },
        }
    },
}
_RECORDING = {"schema": {"$ref": REFERENCE.format(name="Recording")}}
_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "All of it is in the store.",
        "content": {"application/json": _RECORDING | {"example": {"receipt": "stored", "received": 1, "distinct": 1}}},
    },
    202: {
        "description": "The store is away: all of it is on the server's disk, and will be in the store.",
        "content": {"application/json": _RECORDING | {"example": {"receipt": "spooled", "received": 1, "distinct": 1}}},
    },
    **refusals(400, 408, 413, 415, 422),
}


def router() -> APIRouter:
    """Return the route of recording."""
    routes = APIRouter(tags=["record"])
    routes.add_api_route(
        "/invocations",
        record,
        methods=["POST"],
        summary="Record invocations",
        response_class=Response,
        responses=_ANSWERS,
        openapi_extra={"requestBody": _BODY},
        operation_id="record",
    )
    return routes


async def record(request: Request) -> Response:
    """Store one invocation or a batch, all of it or nothing; answered when it is durable.

    Idempotent by `event_id`: after an error, or no answer at all, send it again. An invocation that is stored
    already may be told again with more, an outcome or a duration, and is completed.
    """
    site = site_of(request)
    require_type(request, "application/json")
    room: Room = request.app.state.room
    async with room.held() as hold:
        limits = site.limits
        sent = await read_body(request, most_bytes=limits.body_bytes, seconds=limits.body_seconds, hold=hold)
        encoding = request.headers.get("content-encoding", "")
        recording = await site.threads.writes.run(_stored, site, sent, encoding)
    status = 200 if recording.receipt == Receipt.STORED else 202
    return Response(msgspec.json.encode(recording), status, media_type="application/json")


def _stored(site: Site, sent: bytes, encoding: str) -> Recording:
    """Decode and store; in a thread, since both take their time."""
    body = inflated(sent, encoding, most_bytes=site.limits.body_bytes)
    batch: list[NewInvocation] = decode_batch(body, most_events=site.limits.batch_events)
    receipt = site.writer.submit(batch) if batch else Receipt.STORED
    return Recording(
        receipt=receipt.value, received=len(batch), distinct=len({invocation.event_id for invocation in batch})
    )
