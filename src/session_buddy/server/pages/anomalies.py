"""The list of anomalies."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.anomalies import AnomalyFigures, read_anomalies
from session_buddy.server.pages.rendering import csv_file, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["listed_csv", "show"]

_SHOWN = 50
_MOST = 10_000


@shown
def show(request: Request) -> Response:
    """Answer with all open anomalies and the latest resolved ones."""
    limit = number(request.query_params, "limit", _SHOWN, most=_MOST)
    store = site_of(request).store
    ((skills,),) = store.query("SELECT count(*) FROM skill_metrics WHERE kind <> 'tool'").rows
    return page(request, "anomalies.html", anomalies=read_anomalies(store, limit), limit=limit, skills=skills)


@shown
def listed_csv(request: Request) -> Response:
    """Answer with the same as CSV."""
    listed = read_anomalies(site_of(request).store, _MOST)
    columns = AnomalyFigures.__struct_fields__
    rows = ([getattr(anomaly, column) for column in columns] for anomaly in [*listed.open, *listed.resolved])
    return csv_file("anomalies", columns, rows)
