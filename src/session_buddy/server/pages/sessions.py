"""The list of sessions, and one session step by step."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from session_buddy.reports.sessions import Step, find_session, read_sessions, read_timeline
from session_buddy.server.pages.links import session_path, with_query
from session_buddy.server.pages.rendering import csv_file, flag, name_asked_for, number, page, shown
from session_buddy.server.pages.timeline import drawn
from session_buddy.server.site import site_of

__all__ = ["show", "show_one", "steps_csv"]

_SHOWN = 50
_MOST = 5_000
_STEPS = 500


@shown
def show(request: Request) -> Response:
    """Answer with the latest sessions."""
    limit = number(request.query_params, "limit", _SHOWN, most=_MOST)
    return page(request, "sessions.html", listed=read_sessions(site_of(request).store, limit), more=limit + 200)


@shown
def show_one(request: Request) -> Response:
    """Answer with one session; the beginning of an id that is the only one is redirected to it."""
    site, asked, query = site_of(request), name_asked_for(request), request.query_params
    name = find_session(site.store, asked)
    if name != asked:
        return RedirectResponse(with_query(session_path(name), **(dict(query) | {"name": None})), 307)
    tools = flag(query, "all")
    timeline = read_timeline(site.store, name, include_tools=tools)
    first = number(query, "from", 1, most=10**9)
    return page(
        request,
        "session.html",
        session=timeline.session,
        steps=timeline.steps[first - 1 : first - 1 + _STEPS],
        first=first,
        total=len(timeline.steps),
        size=_STEPS,
        left_out=timeline.left_out,
        tools=tools,
        picture=drawn(timeline.steps),
    )


@shown
def steps_csv(request: Request) -> Response:
    """Answer with the steps of one session, as CSV."""
    store = site_of(request).store
    name = find_session(store, name_asked_for(request))
    steps = read_timeline(store, name, include_tools=flag(request.query_params, "all")).steps
    columns = Step.__struct_fields__
    return csv_file("session", columns, ([getattr(step, column) for column in columns] for step in steps))
