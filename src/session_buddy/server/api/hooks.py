"""``POST /api/v1/hooks``: where agents post what they tell their hooks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.importers.hooks import decode_event
from session_buddy.ingest.waiting import Waiting, is_whole
from session_buddy.server.api.describing import refusals
from session_buddy.server.bodies import Room, inflated, read_body, require_type
from session_buddy.server.problems import BadBody, NoSuchPath
from session_buddy.server.site import Site, site_of

__all__ = ["router"]

_AT_ONCE_BYTES = 64 << 10
_EXAMPLE = {
    "session_id": "11111111-2222-3333-4444-555555555555",
    "hook_event_name": "PostToolUse",
    "cwd": "/srv/project",
    "tool_name": "Bash",
    "tool_input": {"command": "pytest -q"},
    "tool_response": {"stdout": "3 passed", "stderr": "", "interrupted": False},
    "tool_use_id": "toolu_01H8",
    "duration_ms": 2310,
}
_BODY: dict[str, Any] = {
    "required": True,
    "description": "One event, as the agent gives it to its hooks.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["session_id", "hook_event_name"],
                "properties": {
                    "session_id": {"type": "string", "minLength": 1},
                    "hook_event_name": {"type": "string", "minLength": 1},
                },
            },
            "examples": {"ended": {"summary": "A call has ended", "value": _EXAMPLE}},
        }
    },
}
_ANSWERS: dict[int | str, Any] = {
    204: {"description": "It is kept, and in the store in a moment. To the agent an empty answer means: go on."},
    **refusals(400, 404, 408, 413, 415, 422),
}


def router() -> APIRouter:
    """Return the route of hooks."""
    routes = APIRouter(tags=["record"])
    routes.add_api_route(
        "/hooks",
        hear,
        methods=["POST"],
        summary="Tell of an event of an agent's hook",
        response_class=Response,
        status_code=204,
        responses=_ANSWERS,
        openapi_extra={"requestBody": _BODY},
        operation_id="hear_hook",
    )
    return routes


async def hear(request: Request) -> Response:
    """Keep an event that an agent tells its hooks, and read it right after.

    What was said and what tools were given and returned is read for names and outcomes, and not stored.
    """
    site = site_of(request)
    if site.hooks is None:
        raise NoSuchPath("This server hears no hooks.", remedy="Start it with 'session-buddy serve'.")
    require_type(request, "application/json")
    room: Room = request.app.state.room
    async with room.held() as hold:
        limits = site.limits
        sent = await read_body(request, most_bytes=limits.body_bytes, seconds=limits.body_seconds, hold=hold)
        encoding = request.headers.get("content-encoding", "")
        if len(sent) <= _AT_ONCE_BYTES and not encoding:
            _keep(site, site.hooks.spool, sent, encoding)  # takes less time than to hand it to a thread
        else:
            await site.threads.writes.run(_keep, site, site.hooks.spool, sent, encoding)
    site.hooks.tell()
    return Response(status_code=204)


def _keep(site: Site, spool: Waiting, sent: bytes, encoding: str) -> None:
    event = inflated(sent, encoding, most_bytes=site.limits.body_bytes)
    try:
        decode_event(event)
    except InvalidInput as error:
        if not is_whole(event):
            raise BadBody("The body is no JSON, or ends before its end.", remedy=error.remedy) from error
        raise
    spool.require_room()
    spool.put(event)
