"""``related``, ``network`` and ``paths``: what goes with what."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson, IncludeTools, Limit, finite
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["network", "paths", "related"]

MinSessions = Annotated[
    int, typer.Option("--min-sessions", min=3, metavar="N", help="Only what is in N sessions or more.")
]


def related(
    context: typer.Context,
    skill: Annotated[str, typer.Argument(metavar="SKILL", help="The skill, as 'skill' takes it.")],
    limit: Limit = 20,
    include_tools: IncludeTools = False,
    as_json: AsJson = False,
) -> None:
    """Show what is used in the same sessions as a skill, how surely, and which comes first.

    What surely goes with it is first. Chance and order are as of the last refresh.
    """
    from session_buddy.cli.screens.dependencies import related_screen
    from session_buddy.reports.dependencies import read_related
    from session_buddy.reports.profile import find_skill

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        found = read_related(store, find_skill(store, skill), limit=limit, include_tools=include_tools)
    answer(settings, found, lambda width: related_screen(found, now=now, width=width))


def network(
    context: typer.Context,
    min_lift: Annotated[
        float,
        typer.Option(
            "--min-lift",
            min=0.0,
            callback=finite,
            metavar="X",
            help="Only pairs used together X times as often as by chance.",
        ),
    ] = 1.0,
    min_sessions: MinSessions = 3,
    limit: Limit = 20,
    include_tools: IncludeTools = False,
    as_json: AsJson = False,
) -> None:
    """Show which skills go together: all pairs, what surely goes together first.

    The page /network of the server draws them.
    """
    from session_buddy.cli.screens.dependencies import network_screen
    from session_buddy.reports.dependencies import read_network

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        found = read_network(
            store, min_lift=min_lift, min_sessions=min_sessions, limit=limit, include_tools=include_tools
        )
    answer(settings, found, lambda width: network_screen(found, now=now, width=width))


def paths(
    context: typer.Context,
    skill: Annotated[
        str | None, typer.Option("--skill", metavar="NAME", help="Only paths with this skill, as 'skill' takes it.")
    ] = None,
    min_sessions: MinSessions = 3,
    min_length: Annotated[
        int, typer.Option("--min-length", min=2, max=5, metavar="N", help="Only paths of N skills or more.")
    ] = 2,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show what is used one right after another again and again, two to five skills long.

    They are as of the last refresh. A path that is always part of a longer one is not shown.
    """
    from session_buddy.cli.screens.dependencies import paths_screen
    from session_buddy.reports.dependencies import read_paths
    from session_buddy.reports.profile import find_skill

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        wanted = find_skill(store, skill) if skill is not None else None
        found = read_paths(store, skill=wanted, min_sessions=min_sessions, min_length=min_length, limit=limit)
    answer(settings, found, lambda width: paths_screen(found, now=now, width=width))
