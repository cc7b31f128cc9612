"""Experiments: the list, and one of them with its charts, its data and its report as a file."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import SessionBuddyError
from session_buddy.experiments.comparing import Arm, Comparison, Range
from session_buddy.experiments.design import Experiment, Status
from session_buddy.reports.experiment_wording import margins_of
from session_buddy.reports.experiments import (
    ExperimentDetails,
    ExperimentReport,
    ExperimentView,
    read_experiment,
    read_experiment_history,
    read_experiment_index,
    read_experiment_report,
)
from session_buddy.server.experiment_details import details_within, remembered_details
from session_buddy.server.pages.experiment_figures import course_figure, forest_figure, forest_rows
from session_buddy.server.pages.experiment_report import report_document, report_name
from session_buddy.server.pages.rendering import csv_file, error_page, flag, name_asked_for, number, page, shown
from session_buddy.server.site import site_of

__all__ = [
    "course_chart",
    "course_csv",
    "metrics_chart",
    "metrics_csv",
    "report_file",
    "segments_csv",
    "show",
    "show_one",
    "users_csv",
]

_SHOWN = 50
_MOST = 1_000
_PATIENCE_SECONDS = 3.0
"""Within this a page has what it can."""
_RANGES = ("difference", "lift", "once")
_NO_STORE = {"cache-control": "no-store"}


@shown
def show(request: Request) -> Response:
    """Answer with the experiments; where there is none, with how to make one."""
    site, query = site_of(request), request.query_params
    limit, archived = number(query, "limit", _SHOWN, most=_MOST), flag(query, "archived")
    index = read_experiment_index(site.store, now=site.clock(), limit=limit, archived=archived)
    return page(request, "experiments.html", index=index, archived=archived, limit=limit)


async def show_one(request: Request) -> Response:
    """Answer with everything about one experiment; what takes long to read is left out until it is there."""
    site = site_of(request)
    try:
        view = await site.threads.reads.run(_view, request)
        details = await details_within(
            _PATIENCE_SECONDS, site.threads.reads, request.app.state.kept, site.store, view.experiment
        )
        return await site.threads.reads.run(_page_of, request, view, details)
    except SessionBuddyError as error:
        return error_page(request, error)


def _page_of(request: Request, view: ExperimentView, details: ExperimentDetails | None) -> Response:
    site, experiment = site_of(request), view.experiment
    known = details or ExperimentDetails(course=[], segments=[])
    report = ExperimentReport(
        experiment=experiment,
        analysis=view.analysis,
        course=known.course,
        segments=known.segments,
        history=read_experiment_history(site.store, experiment.test_name, now=site.clock()).events,
    )
    return page(
        request,
        "experiment.html",
        report=report,
        margins=margins_of(experiment),
        drawn=forest_rows(view.analysis.comparisons),
        draft=experiment.status is Status.DRAFT,
        pending=details is None,
    )


@shown
def report_file(request: Request) -> Response:
    """Answer with the same as one file to keep or to send on, which needs nothing else."""
    report = _report(request)
    name = report_name(report.experiment)
    headers = {"content-disposition": f'attachment; filename="{name}"', **_NO_STORE}
    return Response(report_document(report), media_type="text/html; charset=utf-8", headers=headers)


@shown
def metrics_chart(request: Request) -> Response:
    """Answer with the lifts of all metrics, as plotly draws them."""
    view = _view(request)
    return _json(forest_figure(view.analysis.comparisons, margins_of(view.experiment)))


@shown
def course_chart(request: Request) -> Response:
    """Answer with the primary metric over days, as plotly draws it."""
    return _json(course_figure(_details(request, _view(request).experiment).course))


@shown
def metrics_csv(request: Request) -> Response:
    """Answer with the metrics as CSV."""
    return _comparisons_file("metrics", [], [([], one) for one in _view(request).analysis.comparisons])


@shown
def course_csv(request: Request) -> Response:
    """Answer with the days as CSV."""
    course = _details(request, _view(request).experiment).course
    rows = ([point.day, point.users, *_cells(point.lift)] for point in course)
    return csv_file("course", ["day", "users", *_columns("lift")], rows)


@shown
def segments_csv(request: Request) -> Response:
    """Answer with the skills as CSV."""
    segments = _details(request, _view(request).experiment).segments
    return _comparisons_file("segments", ["skill"], [([one.skill], one.comparison) for one in segments])


@shown
def users_csv(request: Request) -> Response:
    """Answer with who was assigned, exposed and has outcomes, beside what was meant, as CSV."""
    balances = _view(request).analysis.health.balances
    columns = ["users", "control", "treatment", "control_share", "chi_square", "p_value"]
    return csv_file(
        "users", columns, ([what, *(getattr(one, column) for column in columns[1:])] for what, one in balances.items())
    )


def _view(request: Request) -> ExperimentView:
    site = site_of(request)
    return read_experiment(site.store, name_asked_for(request), now=site.clock())


def _report(request: Request) -> ExperimentReport:
    site, kept = site_of(request), request.app.state.kept
    return read_experiment_report(
        site.store,
        name_asked_for(request),
        now=site.clock(),
        details=lambda store, experiment: remembered_details(kept, store, experiment),
    )


def _details(request: Request, experiment: Experiment) -> ExperimentDetails:
    return remembered_details(request.app.state.kept, site_of(request).store, experiment)


def _json(figure: dict[str, object]) -> Response:
    return Response(msgspec.json.encode(figure), media_type="application/json", headers=_NO_STORE)


def _comparisons_file(name: str, also: list[str], rows: list[tuple[list[str], Comparison]]) -> Response:
    """Return comparisons as a file, a line each: plain fields as they are, arms and ranges by their parts."""
    plain = [field for field in Comparison.__struct_fields__ if field not in ("control", "treatment", *_RANGES)]
    arms = [f"{arm}_{field}" for arm in ("control", "treatment") for field in Arm.__struct_fields__]
    columns = [*also, *plain, *arms, *(column for found in _RANGES for column in _columns(found))]
    return csv_file(
        name,
        columns,
        (
            [
                *values,
                *(getattr(one, field) for field in plain),
                *(getattr(arm, field) for arm in (one.control, one.treatment) for field in Arm.__struct_fields__),
                *(cell for found in _RANGES for cell in _cells(getattr(one, found))),
            ]
            for values, one in rows
        ),
    )


def _columns(found: str) -> list[str]:
    return [found, f"{found}_low", f"{found}_high"]


def _cells(found: Range | None) -> list[float | None]:
    return [None] * 3 if found is None else [found.point, found.low, found.high]
