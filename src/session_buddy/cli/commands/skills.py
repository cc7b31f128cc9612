"""``top`` and ``skill``."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.choices import KindChoice
from session_buddy.cli.options import AsJson, IncludeTools, Limit
from session_buddy.cli.output import answer
from session_buddy.cli.settings import Settings, settings_of
from session_buddy.ordering import RankingOrder

__all__ = ["skill", "top"]


def _known_skills(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names that the shell may complete."""
    from session_buddy.reports.profile import skill_names

    settings = Settings()
    settings.store_url = context.find_root().params.get("store")
    # A file is looked into at once; a server, or an engine that must be started first, would keep the shell waiting.
    if not settings.store_file or not settings.has_store():
        return []
    with settings.open_store() as store:
        return [name for name in skill_names(store) if name.startswith(incomplete)]


def top(
    context: typer.Context,
    by: Annotated[RankingOrder, typer.Option("--by", help="What comes first.")] = RankingOrder.USES,
    limit: Limit = 20,
    kind: Annotated[list[KindChoice] | None, typer.Option("--kind", help="Only this kind; can be repeated.")] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=36_500, metavar="N", help="Count the last N days (UTC), today included."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Stay, and show the figures and the newest uses as they change.")
    ] = False,
    include_tools: IncludeTools = False,
    as_json: AsJson = False,
) -> None:
    """Show which skills are used and which work."""
    from session_buddy.cli.screens.ranking import ranking_screen
    from session_buddy.model import Kind
    from session_buddy.reports.ranking import first_day, read_ranking, without_tools

    settings = settings_of(context)
    kinds = {Kind(choice) for choice in kind} if kind else set(Kind) if include_tools else without_tools()
    if live:
        from session_buddy.cli.commands.live import show_live

        show_live(settings, kinds, by, limit, days)
        return
    now = settings.now()
    with settings.open_existing() as store:
        ranking = read_ranking(store, kinds, by, limit, since=first_day(now, days) if days else None)
    answer(settings, ranking, lambda width: ranking_screen(ranking, now=now, width=width))


def skill(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Its name; case and the prefixes /, agent: and mcp__server__ may be left out.",
            autocompletion=_known_skills,
        ),
    ],
    include_tools: IncludeTools = False,
    as_json: AsJson = False,
) -> None:
    """Show everything about one skill.

    Does it work, how sure is that, why does it fail, what comes next, what goes with it.
    """
    from session_buddy.cli.screens.profile import profile_screen
    from session_buddy.reports.profile import find_skill, read_profile

    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        profile = read_profile(store, find_skill(store, name), now=now, include_tools=include_tools)
    answer(settings, profile, lambda width: profile_screen(profile, now=now, width=width))
