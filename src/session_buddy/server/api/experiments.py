"""Experiments over the API: what there is to read of them, and what can be reckoned before there is one."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.experiments.assignment import Assignment
from session_buddy.experiments.design import Status
from session_buddy.reports.experiment_power import (
    LEAST_POWER,
    LEAST_RATIO,
    LEAST_USERS,
    MOST_ALPHA,
    MOST_POWER,
    MOST_USERS,
    PowerFigures,
    PowerQuestion,
    read_power,
)
from session_buddy.reports.experiments import (
    ExperimentHistory,
    ExperimentIndex,
    ExperimentReport,
    ExperimentView,
    read_assignment,
    read_experiment,
    read_experiment_history,
    read_experiment_index,
    read_experiment_report,
)
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.experiment_details import remembered_details
from session_buddy.server.site import site_of

__all__ = ["Name", "router"]

Name = Annotated[
    str,
    Path(
        description="The experiment, by its name or its number; a slash in it is written `%2F`.",
        max_length=1_500,
        examples=["semantic-or-workflow-aware"],
    ),
]
router = APIRouter(tags=["experiments"])


@router.get(
    "/experiments",
    summary="List experiments",
    operation_id="experiments",
    response_class=Response,
    responses=described(ExperimentIndex, "The experiments with their verdicts, the newest first."),
)
async def experiments(
    request: Request,
    status: Annotated[Status | None, Query(description="Only those.")] = None,
    archived: Annotated[bool, Query(description="Archived ones as well.")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000, description="The most to return.")] = 50,
) -> Response:
    """List experiments, the newest first, each with its verdict in one sentence."""
    site = site_of(request)
    index = await site.threads.reads.run(
        read_experiment_index, site.store, now=site.clock(), limit=limit, status=status, archived=archived
    )
    return answer(request, index)


@router.get(
    "/experiments/{name}",
    summary="One experiment",
    operation_id="experiment",
    response_class=Response,
    responses=described(ExperimentView, "The experiment, and what it says by now.", 404, 409),
)
async def experiment(request: Request, name: Name) -> Response:
    """Return one experiment with its analysis: the verdict, every metric in both variants, health and progress."""
    site = site_of(request)
    found = await site.threads.reads.run(read_experiment, site.store, unquote(name), now=site.clock())
    return answer(request, found)


@router.get(
    "/experiments/{name}/report",
    summary="Everything about an experiment",
    operation_id="experiment_report",
    response_class=Response,
    responses=described(ExperimentReport, "Everything about the experiment.", 404, 409),
)
async def report(request: Request, name: Name) -> Response:
    """Return the same with the primary metric day by day and by skill, and with the history.

    Goes over all outcomes, which takes seconds where there are millions; what took long is remembered for a while.
    """
    site, kept = site_of(request), request.app.state.kept
    found = await site.threads.reads.run(
        read_experiment_report,
        site.store,
        unquote(name),
        now=site.clock(),
        details=lambda store, experiment: remembered_details(kept, store, experiment),
    )
    return answer(request, found)


@router.get(
    "/experiments/{name}/history",
    summary="History of an experiment",
    operation_id="experiment_history",
    response_class=Response,
    responses=described(ExperimentHistory, "What was done to it, the first first.", 404, 409),
)
async def history(request: Request, name: Name) -> Response:
    """Return who did what to an experiment, and when."""
    site = site_of(request)
    found = await site.threads.reads.run(read_experiment_history, site.store, unquote(name), now=site.clock())
    return answer(request, found)


@router.get(
    "/experiments/{name}/assignments",
    summary="What a user gets",
    operation_id="assignment",
    response_class=Response,
    responses=described(Assignment, "What the user gets.", 404, 409),
)
async def assignment(
    request: Request,
    name: Name,
    user_id: Annotated[str, Query(min_length=1, max_length=500, description="The user.")],
) -> Response:
    """Return what a user gets, or would get, and record nothing."""
    site = site_of(request)
    found = await site.threads.reads.run(read_assignment, site.store, unquote(name), user_id, now=site.clock())
    return answer(request, found)


@router.get(
    "/power",
    summary="How many users it takes",
    operation_id="power",
    response_class=Response,
    responses=described(PowerFigures, "How many users it takes, and what so many show."),
)
async def power(
    request: Request,
    baseline: Annotated[float, Query(description="Control's value: a rate 0-1, or with `spread` any figure.")],
    spread: Annotated[
        float | None, Query(gt=0, description="The standard deviation between users, where the baseline is no rate.")
    ] = None,
    lift: Annotated[
        float | None, Query(description="The least relative change that matters; 0.05 is five percent more.")
    ] = None,
    users: Annotated[
        int | None, Query(ge=LEAST_USERS, le=MOST_USERS, description="How many there are, in both variants.")
    ] = None,
    alpha: Annotated[
        float, Query(gt=0, le=MOST_ALPHA, description="The chance of calling a winner where there is none.")
    ] = 0.05,
    wanted: Annotated[
        float,
        Query(alias="power", ge=LEAST_POWER, le=MOST_POWER, description="The chance of seeing a lift that is there."),
    ] = 0.8,
    ratio: Annotated[float, Query(ge=LEAST_RATIO, le=1 - LEAST_RATIO, description="The share of control.")] = 0.5,
) -> Response:
    """Reckon how many users an experiment takes to see `lift`, or what `users` can show; give one of them, or both.

    A rate is reckoned as if all uses of a user end alike, which asks for the most users.
    """
    question = PowerQuestion(
        baseline=baseline, spread=spread, lift=lift, users=users, alpha=alpha, power=wanted, ratio=ratio
    )
    return answer(request, read_power(question))
