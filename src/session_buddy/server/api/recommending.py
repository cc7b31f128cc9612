"""What can be asked of what was learned: what to use next, and how good that advice is."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.model import Phase
from session_buddy.ordering import RecommendStrategy
from session_buddy.reports.asker import Question, with_known_user
from session_buddy.reports.recommendations import Recommendations
from session_buddy.reports.recommender_evaluation import Evaluation, read_evaluation
from session_buddy.reports.similar import SimilarOnes, read_similar
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
    user_id: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="For this user, by keyed hash; its beginning will do.")
    ] = None,
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
    strategy: Annotated[
        RecommendStrategy, Query(description="By what skills are recommended.")
    ] = RecommendStrategy.RECOMMENDED,
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
    return answer(request, await site_of(request).threads.reads.run(_recommended, request, question, strategy))


@router.get(
    "/recommendations/similar",
    summary="Who uses much the same skills",
    operation_id="similar",
    response_class=Response,
    responses=described(SimilarOnes, "Users, or sessions where there are few users, the most similar first.", 404),
)
async def similar(
    request: Request,
    session: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="To this session; the beginning of its id will do.")
    ] = None,
    user_id: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="To this user, by keyed hash; its beginning will do.")
    ] = None,
    skill: Annotated[
        list[str] | None, Query(max_length=100, description="To whoever uses this, too; can be repeated.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="The most to return.")] = 10,
) -> Response:
    """Return who is like whom, by the Jaccard index of the skills that both use.

    To the latest session, or its user, unless another, a user or skills are named.
    """
    question = Question(user_id=user_id, session=session, skills=tuple(skill or ()), limit=limit)
    return answer(request, await site_of(request).threads.reads.run(_similar, request, question))


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


def _recommended(request: Request, question: Question, strategy: RecommendStrategy) -> Recommendations:
    question = with_languages_here(site_of(request), with_known_user(site_of(request).store, question))
    return cast("Recommendations", request.app.state.learned.strategies(site_of(request))[strategy](question))


def _similar(request: Request, question: Question) -> SimilarOnes:
    site = site_of(request)
    return read_similar(site.store, request.app.state.learned.read(site), with_known_user(site.store, question))


def _evaluated(request: Request) -> Evaluation:
    return read_evaluation(request.app.state.learned.read(site_of(request)))
