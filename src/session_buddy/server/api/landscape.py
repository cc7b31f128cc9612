"""Clusters of skills, the map they lie on, and what is near a skill."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.landscape import (
    ClusterIndex,
    ClusterMembers,
    SkillMap,
    SkillNeighbours,
    read_cluster_members,
    read_clusters,
    read_neighbours,
    read_skill_map,
)
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

_LARGEST_ID = 2**63 - 1

router = APIRouter(tags=["read"])


@router.get(
    "/clusters",
    summary="Clusters of skills",
    operation_id="clusters",
    response_class=Response,
    responses=described(ClusterIndex, "The clusters, the largest first."),
)
async def clusters(request: Request) -> Response:
    """List clusters of skills: those that are for similar things, and used with the same ones."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_clusters, site.store))


@router.get(
    "/clusters/{cluster_id}",
    summary="One cluster",
    operation_id="cluster",
    response_class=Response,
    responses=described(ClusterMembers, "The cluster with its skills, the surest first.", 404),
)
async def cluster(
    request: Request, cluster_id: Annotated[int, Path(ge=0, le=_LARGEST_ID, description="The id of the cluster.")]
) -> Response:
    """Return one cluster with its skills, and how surely each belongs there."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_cluster_members, site.store, str(cluster_id)))


@router.get(
    "/landscape",
    summary="The map of skills",
    operation_id="landscape",
    response_class=Response,
    responses=described(SkillMap, "Where each skill lies, with its cluster and its figures."),
)
async def landscape(request: Request) -> Response:
    """Return the skill landscape: what is near on it is for similar things, and used with the same ones."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_skill_map, site.store))


@router.get(
    "/landscape/neighbours",
    summary="What is near a skill",
    operation_id="neighbours",
    response_class=Response,
    responses=described(SkillNeighbours, "What is for similar things, and what is used together with it.", 404),
)
async def neighbours(
    request: Request,
    skill: Annotated[
        str, Query(min_length=1, max_length=500, description="The skill; case and prefixes may be left out.")
    ],
) -> Response:
    """Return the nearest skills by what they are for, and by co-use."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_neighbours, site.store, skill))
