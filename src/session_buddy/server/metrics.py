"""``/metrics``: what Prometheus scrapes."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable
from functools import partial

from prometheus_client import CollectorRegistry, ProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.server.metrics_collector import ServerStanding, StoreCollector
from session_buddy.server.metrics_text import OPENMETRICS_TYPE, PLAIN_TYPE, TextFormats, prefers_openmetrics
from session_buddy.server.site import Site, site_of
from session_buddy.storage import Clock, Store

__all__ = ["MetricsEndpoint", "Run", "metrics_routes", "new_registry"]

Run = Callable[[Callable[[], bytes]], Awaitable[bytes]]
"""Runs a blocking call elsewhere than on the event loop."""

_GZIP_LEVEL = 1
"""Names and labels repeat: the least effort already leaves less than a tenth."""


def metrics_routes(*, max_skills: int = MAX_SKILLS) -> list[BaseRoute]:
    """Return the route ``/metrics`` of an app that carries a :class:`~session_buddy.server.site.Site`.

    The store is first read at the first scrape. More than *max_skills* skills are summed under ``other``.
    """
    endpoint: MetricsEndpoint | None = None

    async def metrics(request: Request) -> Response:
        nonlocal endpoint
        if endpoint is None:
            site = site_of(request)
            registry = new_registry(
                site.store, clock=site.clock, server=partial(_standing_of, site), max_skills=max_skills
            )
            endpoint = MetricsEndpoint(registry, run=site.threads.reads.run)
        return await endpoint.answer(request)

    return [Route("/metrics", metrics, methods=["GET"], include_in_schema=False)]


def new_registry(
    store: Store,
    *,
    clock: Clock,
    server: Callable[[], ServerStanding] | None = None,
    max_skills: int = MAX_SKILLS,
) -> CollectorRegistry:
    """Return a registry of its own for what *store*, *server* and this process tell."""
    registry = CollectorRegistry()
    registry.register(StoreCollector(store, clock=clock, server=server, max_skills=max_skills))
    ProcessCollector(registry=registry)
    return registry


class MetricsEndpoint:
    """Answers scrapes with what *registry* collects, in the format that the client prefers."""

    def __init__(self, registry: CollectorRegistry, *, run: Run) -> None:
        self._registry, self._run = registry, run
        self._formats = TextFormats()
        self._turn, self._writing = asyncio.Lock(), threading.Lock()

    async def answer(self, request: Request) -> Response:
        """Answer one scrape; the store is read by *run*, as it may take its time. Who waits for it holds no thread."""
        openmetrics = prefers_openmetrics(request.headers.get("accept", ""))
        packed = "gzip" in request.headers.get("accept-encoding", "")
        async with self._turn:
            body = await self._run(lambda: self.text(openmetrics=openmetrics, packed=packed))
        headers = {"vary": "accept, accept-encoding"} | ({"content-encoding": "gzip"} if packed else {})
        return Response(body, headers=headers, media_type=OPENMETRICS_TYPE if openmetrics else PLAIN_TYPE)

    def text(self, *, openmetrics: bool = False, packed: bool = False) -> bytes:
        """Return everything that is collected, as text, with gzip around it if *packed*; scrapes take turns."""
        with self._writing:
            families = self._registry.collect()
            text = self._formats.openmetrics(families) if openmetrics else self._formats.plain(families)
        return gzip.compress(text, _GZIP_LEVEL) if packed else text


def _standing_of(site: Site) -> ServerStanding:
    return ServerStanding(
        writer=site.writer.standing,
        spool_limit_bytes=site.spool_bytes,
        troubles=len(site.troubles()),
        live_clients=len(site.feed),
    )
