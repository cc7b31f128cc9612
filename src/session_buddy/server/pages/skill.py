"""The page of one skill."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from session_buddy.errors import InvalidInput
from session_buddy.formats import duration
from session_buddy.monitoring.series import Grain
from session_buddy.reports.anomalies import read_skill_anomalies
from session_buddy.reports.categories import read_sorting
from session_buddy.reports.dependencies import read_related
from session_buddy.reports.durations import DurationBucket, read_durations
from session_buddy.reports.prediction import Context, predict
from session_buddy.reports.profile import find_skill, read_profile
from session_buddy.reports.ranking import first_day
from session_buddy.reports.series import Series, read_series
from session_buddy.server.pages.drawings import Bar, bars, of_most
from session_buddy.server.pages.figures import bucket_label
from session_buddy.server.pages.figures import series_figure as drawn_figure
from session_buddy.server.pages.links import skill_path, with_query
from session_buddy.server.pages.rendering import name_asked_for, number, page, shown
from session_buddy.server.pages.series_files import series_file
from session_buddy.server.site import site_of

__all__ = ["series_csv", "series_figure", "show"]

_DAYS = {Grain.HOUR: 7, Grain.DAY: 42, Grain.WEEK: 182}
"""How far each grain looks back unless asked otherwise."""
_MOST_DAYS = 3_650
_RELATED = 8


@shown
def show(request: Request) -> Response:
    """Answer with everything about one skill; a name that means exactly one other is redirected to it."""
    site, asked = site_of(request), name_asked_for(request)
    name = find_skill(site.store, asked)
    if name != asked:
        return RedirectResponse(with_query(skill_path(name), **(dict(request.query_params) | {"name": None})), 307)
    profile = read_profile(site.store, name, now=site.clock())
    series, durations = _series(request, name), read_durations(site.store, name)
    kept = request.app.state.predictor.read(site)
    hours = [f"{hour:02}:00" for hour in range(24)]
    return page(
        request,
        "skill.html",
        profile=profile,
        series=series,
        labels=[bucket_label(bucket, series.grain) for bucket in series.buckets],
        grains=[(grain, _DAYS[grain]) for grain in Grain],
        prediction=predict(site.store, kept, name, Context(), now=site.clock()),
        card=kept.card,
        anomalies=read_skill_anomalies(site.store, name),
        errors=of_most(profile.errors),
        sorting=read_sorting(site.store, name),
        related=read_related(site.store, name, limit=_RELATED),
        durations=durations,
        duration_bars=_duration_bars(durations.buckets),
        hour_bars=bars(hours, profile.hourly, [0] * 24),
        busiest=max(range(24), key=lambda hour: profile.hourly[hour]),
    )


@shown
def series_csv(request: Request) -> Response:
    """Answer with what the chart shows, as CSV."""
    name = find_skill(site_of(request).store, name_asked_for(request))
    return series_file(re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-") or "skill", _series(request, name))


@shown
def series_figure(request: Request) -> Response:
    """Answer with the chart, as plotly draws it."""
    site = site_of(request)
    name = find_skill(site.store, name_asked_for(request))
    figure = drawn_figure(_series(request, name), read_skill_anomalies(site.store, name))
    return Response(msgspec.json.encode(figure), media_type="application/json", headers={"cache-control": "no-store"})


def _series(request: Request, name: str) -> Series:
    site, query = site_of(request), request.query_params
    try:
        grain = Grain(query.get("grain", Grain.DAY))
    except ValueError as error:
        remedy = f"Choose one of {', '.join(Grain)}."
        raise InvalidInput("grain", f"{query['grain'][:40]!r} is none.", remedy=remedy) from error
    days = number(query, "days", _DAYS[grain], most=_MOST_DAYS)
    now = site.clock()
    ((last,),) = site.store.query("SELECT last_invoked_at FROM skill_metrics WHERE skill_name = ?", [name]).rows
    # A skill that fell silent shows its last days, not empty ones.
    until = now if first_day(now, days) <= last <= now else last
    return read_series(site.store, name, grain, since=first_day(until, days), until=until, now=now)


def _duration_bars(buckets: list[DurationBucket]) -> list[Bar]:
    labels = [
        f"over {duration(bucket.above_seconds)}"
        if bucket.up_to_seconds is None
        else f"{duration(bucket.above_seconds)} to {duration(bucket.up_to_seconds)}"
        for bucket in buckets
    ]
    return bars(labels, [bucket.invocations for bucket in buckets], [0] * len(buckets))
