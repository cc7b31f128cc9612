"""Experiments over the API: making and running them, telling who takes part and how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.experiments.design import Experiment
from session_buddy.experiments.outcomes import OutcomesRecorded
from session_buddy.experiments.records import Experiments
from session_buddy.server.api import experiment_intake as intake
from session_buddy.server.api.describing import body_of, done
from session_buddy.server.api.experiments import Name
from session_buddy.server.api.taking import acted_on, answered, as_json, decoded_batch
from session_buddy.server.site import site_of

__all__ = ["records_of", "router"]

_NEW = {
    "test_name": "semantic-or-workflow-aware",
    "control_strategy": "semantic_search",
    "treatment_strategy": "workflow_aware_search",
    "hypothesis": "Skills that fit the phase of the work succeed more often.",
    "metrics": ["completion_rate", "user_satisfaction"],
    "guardrails": [{"metric": "duration_seconds", "margin": 0.1}],
    "min_sample_size": 400,
}
_OUTCOME = {
    "user_id": "9f2c",
    "skill_name": "pytest-run",
    "completed": True,
    "duration_seconds": 2.31,
    "recorded_at": "2026-01-31T10:30:00+01:00",
    "key": "toolu_01H8",
}
_TAKING = (400, 408, 413, 415, 422)

router = APIRouter(tags=["experiments"])


@router.post(
    "/experiments",
    summary="Create an experiment",
    operation_id="create_experiment",
    response_class=Response,
    status_code=201,
    responses=done(Experiment, "The draft.", *_TAKING, 409, status=201),
    openapi_extra=body_of(intake.NewExperiment, "What is compared, and how it will be judged.", _NEW),
)
async def create(request: Request) -> Response:
    """Write down a draft: nobody takes part until it is started.

    Names are never used again.
    """

    def act(told: intake.NewExperiment) -> Experiment:
        return records_of(request).create(told.test_name, actor=_actor(request), **intake.settings_of(told))

    return await answered(request, intake.NewExperiment, act, status=201)


@router.patch(
    "/experiments/{name}",
    summary="Change an experiment",
    operation_id="change_experiment",
    response_class=Response,
    responses=done(Experiment, "As it is now.", *_TAKING, 404, 409),
    openapi_extra=body_of(intake.ExperimentChanges, "What shall be otherwise.", {"enrolment": 0.5}),
)
async def change(request: Request, name: Name) -> Response:
    """Change settings: all of a draft, few after the start, none after the end."""

    def act(told: intake.ExperimentChanges) -> Experiment:
        return records_of(request).change(unquote(name), actor=_actor(request), **intake.settings_of(told))

    return await answered(request, intake.ExperimentChanges, act)


_STEPS: dict[str, tuple[Callable[..., Experiment], str, str]] = {
    "start": (
        Experiments.start,
        "Start an experiment",
        "Let users in. From now on hypothesis, strategies, metrics and margins are fixed.",
    ),
    "pause": (Experiments.pause, "Pause an experiment", "Add nobody from now on; who takes part goes on."),
    "resume": (Experiments.resume, "Resume an experiment", "Let users in again."),
    "stop": (Experiments.stop, "Stop an experiment", "End it now; outcomes from before may still be told."),
    "archive": (Experiments.archive, "Archive an experiment", "Put it away: lists leave it out."),
}


def _step(step: Callable[..., Experiment], note: str) -> Callable[..., Any]:
    async def taken(request: Request, name: Name) -> Response:
        site = site_of(request)
        return as_json(await site.threads.writes.run(step, records_of(request), unquote(name), actor=_actor(request)))

    taken.__doc__ = note
    return taken


for _name, (_method, _summary, _note) in _STEPS.items():
    router.add_api_route(
        f"/experiments/{{name}}/{_name}",
        _step(_method, _note),
        methods=["POST"],
        summary=_summary,
        operation_id=f"{_name}_experiment",
        response_class=Response,
        responses=done(Experiment, "As it is now.", 404, 409, 422),
    )


@router.post(
    "/experiments/{name}/conclude",
    summary="Conclude an experiment",
    operation_id="conclude_experiment",
    response_class=Response,
    responses=done(Experiment, "As it is now.", *_TAKING, 404, 409),
    openapi_extra=body_of(intake.Conclusion, "What was decided.", {"decision": "Workflow-aware search for everybody."}),
)
async def conclude(request: Request, name: Name) -> Response:
    """Say what was decided; from now on no outcome is taken in."""

    def act(told: intake.Conclusion) -> Experiment:
        return records_of(request).conclude(unquote(name), actor=_actor(request), decision=told.decision)

    return await answered(request, intake.Conclusion, act)


@router.post(
    "/experiments/{name}/assignments",
    summary="Assign users",
    operation_id="assign",
    response_class=Response,
    responses=done(intake.Assignments, "What they get.", *_TAKING, 404, 409),
    openapi_extra=body_of(intake.Users, f"Up to {intake.MOST_USERS:,} users.", {"user_ids": ["9f2c", "07aa"]}),
)
async def assign(request: Request, name: Name) -> Response:
    """Return what users get, and record it for those who take part: it stays so, whatever changes later.

    Idempotent. Whoever takes no part gets control, and `standing` says why.
    """

    def act(users: intake.Users) -> intake.Assignments:
        return intake.Assignments(assignments=list(records_of(request).assign_many(unquote(name), users.user_ids)))

    return await answered(request, intake.Users, act)


@router.post(
    "/experiments/{name}/exposures",
    summary="Tell of exposures",
    operation_id="expose",
    response_class=Response,
    responses=done(intake.Assignments, "What they met.", *_TAKING, 404, 409),
    openapi_extra=body_of(intake.Users, f"Up to {intake.MOST_USERS:,} users.", {"user_ids": ["9f2c"]}),
)
async def expose(request: Request, name: Name) -> Response:
    """Note that users meet their variants now: not everybody who is assigned ever does. Assigns them where need be.

    Idempotent: counted is the first time on each day.
    """

    def act(users: intake.Users) -> intake.Assignments:
        records, asked = records_of(request), unquote(name)
        return intake.Assignments(assignments=[records.expose(asked, user) for user in users.user_ids])

    return await answered(request, intake.Users, act)


@router.post(
    "/experiments/{name}/outcomes",
    summary="Record outcomes",
    operation_id="record_outcomes",
    response_class=Response,
    responses=done(OutcomesRecorded, "All of them are in the store.", *_TAKING, 404, 409),
    openapi_extra=body_of(
        intake.NewOutcome,
        f"One outcome, or a batch of up to {intake.MOST_OUTCOMES:,}; up to 16 MiB, also when inflated from gzip.",
        _OUTCOME,
        batch=intake.MOST_OUTCOMES,
    ),
)
async def record_outcomes(request: Request, name: Name) -> Response:
    """Store how uses ended, all of them or nothing; answered when they are durable.

    Idempotent by `key`: after an error, or no answer at all, send it again. The same key with other contents is
    refused. Outcomes of users who take no part are left out, and named.
    """

    def act(outcomes: list[intake.NewOutcome]) -> OutcomesRecorded:
        return records_of(request).record_outcomes(unquote(name), outcomes)

    def decode(body: bytes) -> list[intake.NewOutcome]:
        return decoded_batch(body, intake.NewOutcome, named="outcomes", most=intake.MOST_OUTCOMES)

    return as_json(await acted_on(request, decode, act))


def records_of(request: Request) -> Experiments:
    """Return the experiments of the site that *request* came to."""
    site = site_of(request)
    return Experiments(site.store, clock=site.clock)


def _actor(request: Request) -> str:
    """Return who asks, as the history calls them: the name of their token."""
    return request.state.grant.name or "api"
