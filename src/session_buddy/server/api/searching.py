"""Finding skills by what they are for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.model import Kind, Phase
from session_buddy.ordering import SearchStrategy
from session_buddy.reports.search import LONGEST_QUESTION, MOST_HITS, SearchAnswer, ask
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

router = APIRouter(tags=["read"])


@router.get(
    "/search",
    summary="Find skills",
    operation_id="search",
    response_class=Response,
    responses=described(SearchAnswer, "The skills that fit, the best first, each with its reasons."),
)
async def search(
    request: Request,
    question: Annotated[
        str,
        Query(
            min_length=1,
            max_length=LONGEST_QUESTION,
            description="What is to be done.",
            examples=["fill in a PDF form"],
        ),
    ],
    limit: Annotated[int, Query(ge=1, le=MOST_HITS, description="The most to return.")] = 10,
    kind: Annotated[
        Kind | None,
        Query(description="Only this kind. Else all but built-in tools, also skills that were never used."),
    ] = None,
    phase: Annotated[Phase | None, Query(description="Where in the work you are.")] = None,
    strategy: Annotated[
        SearchStrategy, Query(description="Whether success, phase and recency lean the order.")
    ] = SearchStrategy.WORKFLOW_AWARE,
) -> Response:
    """Return the skills that fit, by words and meaning, leaned a little towards those that work.

    `notices` tells what people should know: that there is no model, that some texts are not embedded yet.
    """
    asked = ask(question, limit=limit, kind=kind, phase=phase, strategy=strategy)
    site = site_of(request)
    return answer(request, await site.threads.reads.run(request.app.state.search.answer, site, asked))
