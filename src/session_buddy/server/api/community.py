"""The community over the API: to be read. What leaves or enters a store does so by commands, where the key is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.community import Community, read_community
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

_TEXT_BOUND = 500

router = APIRouter(tags=["read"])


@router.get(
    "/community",
    summary="How well skills work for many",
    operation_id="community",
    response_class=Response,
    responses=described(Community, "Every skill with figures of enough users, the most used first.", 404),
)
async def community(
    request: Request,
    user_id: Annotated[
        str | None,
        Query(max_length=_TEXT_BOUND, description="Beside this user, by keyed hash; else the only one there is."),
    ] = None,
    tools: Annotated[bool, Query(description="An agent's built-in tools (Read, Edit …) as well.")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000, description="The most to return.")] = 100,
) -> Response:
    """Return how well skills work for many users, of this store and of others that told it, and one user beside them.

    No figure is of fewer users than the setting `community_min_users`, nor does one become so when any user takes the
    own uses out of it. Bundles are exported and imported by `session-buddy community` only: the key that signs is a
    private file of whoever runs it.
    """
    site = site_of(request)
    report = await site.threads.reads.run(read_community, site.store, limit, user_id=user_id, tools=tools)
    return answer(request, report)
