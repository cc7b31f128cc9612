"""``POST /api/v1/ci/github`` and ``/ci/gitlab``: where services of CI post what runs there.

They bring no token of this server: GitHub signs what it posts with a secret, GitLab sends one along. Without a secret
of its own the server takes nothing. Comparing takes as long whatever is sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from session_buddy.importers.ci.github import github_event
from session_buddy.importers.ci.gitlab import gitlab_event
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Invocation
from session_buddy.server.api.describing import REFERENCE, refusals
from session_buddy.server.api.intake import Recording
from session_buddy.server.bodies import Room, inflated, read_body, require_type
from session_buddy.server.problems import NotPermitted, TokenMissing
from session_buddy.server.site import Site, site_of
from session_buddy.storage.submissions import Receipt

__all__ = ["router"]

_SIGNATURE = "X-Hub-Signature-256"
_RECORDING = {"schema": {"$ref": REFERENCE.format(name="Recording")}}
_EXAMPLE = {"receipt": "stored", "received": 3, "distinct": 3}
_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "All that it tells of is in the store; of other events there is nothing to tell.",
        "content": {"application/json": _RECORDING | {"example": _EXAMPLE}},
    },
    202: {
        "description": "The store is away: it is on the server's disk, and will be in the store.",
        "content": {"application/json": _RECORDING | {"example": _EXAMPLE | {"receipt": "spooled"}}},
    },
    **refusals(400, 401, 403, 408, 413, 415, 422),
}
_JOB = {
    "action": "completed",
    "workflow_job": {
        "id": 289782451,
        "run_id": 2202229078,
        "run_attempt": 1,
        "workflow_name": "CI",
        "name": "test",
        "status": "completed",
        "conclusion": "failure",
        "started_at": "2026-05-01T10:00:00Z",
        "completed_at": "2026-05-01T10:03:12Z",
        "steps": [],
    },
    "repository": {"full_name": "octo-org/octo-repo"},
}
_BUILD = {
    "object_kind": "build",
    "build_id": 1977,
    "build_name": "test",
    "build_stage": "test",
    "build_status": "success",
    "build_started_at": "2026-05-01T10:00:00.000Z",
    "build_duration": 12.5,
    "pipeline_id": 2366,
    "project": {"path_with_namespace": "group/shop", "web_url": "https://gitlab.example.com/group/shop"},
}
_Tell = Callable[[bytes], Sequence[Invocation]]


def router() -> APIRouter:
    """Return the routes of webhooks."""
    routes = APIRouter(tags=["record"])
    for service, endpoint, header, meaning, example in (
        ("github", hear_github, _SIGNATURE, "`sha256=` and the HMAC of the body, in hexadecimal digits.", _JOB),
        ("gitlab", hear_gitlab, "X-Gitlab-Token", "The secret token of the webhook.", _BUILD),
    ):
        routes.add_api_route(
            f"/ci/{service}",
            endpoint,
            methods=["POST"],
            summary=f"Tell of a run in {'GitHub Actions' if service == 'github' else 'GitLab'}, as its webhook does",
            response_class=Response,
            responses=_ANSWERS,
            openapi_extra=_described(header, meaning, example),
            operation_id=f"hear_{service}",
        )
    return routes


async def hear_github(request: Request) -> Response:
    """Record runs, jobs, steps and checks that a webhook of GitHub tells of.

    Takes the events workflow_run, workflow_job, check_run and check_suite as JSON, signed with the secret that the
    server was started with; other events are answered and tell nothing. What has not begun yet is nothing yet.
    """
    site = site_of(request)
    secret = _secret(site.ci.github, "GitHub", "--github-secret", "SESSION_BUDDY_GITHUB_SECRET")
    require_type(request, "application/json")
    event, signed = request.headers.get("x-github-event", ""), request.headers.get(_SIGNATURE, "")
    return await _heard(
        request,
        site,
        check=lambda sent: _require_signed(secret, sent, signed),
        tell=lambda body: github_event(body, event, user_id=site.user_id, rules=_rules(site)),
    )


async def hear_gitlab(request: Request) -> Response:
    """Record pipelines and jobs that a webhook of GitLab tells of.

    Takes pipeline and job events with the secret token that the server was started with; other events are answered and
    tell nothing. What has not begun yet is nothing yet.
    """
    site = site_of(request)
    secret = _secret(site.ci.gitlab, "GitLab", "--gitlab-token", "SESSION_BUDDY_GITLAB_TOKEN")
    given = request.headers.get("x-gitlab-token", "")
    if not hmac.compare_digest(given.encode("latin-1"), secret.encode()):
        raise TokenMissing("This is not the secret token of the webhook.", remedy="Set the same on both sides.")
    require_type(request, "application/json")
    return await _heard(request, site, check=lambda _: None, tell=lambda body: gitlab_event(body, user_id=site.user_id))


async def _heard(request: Request, site: Site, *, check: Callable[[bytes], None], tell: _Tell) -> Response:
    room: Room = request.app.state.room
    async with room.held() as hold:
        limits = site.limits
        sent = await read_body(request, most_bytes=limits.body_bytes, seconds=limits.body_seconds, hold=hold)
        check(sent)
        encoding = request.headers.get("content-encoding", "")
        recording = await site.threads.writes.run(_stored, site, sent, encoding, tell)
    status = 200 if recording.receipt == Receipt.STORED else 202
    return Response(msgspec.json.encode(recording), status, media_type="application/json")


def _stored(site: Site, sent: bytes, encoding: str, tell: _Tell) -> Recording:
    """Read and store; in a thread, since both take their time."""
    told = list(tell(inflated(sent, encoding, most_bytes=site.limits.body_bytes)))
    receipt = site.writer.submit(told) if told else Receipt.STORED
    return Recording(receipt=receipt.value, received=len(told), distinct=len({one.event_id for one in told}))


def _rules(site: Site) -> ShellRules:
    return site.rules() if site.rules else ShellRules.builtin()


def _secret(known: str | None, service: str, option: str, variable: str) -> str:
    if not known:
        raise NotPermitted(
            f"This server has no secret for webhooks of {service}, so it believes none.",
            remedy=f"Start it with {option}, or with {variable} in its environment.",
        )
    return known


def _require_signed(secret: str, body: bytes, given: str) -> None:
    """Raise :class:`TokenMissing` unless *given* is the signature of *body*, to the byte as it was sent."""
    right = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode("latin-1"), right.encode()):
        raise TokenMissing(
            f"The header {_SIGNATURE} is missing, or is not the signature of this body.",
            remedy="Set the same secret on both sides.",
        )


def _described(header: str, meaning: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "security": [],
        "parameters": [
            {"name": header, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}
        ],
        "requestBody": {
            "required": True,
            "description": "The payload, as the service makes it.",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "examples": {"job": {"summary": "A job has ended", "value": example}},
                }
            },
        },
    }
