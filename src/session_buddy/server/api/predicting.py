"""What can be asked of what is likely: whether a skill will complete here and now, and how good that forecast is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.model import Phase
from session_buddy.prediction.card import ModelCard
from session_buddy.reports.prediction import Context, Prediction, predict, read_model_card
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.site import site_of

__all__ = ["router"]

_TEXT_BOUND = 500

router = APIRouter(tags=["read"])


@router.get(
    "/prediction",
    summary="How likely a skill is to complete",
    operation_id="prediction",
    response_class=Response,
    responses=described(Prediction, "The chance, how long it may take, and what both come from.", 404),
)
async def predicted(
    request: Request,
    skill: Annotated[str, Query(max_length=_TEXT_BOUND, description="The skill, as it is called or shown.")],
    session: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="In this session; the beginning of its id will do.")
    ] = None,
    user_id: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="For this user, by keyed hash; its beginning will do.")
    ] = None,
    phase: Annotated[Phase | None, Query(description="In this phase of the work.")] = None,
) -> Response:
    """Return how likely a skill is to complete: in the latest session, where that is going on, else in a new one.

    Where nothing that was learned certainly beats the baselines, plain rates and logistic regression, the best of these
    answers, and `reason` says so.
    """
    context = Context(session=session, user_id=user_id, phase=phase)
    return answer(request, await site_of(request).threads.reads.run(_predicted, request, skill, context))


@router.get(
    "/prediction/card",
    summary="What was learned, and how good it is",
    operation_id="prediction_card",
    response_class=Response,
    responses=described(
        ModelCard, "The model card: data, figures of every way, and what it must not be used for.", 404
    ),
)
async def card(request: Request) -> Response:
    """Return the model card; 404 where nothing was learned yet."""
    return answer(request, await site_of(request).threads.reads.run(_card, request))


def _predicted(request: Request, skill: str, context: Context) -> Prediction:
    site = site_of(request)
    return predict(site.store, request.app.state.predictor.read(site), skill, context, now=site.clock())


def _card(request: Request) -> ModelCard:
    return read_model_card(request.app.state.predictor.read(site_of(request)))
