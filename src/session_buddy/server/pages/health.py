"""The health of the data."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.health import read_health
from session_buddy.server.pages.drawings import of_most
from session_buddy.server.pages.rendering import page, shown
from session_buddy.server.site import site_of

__all__ = ["show"]


@shown
def show(request: Request) -> Response:
    """Answer with where the data come from, how far behind they are, and what could not be read."""
    site = site_of(request)
    health = read_health(site.store)
    return page(
        request,
        "health.html",
        health=health,
        standing=site.writer.standing,
        troubles=site.troubles(),
        store=site.store.url,
        reasons=of_most(health.bad_line_reasons),
    )
