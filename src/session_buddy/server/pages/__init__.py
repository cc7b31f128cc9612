"""The dashboard: pages that the server renders, readable without JavaScript, live with it."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from session_buddy.server.pages import (
    anomalies,
    catalog,
    community,
    experiments,
    health,
    landscape,
    network,
    overview,
    recommending,
    searching,
    sessions,
    skill,
    skills,
    tests,
)
from session_buddy.server.pages.assets import plotly_javascript, plotly_styles, static_files

__all__ = ["page_routes"]


def page_routes() -> list[BaseRoute]:
    """Return the routes of the pages and of what they load; they read ``app.state.site``.

    A skill, session or experiment may have any text for a name. Its address is made by
    :mod:`session_buddy.server.pages.links`: names that would not survive in a path are given as a query.
    """
    return [
        Route("/", overview.show, name="overview"),
        Route("/series.csv", overview.series_csv),
        Route("/skills", skills.show),
        Route("/skill/series.csv", skill.series_csv),
        Route("/skill/series.json", skill.series_figure),
        Route("/skill", skill.show),
        Route("/skills/{name:path}/series.csv", skill.series_csv),
        Route("/skills/{name:path}/series.json", skill.series_figure),
        Route("/skills/{name:path}", skill.show),
        Route("/sessions", sessions.show),
        Route("/session/series.csv", sessions.steps_csv),
        Route("/session", sessions.show_one),
        Route("/sessions/{name:path}/series.csv", sessions.steps_csv),
        Route("/sessions/{name:path}", sessions.show_one),
        Route("/catalog", catalog.show),
        Route("/catalog/compare", catalog.compare),
        Route("/landscape", landscape.show),
        Route("/landscape/map.json", landscape.map_figure),
        Route("/landscape/skills.csv", landscape.listed_csv),
        Route("/network", network.show),
        Route("/network/pairs.csv", network.pairs_csv),
        Route("/search", searching.show),
        Route("/recommendations", recommending.show),
        Route("/community", community.show),
        Route("/community/series.csv", community.listed_csv),
        Route("/experiments", experiments.show),
        *_experiment_routes(),
        Route("/tests", tests.show),
        Route("/tests/tests.csv", tests.listed_csv),
        Route("/anomalies", anomalies.show),
        Route("/anomalies/series.csv", anomalies.listed_csv),
        Route("/data", health.show),
        Route("/static/plotly.min.js", plotly_javascript),
        Route("/static/plotly.css", plotly_styles),
        Mount("/static", static_files()),
    ]


def _experiment_routes() -> list[BaseRoute]:
    """Return the routes of one experiment, below its name or with the name as a query."""
    pages = {
        "/metrics.csv": experiments.metrics_csv,
        "/metrics.json": experiments.metrics_chart,
        "/course.csv": experiments.course_csv,
        "/course.json": experiments.course_chart,
        "/segments.csv": experiments.segments_csv,
        "/users.csv": experiments.users_csv,
        "/report.html": experiments.report_file,
        "": experiments.show_one,
    }
    return [
        Route(below + page, endpoint)
        for page, endpoint in pages.items()
        for below in ("/experiment", "/experiments/{name:path}")
    ]
