"""The first page: what goes on, what needs a look."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.formats import date
from session_buddy.monitoring.series import Grain
from session_buddy.ordering import RankingOrder
from session_buddy.reports.activity import read_daily_uses
from session_buddy.reports.anomalies import read_anomalies
from session_buddy.reports.changes import read_changes
from session_buddy.reports.latest import read_latest
from session_buddy.reports.overview import read_holdings
from session_buddy.reports.ranking import first_day, read_ranking, without_tools
from session_buddy.reports.series import read_series
from session_buddy.server.pages.drawings import bars
from session_buddy.server.pages.rendering import page, shown
from session_buddy.server.pages.series_files import series_file
from session_buddy.server.site import site_of

__all__ = ["series_csv", "show"]

_TOP = 10
_LATEST = 14
_DAYS = 42


@shown
def show(request: Request) -> Response:
    """Answer with the overview; for an empty store, with what to do."""
    site = site_of(request)
    holdings = read_holdings(site.store)
    if not holdings.invocations:
        return page(request, "empty.html", store=site.store.url)
    changes = read_changes(site.store, now=site.clock())
    until = changes.until if changes else site.clock()
    series = read_series(site.store, None, Grain.DAY, since=first_day(until, _DAYS), until=until)
    buckets = series.buckets
    return page(
        request,
        "overview.html",
        holdings=holdings,
        changes=changes,
        buckets=buckets,
        bars=bars([date(b.start) for b in buckets], [b.invocations for b in buckets], [b.failed for b in buckets]),
        ranking=read_ranking(site.store, without_tools(), RankingOrder.USES, _TOP),
        daily=read_daily_uses(site.store, until=until, days=_DAYS),
        latest=read_latest(site.store, _LATEST),
        anomalies=read_anomalies(site.store, 3),
    )


@shown
def series_csv(request: Request) -> Response:
    """Answer with what the chart of all skills shows."""
    site = site_of(request)
    changes = read_changes(site.store, now=site.clock())
    until = changes.until if changes else site.clock()
    return series_file(
        "all-skills", read_series(site.store, None, Grain.DAY, since=first_day(until, _DAYS), until=until)
    )
