"""``sessions``."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson, IncludeTools, Limit
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["sessions"]


def sessions(
    context: typer.Context,
    session_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="Show this session step by step; the beginning of its id will do."),
    ] = None,
    limit: Limit = 20,
    include_tools: IncludeTools = False,
    as_json: AsJson = False,
) -> None:
    """Show the latest sessions, or one in steps."""
    from session_buddy.cli.screens.sessions import sessions_screen, timeline_screen
    from session_buddy.reports.sessions import find_session, read_sessions, read_timeline

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        if session_id is None:
            listed = read_sessions(store, limit)
            answer(settings, listed, lambda width: sessions_screen(listed, now=now, width=width))
        else:
            timeline = read_timeline(store, find_session(store, session_id), include_tools=include_tools)
            answer(settings, timeline, lambda width: timeline_screen(timeline, width=width))
