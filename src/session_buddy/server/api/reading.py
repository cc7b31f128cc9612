"""What can be asked: invocations, skills, sessions, anomalies, health."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.errors import InvalidInput
from session_buddy.model import Kind, Outcome, parse_time
from session_buddy.monitoring.series import Grain, zone_named
from session_buddy.ordering import RankingOrder
from session_buddy.reports.paging import (
    AnomalyPage,
    InvocationFilter,
    InvocationPage,
    SessionPage,
    SkillPage,
    read_anomaly_page,
    read_invocation_page,
    read_session_page,
    read_skill_page,
)
from session_buddy.reports.profile import SkillProfile, find_skill, read_profile
from session_buddy.reports.ranking import first_day, without_tools
from session_buddy.reports.series import Series, read_series
from session_buddy.reports.sessions import Timeline, find_session, read_timeline
from session_buddy.server.api.answers import answer
from session_buddy.server.api.describing import described
from session_buddy.server.api.health import ServerHealth, read_server_health
from session_buddy.server.site import site_of

__all__ = ["router"]

_DEFAULT_SPANS = {Grain.HOUR: timedelta(days=2), Grain.DAY: timedelta(days=30), Grain.WEEK: timedelta(weeks=26)}

_TEXT_BOUND = 500
Limit = Annotated[int, Query(ge=1, le=1_000, description="The most to return.")]
Cursor = Annotated[str | None, Query(max_length=4_000, description="`next` of the page before.")]
Moment = Annotated[
    str | None, Query(max_length=64, description="A time with a zone, ISO-8601.", examples=["2026-01-31T09:30:00Z"])
]
Tools = Annotated[bool, Query(description="An agent's built-in tools (Read, Edit …) as well.")]
SkillName = Annotated[
    str,
    Path(
        description="The skill; a slash in it is written `%2F`. Case and the prefixes `/`, `agent:` and `mcp__server__`"
        " may be left out.",
        max_length=3 * _TEXT_BOUND,
        examples=["pytest-run"],
    ),
]
SessionId = Annotated[
    str,
    Path(
        description="The session; the beginning of its id will do. A slash in it is written `%2F`.",
        max_length=3 * _TEXT_BOUND,
    ),
]

router = APIRouter(tags=["read"])


@router.get(
    "/invocations",
    summary="List invocations",
    operation_id="invocations",
    response_class=Response,
    responses=described(InvocationPage, "A page of invocations, the newest first."),
)
async def invocations(
    request: Request,
    skill: Annotated[str | None, Query(max_length=_TEXT_BOUND, description="Of this skill, by its exact name.")] = None,
    session_id: Annotated[
        str | None, Query(max_length=_TEXT_BOUND, description="Of this session, by its whole id.")
    ] = None,
    kind: Annotated[Kind | None, Query(description="Of skills of this kind.")] = None,
    outcome: Annotated[Outcome | None, Query(description="That ended so.")] = None,
    since: Moment = None,
    until: Moment = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List invocations, the newest first. `since` is the first moment wanted, `until` the first no longer wanted."""
    site = site_of(request)
    wanted = InvocationFilter(
        skill=skill,
        session_id=session_id,
        kind=kind,
        outcome=outcome,
        since=_moment("since", since),
        until=_moment("until", until),
    )
    page = await site.threads.reads.run(read_invocation_page, site.store, wanted, limit=limit, cursor=cursor)
    return answer(request, page)


@router.get(
    "/skills",
    summary="List skills",
    operation_id="skills",
    response_class=Response,
    responses=described(SkillPage, "A page of skills with their figures, in the order asked for."),
)
async def skills(
    request: Request,
    order: Annotated[RankingOrder, Query(description="What comes first.")] = RankingOrder.USES,
    kind: Annotated[list[Kind] | None, Query(description="Only this kind; can be repeated.")] = None,
    days: Annotated[
        int | None, Query(ge=1, le=36_500, description="Count the last days (UTC) only, today included.")
    ] = None,
    tools: Tools = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List skills: which are used, and which work."""
    site = site_of(request)
    kinds = frozenset(kind) if kind else frozenset(Kind) if tools else without_tools()
    since = first_day(site.clock(), days) if days else None
    page = await site.threads.reads.run(
        read_skill_page, site.store, kinds, order, limit=limit, cursor=cursor, since=since
    )
    return answer(request, page)


@router.get(
    "/skills/{name}",
    summary="One skill",
    operation_id="skill",
    response_class=Response,
    responses=described(SkillProfile, "Everything about the skill.", 404),
)
async def skill(request: Request, name: SkillName, tools: Tools = False) -> Response:
    """Return everything about one skill: does it work, how sure is that, why does it fail, what comes next."""
    site = site_of(request)

    def read() -> SkillProfile:
        found = find_skill(site.store, unquote(name))
        return read_profile(site.store, found, now=site.clock(), include_tools=tools)

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/skills/{name}/series",
    summary="One skill over time",
    operation_id="series",
    response_class=Response,
    responses=described(Series, "The buckets, in order, without gaps.", 404),
)
async def series(
    request: Request,
    name: SkillName,
    bucket: Annotated[Grain, Query(description="How long a bucket is.")] = Grain.DAY,
    since: Moment = None,
    until: Moment = None,
    tz: Annotated[
        str, Query(max_length=64, description="The time zone of days and weeks.", examples=["Europe/Berlin"])
    ] = "UTC",
) -> Response:
    """Return the uses of one skill by hour, day or week, from the bucket with `since` to that with `until`.

    `until` is now where it is left out, and `since` two days, 30 days or 26 weeks before. Of more than a thousand
    buckets the last thousand are given.
    """
    site = site_of(request)
    end = _moment("until", until) or site.clock()
    start = _moment("since", since) or _before(end, _DEFAULT_SPANS[bucket])
    _require_zone(tz)

    def read() -> Series:
        found = find_skill(site.store, unquote(name))
        return read_series(site.store, found, bucket, since=start, until=end, zone=tz, now=site.clock())

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/sessions",
    summary="List sessions",
    operation_id="sessions",
    response_class=Response,
    responses=described(SessionPage, "A page of sessions, the one begun last first."),
)
async def sessions(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """List sessions, the one begun last first; built-in tools are counted too."""
    site = site_of(request)
    page = await site.threads.reads.run(read_session_page, site.store, limit=limit, cursor=cursor)
    return answer(request, page)


@router.get(
    "/sessions/{session_id}",
    summary="One session",
    operation_id="session",
    response_class=Response,
    responses=described(Timeline, "The session, step by step.", 404),
)
async def session(request: Request, session_id: SessionId, tools: Tools = False) -> Response:
    """Return one session step by step."""
    site = site_of(request)

    def read() -> Timeline:
        found = find_session(site.store, unquote(session_id))
        return read_timeline(site.store, found, include_tools=tools)

    return answer(request, await site.threads.reads.run(read))


@router.get(
    "/anomalies",
    summary="List anomalies",
    operation_id="anomalies",
    response_class=Response,
    responses=described(AnomalyPage, "A page of anomalies, the one detected last first."),
)
async def anomalies(
    request: Request,
    skill: Annotated[str | None, Query(max_length=_TEXT_BOUND, description="Of this skill, by its exact name.")] = None,
    open: Annotated[bool | None, Query(description="Only open ones, or only resolved ones.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List anomalies, the one detected last first."""
    site = site_of(request)
    page = await site.threads.reads.run(
        read_anomaly_page, site.store, limit=limit, cursor=cursor, skill=skill, is_open=open
    )
    return answer(request, page)


@router.get(
    "/health",
    summary="Health of the data",
    operation_id="health",
    response_class=Response,
    responses=described(ServerHealth, "How sound the data are, and how recording stands."),
)
async def health(request: Request) -> Response:
    """Return what comes from where, what could not be read, and whether the server gets on with its work."""
    site = site_of(request)
    return answer(request, await site.threads.reads.run(read_server_health, site))


def _moment(field: str, text: str | None) -> str | None:
    return None if text is None else parse_time(text, field=field)


def _require_zone(tz: str) -> None:
    try:
        zone_named(tz)
    except InvalidInput as error:
        raise InvalidInput("tz", error.problem.removeprefix("zone: "), remedy=error.remedy) from error


def _before(moment: str, span: timedelta) -> str:
    try:
        earlier = datetime.fromisoformat(moment) - span
    except OverflowError as error:
        raise InvalidInput("until", "is too early.", remedy="Give a later time, or a 'since' as well.") from error
    return earlier.isoformat(timespec="milliseconds").replace("+00:00", "Z")
