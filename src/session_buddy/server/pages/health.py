"""The health of the data."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.health import read_health
from session_buddy.reports.lag import SourceLag
from session_buddy.reports.refreshing import read_jobs
from session_buddy.server.pages.drawings import of_most
from session_buddy.server.pages.rendering import page, shown
from session_buddy.server.site import site_of

__all__ = ["show"]

_LATE = timedelta(minutes=5)
"""A server that imports is behind for a second or so; for so long only when something stands in its way."""


@shown
def show(request: Request) -> Response:
    """Answer with where the data come from, how far behind they are, and what could not be read."""
    site = site_of(request)
    health = read_health(site.store, site.present() if site.present else None)
    return page(
        request,
        "health.html",
        health=health,
        late=[source for source in health.lag if _is_late(source, site.clock())],
        standing=site.writer.standing,
        troubles=site.troubles(),
        jobs=read_jobs(site.store).jobs,
        store=site.store.url,
        reasons=of_most(health.bad_line_reasons),
    )


def _is_late(source: SourceLag, now: str) -> bool:
    if source.behind_since is None:
        return False
    return datetime.fromisoformat(now) - datetime.fromisoformat(source.behind_since) > _LATE
