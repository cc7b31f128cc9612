"""What goes with what: skills related to one, the network of all, and paths."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.dependencies import FEWEST_SESSIONS, read_network, read_paths, read_related
from session_buddy.reports.dependency_figures import RelatedSkills, SkillNetwork, SkillPaths
from session_buddy.reports.profile import find_skill
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.api.reading import Limit, SkillName, Tools
from session_buddy.server.site import site_of

__all__ = ["router"]

_MOST_SESSIONS = 10**9
MinSessions = Annotated[
    int, Query(ge=FEWEST_SESSIONS, le=_MOST_SESSIONS, description="Only what is in so many sessions or more.")
]

router = APIRouter(tags=["read"])


@router.get(
    "/skills/{name}/related",
    summary="What goes with one skill",
    operation_id="related",
    response_class=Response,
    responses=described(RelatedSkills, "Related skills, what surely goes with it first.", 404),
)
async def related(request: Request, name: SkillName, tools: Tools = False, limit: Limit = 20) -> Response:
    """Return what is used in the same sessions more often than by chance, how surely, and which comes first."""
    site = site_of(request)

    def read() -> RelatedSkills:
        return read_related(site.store, find_skill(site.store, unquote(name)), limit=limit, include_tools=tools)

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/network",
    summary="Which skills go together",
    operation_id="network",
    response_class=Response,
    responses=described(SkillNetwork, "Pairs of skills, and the skills in them."),
)
async def network(
    request: Request,
    min_lift: Annotated[
        float, Query(ge=0, le=1e12, description="Only pairs used together so many times as often as by chance.")
    ] = 1.0,
    min_sessions: MinSessions = FEWEST_SESSIONS,
    tools: Tools = False,
    limit: Limit = 100,
) -> Response:
    """Return which skills are used in the same sessions, what surely goes together first; each pair once."""
    site = site_of(request)

    def read() -> SkillNetwork:
        return read_network(site.store, min_lift=min_lift, min_sessions=min_sessions, limit=limit, include_tools=tools)

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/paths",
    summary="Paths",
    operation_id="paths",
    response_class=Response,
    responses=described(SkillPaths, "Paths, those in most sessions first.", 404),
)
async def paths(
    request: Request,
    skill: Annotated[
        str | None,
        Query(min_length=1, max_length=500, description="With this skill; case and prefixes may be left out."),
    ] = None,
    min_sessions: MinSessions = FEWEST_SESSIONS,
    min_length: Annotated[int, Query(ge=2, le=5, description="Only paths of so many skills or more.")] = 2,
    limit: Limit = 100,
) -> Response:
    """Return what is used one right after another again and again, two to five skills long."""
    site = site_of(request)

    def read() -> SkillPaths:
        wanted = find_skill(site.store, skill) if skill is not None else None
        return read_paths(site.store, skill=wanted, min_sessions=min_sessions, min_length=min_length, limit=limit)

    return answer(request, await site.threads.reads.run(read))
