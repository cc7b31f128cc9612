"""The same server over HTTP, in the server that runs anyway: ``/mcp``."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from session_buddy.server.bodies import Room, read_body
from session_buddy.server.site import Site, site_of

__all__ = ["McpEndpoint", "mcp_routes"]

PATH = "/mcp"
_BODY_BYTES = 1 << 20


class McpEndpoint:
    """Answers at one path, while :meth:`run` runs; the SDK is loaded by the first request, which waits for it.

    Each request stands for itself: an agent that comes back after the server began anew needs no new session.
    """

    def __init__(self) -> None:
        self._asked, self._ready = asyncio.Event(), asyncio.Event()
        self._request: Request | None = None
        self._manager: Any = None
        self._fault: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whose body must come within the bounds of all bodies."""
        request = Request(scope, receive)
        room: Room = request.app.state.room
        async with room.held() as hold:
            seconds = site_of(request).limits.body_seconds
            body = await read_body(request, most_bytes=_BODY_BYTES, seconds=seconds, hold=hold)
            manager = await self._loaded(request)
            await manager.handle_request(scope, _told_again(body, receive), send)

    async def run(self) -> None:
        """Hold what requests need, from the first one on until cancelled."""
        await self._asked.wait()
        assert self._request is not None
        try:
            manager = await asyncio.to_thread(_load, site_of(self._request), self._request.app.state)
        except Exception as fault:
            # Each request is told, and the log by each: nobody waits for what will not come.
            self._fault = fault
            self._ready.set()
            return
        async with manager.run():
            self._manager = manager
            self._ready.set()
            await asyncio.Event().wait()

    async def _loaded(self, request: Request) -> Any:
        if self._manager is None:
            self._request = request
            self._asked.set()
            await self._ready.wait()
        if self._fault is not None:
            raise self._fault
        return self._manager


def _load(site: Site, state: Any) -> Any:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from session_buddy.server.mcp.ground import ground_of_site
    from session_buddy.server.mcp.protocol import mcp_server

    ground = ground_of_site(site, state)
    return StreamableHTTPSessionManager(
        mcp_server(lambda: ground), json_response=True, stateless=True, max_request_body_size=_BODY_BYTES
    )


def _told_again(body: bytes, receive: Receive) -> Receive:
    """Return what gives *body* first, as if it came now, and then what comes."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return messages.pop() if messages else await receive()

    return receiving


def mcp_routes(endpoint: McpEndpoint) -> list[BaseRoute]:
    """Return the route of *endpoint*. Names and origins are checked before, as for everything the server answers.

    Nothing is ever told but what was asked for, so there is no stream to be had by GET, and no session to be deleted.
    """
    return [Route(PATH, endpoint, methods=["POST"])]
