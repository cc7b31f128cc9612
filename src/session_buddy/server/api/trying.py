"""Recommendations and search within an experiment: the strategy of a user's variant answers."""

from __future__ import annotations

from urllib.parse import unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.asker import Question
from session_buddy.reports.search import Search, SearchAnswer, ask
from session_buddy.reports.strategies import (
    TriedRecommendations,
    TriedSearch,
    search_strategies,
    try_recommending,
    try_searching,
)
from session_buddy.server.api.describing import body_of, done
from session_buddy.server.api.experiment_intake import SearchInTrial, WorkInTrial
from session_buddy.server.api.experimenting import records_of
from session_buddy.server.api.experiments import Name
from session_buddy.server.api.taking import answered
from session_buddy.server.site import site_of

__all__ = ["router"]

_REFUSALS = (400, 404, 408, 409, 413, 415, 422)

router = APIRouter(tags=["experiments"])


@router.post(
    "/experiments/{name}/recommendations",
    summary="Recommend within an experiment",
    operation_id="recommend_in_experiment",
    response_class=Response,
    responses=done(TriedRecommendations, "What the strategy of the user's variant recommends.", *_REFUSALS),
    openapi_extra=body_of(WorkInTrial, "Whose work it is.", {"user_id": "9f2c", "phase": "verification"}),
)
async def recommend(request: Request, name: Name) -> Response:
    """Return what to use next by the strategy of the user's variant, and record that the user met it.

    Strategies are those of `GET /recommendations`. Record how it ended as an outcome:
    whether a recommended skill was used then, and completed.
    """
    site, learned = site_of(request), request.app.state.learned

    def act(work: WorkInTrial) -> TriedRecommendations:
        question = Question(
            user_id=None if work.session else work.user_id,
            session=work.session,
            skills=tuple(work.skills),
            phase=work.phase,
            words=work.about,
            languages=tuple(work.languages),
            limit=work.limit,
        )
        return try_recommending(
            records_of(request), unquote(name), learned.strategies(site), question, user_id=work.user_id
        )

    return await answered(request, WorkInTrial, act)


@router.post(
    "/experiments/{name}/search",
    summary="Search within an experiment",
    operation_id="search_in_experiment",
    response_class=Response,
    responses=done(TriedSearch, "What the strategy of the user's variant finds.", *_REFUSALS),
    openapi_extra=body_of(SearchInTrial, "Who looks for what.", {"user_id": "9f2c", "question": "fill in a PDF form"}),
)
async def search(request: Request, name: Name) -> Response:
    """Return what fits by the strategy of the user's variant, and record that the user met it.

    Strategies are `semantic_search` and `workflow_aware_search`. Record how it ended as an outcome.
    """
    site = site_of(request)

    def answering(asked: Search) -> SearchAnswer:
        found: SearchAnswer = request.app.state.search.answer(site, asked)
        return found

    def act(sought: SearchInTrial) -> TriedSearch:
        asked = ask(sought.question, limit=sought.limit, kind=sought.kind, phase=sought.phase)
        strategies = search_strategies(answering)
        return try_searching(records_of(request), unquote(name), strategies, asked, user_id=sought.user_id)

    return await answered(request, SearchInTrial, act)
