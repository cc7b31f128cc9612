"""``GET /api/v1/ci/tests`` and ``/ci/gate``: what ``ci tests`` and ``ci gate`` say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.reports.gate import FEWEST_USES, Gate
from session_buddy.reports.tried_tests import TriedTests
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.api.reading import Limit
from session_buddy.server.ci_reports import gate_now, remembered_tests
from session_buddy.server.site import site_of

__all__ = ["router"]

_MOST_USES = 10**9
_MOST_NAMED = 100
Since = Annotated[
    str,
    Query(
        max_length=64,
        description="What is older does not count: a span back from now (`24h`, `7d`, `2w`), a day, or a time with a"
        " zone.",
        examples=["24h", "2026-01-31"],
    ),
]

router = APIRouter(tags=["read"])


@router.get(
    "/ci/tests",
    summary="List tests one by one",
    operation_id="ci_tests",
    response_class=Response,
    responses=described(TriedTests, "The tests, flaky ones first, then those that fail most."),
)
async def tests(
    request: Request,
    since: Since = "30d",
    flaky: Annotated[bool, Query(description="Only those that passed and failed, of one code.")] = False,
    limit: Limit = 20,
) -> Response:
    """Return tests one by one: which fail, and which are flaky.

    Flaky is one that passed and failed in one run, or at one commit. Without `since` the last 30 days count. Where
    there are so many that reading them takes long, the answer may be that of a moment ago.
    """
    site, kept = site_of(request), request.app.state.kept

    def read() -> TriedTests:
        return remembered_tests(kept, site, since=since, limit=limit, only_flaky=flaky)

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/ci/gate",
    summary="Do skills work well enough to go on?",
    operation_id="ci_gate",
    response_class=Response,
    responses=described(Gate, "What the gate says; `passed` is whether it is open.", 404),
)
async def gate(
    request: Request,
    min_completion: Annotated[
        float | None, Query(ge=0, le=1, description="The least success of each skill, 0-1.", examples=[0.9])
    ] = None,
    no_new_anomaly: Annotated[bool, Query(description="Let no anomaly pass that is new.")] = False,
    skill: Annotated[
        list[str] | None,
        Query(max_length=_MOST_NAMED, description="Only this one; can be repeated. Case and prefixes may be left out."),
    ] = None,
    since: Since = "7d",
    min_uses: Annotated[
        int, Query(ge=1, le=_MOST_USES, description="With fewer uses, success is not judged.")
    ] = FEWEST_USES,
) -> Response:
    """Say whether skills work well enough to go on, and if not, why.

    `min_completion`, `no_new_anomaly` or both must be given. Without `since` the last seven days count. This only
    reads: anomalies are those that the server found when it last looked, which it does every few seconds. A gate that
    is shut is an answer like any other, with status 200 and `passed` false.
    """
    site = site_of(request)

    def read() -> Gate:
        return gate_now(
            site,
            min_completion=min_completion,
            no_new_anomaly=no_new_anomaly,
            min_uses=min_uses,
            since=since,
            skills=skill or (),
        )

    return answer(request, await site.threads.reads.run(read))
