"""The app: all parts of the server behind one door."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import session_buddy
from session_buddy.errors import InvalidInput, SessionBuddyError
from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.server.api import api_router
from session_buddy.server.api.health import ReadinessProbe
from session_buddy.server.api.names import KeepSlashesOfNames
from session_buddy.server.bodies import Room
from session_buddy.server.kept import Kept
from session_buddy.server.learned import LearnedNow
from session_buddy.server.live import live_routes
from session_buddy.server.login import login_routes
from session_buddy.server.mcp.http import McpEndpoint, mcp_routes
from session_buddy.server.metrics import metrics_routes
from session_buddy.server.pages import page_routes
from session_buddy.server.pages.rendering import error_page
from session_buddy.server.predicted import PredictorNow
from session_buddy.server.problems import MethodNotAllowed, NoSuchPath, RequestRefused, Unexpected, problem_response
from session_buddy.server.searching import SkillSearch
from session_buddy.server.security import Security
from session_buddy.server.site import Site
from session_buddy.server.telemetry import telemetry_routes

__all__ = ["create_app"]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What newer releases of FastAPI would tell a collector named in the environment: paths have names in them.
_NO_TELEMETRY: Any = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
_log = logging.getLogger(__name__)

Background = Callable[[], AbstractAsyncContextManager[object]]


class _App(FastAPI):
    """A FastAPI behind :class:`Security`, which is outside of everything: of its answers to faults, too."""

    def build_middleware_stack(self) -> ASGIApp:
        return Security(KeepSlashesOfNames(_FaultsEndHere(super().build_middleware_stack())), self.state.site.access)


class _FaultsEndHere:
    """Logs a fault that was answered: handed on, it would end the connection under the next request on it.

    Where the answer had begun and could not be ended, the end of the connection is all that can tell.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False

        async def sending(message: Message) -> None:
            nonlocal is_answered
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            if not is_answered:
                raise
            _log.exception("A request could not be answered as it should.")


def create_app(
    site: Site,
    *,
    background: Background = nullcontext,
    more: list[BaseRoute] | None = None,
    max_skills: int = MAX_SKILLS,
) -> FastAPI:
    """Return the app of *site*: API, live feed, metrics and pages.

    *background* runs as long as the app does. *more* are routes that take precedence over its own. More than
    *max_skills* skills are one in the metrics.
    """
    mcp = McpEndpoint()

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        answering = asyncio.ensure_future(mcp.run())
        try:
            async with background():
                yield
        finally:
            answering.cancel()
            await asyncio.wait([answering])

    app = _App(
        title="Session-Buddy",
        version=session_buddy.__version__,
        lifespan=running,
        # FastAPI's own pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        exception_handlers=_answers_to_errors(),
    )
    app.state.site = site
    app.state.room = Room(site.limits.unfinished_bytes)
    app.state.probe = ReadinessProbe()
    app.state.kept = Kept()
    app.state.search = SkillSearch()
    app.state.predictor = PredictorNow()
    app.state.learned = LearnedNow(app.state.predictor)
    app.router.routes += more or []
    app.include_router(api_router())
    app.router.routes += [*login_routes(), *mcp_routes(mcp)]
    app.router.routes += [*live_routes(), *telemetry_routes(), *metrics_routes(max_skills=max_skills), *page_routes()]
    return app


def _answers_to_errors() -> dict[Any, Any]:
    return {
        SessionBuddyError: _of_ours,
        RequestValidationError: _of_parameters,
        HTTPException: _of_http,
        Exception: _of_faults,
    }


async def _of_ours(_: Request, error: SessionBuddyError) -> Response:
    return problem_response(error)


async def _of_parameters(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "request"
    return problem_response(InvalidInput(field, f"{first['msg']}.", remedy="See this operation in the API reference."))


async def _of_http(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    refused: RequestRefused
    if error.status_code == 404:
        refused = NoSuchPath("Nothing is at this path.", remedy="See /api/v1/openapi.json for what there is.")
    elif error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
        refused = MethodNotAllowed("This path does not take this method.", remedy="See the header Allow.")
    else:
        refused = RequestRefused(f"{error.detail}.", remedy="See the API reference.")
        refused.status = error.status_code
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return error_page(request, refused)  # a browser, by a link of old or a name mistyped
    return problem_response(refused, headers=headers)


def _methods(request: Request) -> list[str]:
    """Return what the path of *request* takes; starlette itself names only what the first of its routes does."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]


async def _of_faults(_: Request, __: Exception) -> Response:
    return problem_response(
        Unexpected("The server made a mistake.", remedy="Its log says which; please report it, and try again.")
    )
