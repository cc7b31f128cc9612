"""The list of skills."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.asking import one_of
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder
from session_buddy.reports.activity import read_daily_uses
from session_buddy.reports.ranking import first_day, read_ranking, without_tools
from session_buddy.server.pages.rendering import flag, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["show"]

_SHOWN = 200
_MOST = 10_000
_DAYS = 42
_PERIODS = {None: "all time", "30": "30 days", "7": "7 days", "1": "today"}


@shown
def show(request: Request) -> Response:
    """Answer with the skills of the kind, in the order and over the days that the query asks for."""
    site, query = site_of(request), request.query_params
    now = site.clock()
    order = one_of(RankingOrder, "by", query.get("by", RankingOrder.USES))
    kind = one_of(Kind, "kind", query["kind"]) if query.get("kind") else None
    tools = flag(query, "all")
    days = number(query, "days", 1, most=36_500) if query.get("days") else None
    limit = number(query, "limit", _SHOWN, most=_MOST)
    kinds = {kind} if kind else set(Kind) if tools else without_tools()
    ranking = read_ranking(site.store, kinds, order, limit, since=first_day(now, days) if days else None)
    latest = ranking.last_invoked_at
    until = now if not latest or first_day(now, _DAYS) <= latest <= now else latest
    return page(
        request,
        "skills.html",
        ranking=ranking,
        daily=read_daily_uses(site.store, until=until, days=_DAYS),
        until=until,
        orders=list(RankingOrder),
        kinds=[member for member in Kind if tools or member is not Kind.TOOL],
        periods=_PERIODS,
        chosen={
            "by": None if order is RankingOrder.USES else order.value,
            "kind": kind.value if kind else None,
            "days": str(days) if days else None,
            "all": "1" if tools else None,
        },
    )
