"""The dashboard: pages that the server renders, readable without JavaScript, live with it."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from session_buddy.server.pages import anomalies, health, overview, sessions, skill, skills
from session_buddy.server.pages.assets import plotly_javascript, plotly_styles, static_files

__all__ = ["page_routes"]


def page_routes() -> list[BaseRoute]:
    """Return the routes of the pages and of what they load; they read ``app.state.site``.

    A skill or session may have any text for a name. Its address is made by
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
        Route("/anomalies", anomalies.show),
        Route("/anomalies/series.csv", anomalies.listed_csv),
        Route("/data", health.show),
        Route("/static/plotly.min.js", plotly_javascript),
        Route("/static/plotly.css", plotly_styles),
        Mount("/static", static_files()),
    ]
