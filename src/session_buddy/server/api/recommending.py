"""What can be asked of what was learned: what to use next, and how good that advice is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.model import Phase
from session_buddy.reports.recommendations import (
    Evaluation,
    Question,
    Recommendations,
    read_evaluation,
    recommendations,
)
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.learned import with_languages_here
from session_buddy.server.site import site_of

__all__ = ["router"]

_TEXT_BOUND = 500

router = APIRouter(tags=["read"])


@router.get(
    "/recommendations",
    summary="What to use next",
    operation_id="recommendations",
    response_class=Response,
    responses=described(Recommendations, "Skills to use next, the best first, each with its reasons.", 404),
)
async def recommended(
    request: Request,
    session: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="For this session; the beginning of its id will do.")
    ] = None,
    user_id: Annotated[str | None, Query(max_length=_TEXT_BOUND, description="For this user, by keyed hash.")] = None,
    skill: Annotated[
        list[str] | None, Query(max_length=100, description="For whoever uses this, too; can be repeated.")
    ] = None,
    phase: Annotated[Phase | None, Query(description="In this phase of the work.")] = None,
    about: Annotated[str, Query(max_length=2_000, description="The work in words: what is to be done.")] = "",
    language: Annotated[
        list[str] | None,
        Query(
            max_length=20,
            description="Of the work; can be repeated. Left out, a server that asks for no token looks at the files in"
            " the session's folder.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="The most to return.")] = 10,
) -> Response:
    """Return what to use next, and why: for the latest session, unless another, a user or skills are named.

    Skills that mostly fail stand in `left_out`.
    """
    question = Question(
        user_id=user_id,
        session=session,
        skills=tuple(skill or ()),
        phase=phase,
        words=about,
        languages=tuple(language or ()),
        limit=limit,
    )
    return answer(request, await site_of(request).threads.reads.run(_recommended, request, question))


@router.get(
    "/recommendations/evaluation",
    summary="How good recommendations are",
    operation_id="recommendations_evaluation",
    response_class=Response,
    responses=described(Evaluation, "Every recommender on this store's own uses, the best first."),
)
async def evaluation(request: Request) -> Response:
    """Return how well each recommender foretold what was used next, when one was chosen."""
    return answer(request, await site_of(request).threads.reads.run(_evaluated, request))


def _recommended(request: Request, question: Question) -> Recommendations:
    site = site_of(request)
    question = with_languages_here(site, question)
    return recommendations(site.store, request.app.state.learned.read(site), question)


def _evaluated(request: Request) -> Evaluation:
    return read_evaluation(request.app.state.learned.read(site_of(request)))
