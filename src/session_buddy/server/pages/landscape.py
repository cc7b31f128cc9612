"""The skill landscape: a map of all skills, their clusters, and what is near one of them."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.reports.landscape import (
    MapPoint,
    SkillMap,
    SkillNeighbours,
    read_cluster_members,
    read_neighbours,
    read_skill_map,
)
from session_buddy.server.pages.landscape_figures import (
    Colouring,
    cluster_colour,
    landscape_figure,
    neighbours_address,
    success_words,
)
from session_buddy.server.pages.links import with_query
from session_buddy.server.pages.rendering import csv_file, number, page, shown
from session_buddy.server.site import site_of

__all__ = ["listed_csv", "map_figure", "show"]

_SHOWN = 100
_MOST = 20_000
_LARGEST_ID = 2**63 - 1


@shown
def show(request: Request) -> Response:
    """Answer with the map, coloured as the query asks, and with the cluster and the skill it names."""
    query = request.query_params
    found, by, cluster, near = _asked(request)
    limit = number(query, "limit", _SHOWN, most=_MOST)
    listed = [point for point in found.points if cluster is None or point.cluster_id == cluster]
    listed.sort(key=lambda point: (-(point.membership or 0.0) if cluster is not None else 0.0, -point.invocations))
    chosen: dict[str, Any] = {
        "by": None if by is Colouring.CLUSTER else by.value,
        "cluster": cluster,
        "skill": near.skill if near else None,
    }
    return page(
        request,
        "landscape.html",
        map=found,
        index=found.index,
        names={one.cluster_id: one for one in found.index.clusters},
        cluster=next((one for one in found.index.clusters if one.cluster_id == cluster), None),
        near=near,
        is_used=near is not None and any(one.skill == near.skill and one.invocations for one in found.points),
        listed=listed[:limit],
        total=len(listed),
        by=by,
        chosen=chosen,
        figure=with_query("/landscape/map.json", **chosen),
        colour_of=cluster_colour,
        success_words=success_words,
        address_of=lambda skill: neighbours_address(skill, by, cluster),
    )


@shown
def map_figure(request: Request) -> Response:
    """Answer with the map, as plotly draws it."""
    found, by, cluster, near = _asked(request)
    figure = landscape_figure(found, by, cluster=cluster, near=near)
    return Response(msgspec.json.encode(figure), media_type="application/json", headers={"cache-control": "no-store"})


@shown
def listed_csv(request: Request) -> Response:
    """Answer with all skills of the map as CSV."""
    found = read_skill_map(site_of(request).store)
    names = {one.cluster_id: one.cluster_name for one in found.index.clusters}
    columns = ("skill", "kind", "x", "y", "cluster_id", "cluster_name", "membership", "invocations", "success_rate")
    return csv_file("landscape", columns, (_row(point, names) for point in found.points))


def _row(point: MapPoint, names: dict[int, str]) -> tuple[object, ...]:
    name = None if point.cluster_id is None else names.get(point.cluster_id)
    figures = (point.membership, point.invocations, point.success_rate)
    return (point.skill, point.kind, point.x, point.y, point.cluster_id, name, *figures)


def _asked(request: Request) -> tuple[SkillMap, Colouring, int | None, SkillNeighbours | None]:
    store, query = site_of(request).store, request.query_params
    try:
        by = Colouring(query.get("by", Colouring.CLUSTER))
    except ValueError as error:
        remedy = f"Choose one of {', '.join(Colouring)}."
        raise InvalidInput("by", f"{query['by'][:40]!r} is none.", remedy=remedy) from error
    cluster = None
    if query.get("cluster"):
        asked = number(query, "cluster", 1, most=_LARGEST_ID)
        cluster = read_cluster_members(store, str(asked)).cluster.cluster_id
    near = read_neighbours(store, query["skill"]) if query.get("skill") else None
    return read_skill_map(store), by, cluster, near
