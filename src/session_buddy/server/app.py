"""The app: all parts of the server behind one door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

import session_buddy
from session_buddy.errors import InvalidInput, SessionBuddyError
from session_buddy.server.api import api_router
from session_buddy.server.api.health import ReadinessProbe
from session_buddy.server.api.names import KeepSlashesOfNames
from session_buddy.server.bodies import Room
from session_buddy.server.live import live_routes
from session_buddy.server.login import login_routes
from session_buddy.server.metrics import metrics_routes
from session_buddy.server.pages import page_routes
from session_buddy.server.pages.rendering import error_page
from session_buddy.server.problems import MethodNotAllowed, NoSuchPath, RequestRefused, Unexpected, problem_response
from session_buddy.server.security import Security
from session_buddy.server.site import Site

__all__ = ["create_app"]

Background = Callable[[], AbstractAsyncContextManager[object]]


class _App(FastAPI):
    """A FastAPI behind :class:`Security`, which is outside of everything: of its answers to faults, too."""

    def build_middleware_stack(self) -> ASGIApp:
        return Security(KeepSlashesOfNames(super().build_middleware_stack()), self.state.site.access)


def create_app(site: Site, *, background: Background = nullcontext, more: list[BaseRoute] | None = None) -> FastAPI:
    """Return the app of *site*: API, live feed, metrics and pages.

    *background* runs as long as the app does. *more* are routes that take precedence over its own.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with background():
            yield

    app = _App(
        title="Session-Buddy",
        version=session_buddy.__version__,
        lifespan=running,
        # FastAPI's own pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=_answers_to_errors(),
    )
    app.state.site = site
    app.state.room = Room(site.limits.unfinished_bytes)
    app.state.probe = ReadinessProbe()
    app.router.routes += more or []
    app.include_router(api_router())
    app.router.routes += login_routes()
    app.router.routes += [*live_routes(), *metrics_routes(), *page_routes()]
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
    refused: RequestRefused
    if error.status_code == 404:
        refused = NoSuchPath("Nothing is at this path.", remedy="See /api/v1/openapi.json for what there is.")
    elif error.status_code == 405:
        refused = MethodNotAllowed("This path does not take this method.", remedy="See the header Allow.")
    else:
        refused = RequestRefused(f"{error.detail}.", remedy="See the API reference.")
        refused.status = error.status_code
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return error_page(request, refused)  # a browser, by a link of old or a name mistyped
    return problem_response(refused, headers=dict(error.headers or {}))


async def _of_faults(_: Request, __: Exception) -> Response:
    return problem_response(
        Unexpected("The server made a mistake.", remedy="Its log says which; please report it, and try again.")
    )
