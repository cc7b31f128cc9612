"""``clusters``: which skills belong together."""

from __future__ import annotations

from typing import Annotated

import typer

from session_buddy.cli.options import AsJson, Limit
from session_buddy.cli.output import answer
from session_buddy.cli.settings import settings_of

__all__ = ["clusters"]


def clusters(
    context: typer.Context,
    cluster: Annotated[
        str | None,
        typer.Argument(metavar="CLUSTER", help="Show this one with its skills: its id, its name, or a part of that."),
    ] = None,
    skill: Annotated[
        str | None, typer.Option("--skill", metavar="NAME", help="Show what is near this skill, as 'skill' takes it.")
    ] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Show clusters of skills: those that are for similar things, and used with the same ones.

    They are as of the last refresh. The page /landscape of the server draws them on a map.
    """
    from session_buddy.cli.failures import WrongUsage
    from session_buddy.cli.screens.clusters import cluster_screen, clusters_screen, neighbours_screen
    from session_buddy.reports.landscape import read_cluster_members, read_clusters, read_neighbours

    if cluster is not None and skill is not None:
        raise WrongUsage("A cluster and a skill cannot be shown at once.", remedy="Give one of them.")
    settings = settings_of(context)
    now = settings.now()
    with settings.open_existing() as store:
        if skill is not None:
            near = read_neighbours(store, skill)
            answer(settings, near, lambda width: neighbours_screen(near, width=width))
        elif cluster is not None:
            members = read_cluster_members(store, cluster)
            answer(settings, members, lambda width: cluster_screen(members, limit=limit, width=width))
        else:
            index = read_clusters(store)
            answer(settings, index, lambda width: clusters_screen(index, limit=limit, now=now, width=width))
