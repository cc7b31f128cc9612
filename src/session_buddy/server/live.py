"""The live feed over HTTP: ``/api/v1/live`` as WebSocket, ``/api/v1/live/events`` as server-sent events.

The protocol is described in docs/reference/live.md and docs/reference/asyncapi.yaml.
"""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from session_buddy.errors import InvalidInput
from session_buddy.feed import FeedFull
from session_buddy.feed.messages import Position, Snapshot
from session_buddy.feed.topics import Topics
from session_buddy.reports.live import read_snapshot
from session_buddy.server.live_events import EventStream
from session_buddy.server.live_pump import LiveSettings, Pump
from session_buddy.server.live_socket import LiveSocket
from session_buddy.server.problems import Problem, fault_of, problem_response
from session_buddy.server.site import site_of

__all__ = ["LiveSettings", "close_live", "live_routes"]


def live_routes(settings: LiveSettings | None = None) -> list[BaseRoute]:
    """Return the routes of the live feed, for an app whose state has a site.

    With uvicorn, give it :class:`~session_buddy.server.live_protocol.LiveWebSocketProtocol` as ``ws``: it is several
    times as quick. Other servers work too.
    """
    chosen = settings or LiveSettings()

    async def socket(websocket: WebSocket) -> None:
        try:
            client = LiveSocket(websocket, _pump_of(websocket, chosen))
        except FeedFull as error:
            await _refuse(websocket, error)
            return
        await client.converse()

    return [
        WebSocketRoute("/api/v1/live", socket, name="live"),
        Route("/api/v1/live/events", _Events(chosen), methods=["GET"], name="live-events"),
    ]


def close_live(app: Starlette) -> None:
    """End all live connections of *app*: streams of events would keep the server from ending.

    Call it on the event loop when the server is told to stop, before it waits for its connections.
    """
    pump: Pump | None = getattr(app.state, "live", None)
    if pump:
        pump.close()


class _Events:
    """The endpoint of server-sent events; an ASGI app, so that it may last without being a response in memory."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            stream = EventStream(_pump_of(request, self._settings), *_asked_for(request))
        except InvalidInput as error:
            await problem_response(error)(scope, receive, send)
        except FeedFull as error:
            await _full(error)(scope, receive, send)
        else:
            await stream(scope, receive, send)


def _asked_for(request: Request) -> tuple[list[str], Position | None]:
    """Return the topics and the position that a request names; a browser that comes back says it in a header."""
    since = request.headers.get("last-event-id") or request.query_params.get("since")
    return request.query_params.getlist("topic") or ["all"], Position.parse(since) if since else None


def _pump_of(connection: HTTPConnection, settings: LiveSettings) -> Pump:
    """Return the pump of the app that *connection* belongs to, made with the first one."""
    state = connection.app.state
    if getattr(state, "live", None) is None:
        site = site_of(connection)

        async def read(topics: Topics, at: Position) -> Snapshot:
            return await site.threads.reads.run(read_snapshot, site.store, topics, at)

        state.live = Pump(site.feed, read, settings)
    pump: Pump = state.live
    return pump


async def _refuse(websocket: WebSocket, error: FeedFull) -> None:
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(_full(error))
    else:
        await websocket.close(1013, error.problem)


def _full(error: FeedFull) -> Response:
    body = msgspec.json.encode(Problem(error=fault_of(error)))
    return Response(body, 503, {"Retry-After": f"{error.retry_after_seconds:.0f}"}, "application/json")
