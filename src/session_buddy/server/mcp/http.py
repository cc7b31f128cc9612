"""The same server over HTTP, in the server that runs anyway: ``/mcp``."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._manager is None:
            self._request = Request(scope)
            self._asked.set()
            await self._ready.wait()
        await self._manager.handle_request(scope, receive, send)

    async def run(self) -> None:
        """Hold what requests need, from the first one on until cancelled."""
        await self._asked.wait()
        assert self._request is not None
        manager = await asyncio.to_thread(_loaded, site_of(self._request), self._request.app.state)
        async with manager.run():
            self._manager = manager
            self._ready.set()
            await asyncio.Event().wait()


def _loaded(site: Site, state: Any) -> Any:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from session_buddy.server.mcp.ground import ground_of_site
    from session_buddy.server.mcp.protocol import mcp_server

    ground = ground_of_site(site, state)
    return StreamableHTTPSessionManager(
        mcp_server(lambda: ground), json_response=True, stateless=True, max_request_body_size=_BODY_BYTES
    )


def mcp_routes(endpoint: McpEndpoint) -> list[BaseRoute]:
    """Return the route of *endpoint*. Names and origins are checked before, as for everything the server answers."""
    return [Route(PATH, endpoint, methods=["GET", "POST", "DELETE"])]
