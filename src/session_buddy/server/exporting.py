"""The exporter: ``/metrics`` of a store alone, where no server runs beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.server.doors import Door, address_of, listening
from session_buddy.server.metrics import MetricsEndpoint, new_registry
from session_buddy.server.security import Access, Security
from session_buddy.storage import Clock, Store

__all__ = ["exporter_app", "run_exporter"]

_GRACE_SECONDS = 5


def run_exporter(
    store: Store,
    host: str,
    port: int,
    *,
    access: Access | None = None,
    max_skills: int = MAX_SKILLS,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve the metrics of *store* at *host* and *port* until the process is told to stop (SIGTERM, SIGINT).

    *access* decides who may see them, as in the server; without it whoever can connect may. *on_ready* is called with
    the address once it is listened on. More than *max_skills* skills are summed under ``other``.
    The store stays the caller's to close.

    Raises :class:`~session_buddy.errors.InvalidInput` for an address that cannot be had.
    """
    app = exporter_app(store, clock=_now, access=access, max_skills=max_skills)
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    with listening(Door(host, port)) as listener:
        on_ready(address_of(listener))
        uvicorn.Server(config).run(sockets=[listener])


def exporter_app(store: Store, *, clock: Clock, access: Access | None = None, max_skills: int = MAX_SKILLS) -> ASGIApp:
    """Return an app with ``/metrics`` and ``/healthz``; see :func:`run_exporter`."""
    endpoint = MetricsEndpoint(new_registry(store, clock=clock, max_skills=max_skills), run=run_in_threadpool)

    async def metrics(request: Request) -> Response:
        return await endpoint.answer(request)

    app = Starlette(routes=[Route("/metrics", metrics), Route("/healthz", _healthz)])
    return Security(app, access) if access else app


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
