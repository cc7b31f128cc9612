"""GitLab CI: what its API answers and what its webhooks post, to invocations. Pure.

A pipeline is an invocation and a session, and each job in it is an invocation. The same job in many events is one row,
by its id. What has not begun yet is nothing yet. A job that is retried has a new id; its pipeline has not, and no event
says which attempt it tells of (of the jobs that were retried none is in it): the row of a pipeline is its first end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.ci.identity import joined, milliseconds, milliseconds_between, moment
from session_buddy.importers.ci.reading import commit_trait, decoded, keys_of
from session_buddy.importers.ci.telling import SKIPPED, Ending, Surroundings, invocation
from session_buddy.model import ErrorType, Invocation, Outcome

__all__ = ["EVENTS", "SOURCE", "gitlab_answer", "gitlab_event"]

SOURCE = "gitlab"
EVENTS = frozenset({"Pipeline Hook", "Job Hook"})
"""The headers ``X-Gitlab-Event`` of what tells of something that ran."""

_TIMEOUTS = frozenset({"stuck_or_timeout_failure", "job_execution_timeout"})
_OF_GITLAB = frozenset({"runner_system_failure", "api_failure", "scheduler_failure", "runner_unsupported"})
_OVER = frozenset({"success", "failed", "canceled", "skipped"})
_STARTED = _OVER | {"running", "canceling"}
_PROJECT = re.compile(r"/(.+?)/-/(?:pipelines|jobs)/")


class _Project(msgspec.Struct):
    path_with_namespace: str = ""
    web_url: str = ""


class _Build(msgspec.Struct):
    """A job, in a pipeline's event and in the API."""

    id: int
    name: str
    status: str
    stage: str = ""
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    duration: float | None = None
    failure_reason: str | None = None
    web_url: str = ""
    pipeline: _Pipeline | None = None


class _Pipeline(msgspec.Struct):
    """A pipeline, in its event and in the API."""

    id: int
    status: str = ""
    sha: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    duration: float | None = None
    web_url: str = ""
    url: str = ""


class _PipelineEvent(msgspec.Struct):
    object_attributes: _Pipeline
    project: _Project = msgspec.field(default_factory=_Project)
    builds: list[_Build] = msgspec.field(default_factory=list)


class _Homepage(msgspec.Struct):
    homepage: str = ""


class _JobEvent(msgspec.Struct):
    build_id: int
    build_name: str
    build_status: str
    pipeline_id: int
    build_stage: str = ""
    sha: str | None = None
    build_created_at: str | None = None
    build_started_at: str | None = None
    build_finished_at: str | None = None
    build_duration: float | None = None
    build_failure_reason: str | None = None
    project: _Project = msgspec.field(default_factory=_Project)
    repository: _Homepage = msgspec.field(default_factory=_Homepage)


class _Kind(msgspec.Struct):
    object_kind: str = ""


_KIND = msgspec.json.Decoder(_Kind)
_PIPELINE_EVENT = msgspec.json.Decoder(_PipelineEvent)
_JOB_EVENT = msgspec.json.Decoder(_JobEvent)
_PIPELINE = msgspec.json.Decoder(_Pipeline)
_BUILDS = msgspec.json.Decoder(list[_Build])
_BUILD = msgspec.json.Decoder(_Build)
_PIPELINES = msgspec.json.Decoder(list[_Pipeline])
_PARTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def gitlab_event(data: bytes, *, user_id: str) -> list[Invocation]:
    """Return what the payload *data* of a webhook tells; of other kinds of events nothing.

    Raises :class:`InvalidInput` for what is no payload.
    """
    kind = decoded(_KIND, data, "payload of GitLab").object_kind
    if kind == "pipeline":
        event = decoded(_PIPELINE_EVENT, data, "payload of a pipeline")
        return list(_pipeline_event(event, user_id))
    if kind == "build":
        return list(_job_event(decoded(_JOB_EVENT, data, "payload of a job"), user_id))
    return []


def gitlab_answer(data: bytes, *, user_id: str) -> list[Invocation]:
    """Return what *data*, an answer of the API or the saved payload of a webhook, tells.

    Raises :class:`InvalidInput` for what is neither.
    """
    if data.lstrip()[:1] == b"[":
        parts = decoded(_PARTS, data, "list of pipelines or jobs")
        if all("stage" in part for part in parts):
            builds = decoded(_BUILDS, data, "list of jobs")
            return [one for build in builds for one in _build_of_answer(build, user_id)]
        pipelines = decoded(_PIPELINES, data, "list of pipelines")
        return [one for pipeline in pipelines for one in _pipeline_of_answer(pipeline, user_id)]
    keys = keys_of(data)
    if "object_kind" in keys:
        return gitlab_event(data, user_id=user_id)
    if "stage" in keys:
        return list(_build_of_answer(decoded(_BUILD, data, "job"), user_id))
    return list(_pipeline_of_answer(decoded(_PIPELINE, data, "pipeline"), user_id))


class _Place(msgspec.Struct, frozen=True):
    host: str
    project: str

    def pipeline_id(self, pipeline: int) -> str:
        return joined("gitlab", self.host, "pipeline", str(pipeline))

    def around(self, pipeline: int, user_id: str) -> Surroundings:
        session = joined("gitlab", self.host, str(pipeline))
        return Surroundings(source=SOURCE, session_id=session, user_id=user_id, project=f"gitlab:{self.project}")


def _pipeline_event(event: _PipelineEvent, user_id: str) -> Iterator[Invocation]:
    pipeline = event.object_attributes
    where = _place(event.project.web_url, event.project.path_with_namespace)
    yield from _pipeline(pipeline, where, user_id)
    for build in event.builds:
        yield from _build(build, pipeline.id, pipeline.sha, where, user_id)


def _job_event(event: _JobEvent, user_id: str) -> Iterator[Invocation]:
    where = _place(event.project.web_url or event.repository.homepage, event.project.path_with_namespace)
    build = _Build(
        id=event.build_id,
        name=event.build_name,
        status=event.build_status,
        stage=event.build_stage,
        created_at=event.build_created_at,
        started_at=event.build_started_at,
        finished_at=event.build_finished_at,
        duration=event.build_duration,
        failure_reason=event.build_failure_reason,
    )
    yield from _build(build, event.pipeline_id, event.sha, where, user_id)


def _build_of_answer(build: _Build, user_id: str) -> Iterator[Invocation]:
    if build.pipeline is None:
        raise InvalidInput("pipeline", "is missing of a job.", remedy="Save the answer as GitLab gives it.")
    yield from _build(build, build.pipeline.id, build.pipeline.sha, _place(build.web_url, ""), user_id)


def _pipeline_of_answer(pipeline: _Pipeline, user_id: str) -> Iterator[Invocation]:
    if not pipeline.status:
        raise InvalidInput("status", "is missing of a pipeline.", remedy="Save the answer as GitLab gives it.")
    yield from _pipeline(pipeline, _place(pipeline.web_url, ""), user_id)


def _pipeline(pipeline: _Pipeline, where: _Place, user_id: str) -> Iterator[Invocation]:
    started_at = moment(pipeline.started_at) or moment(pipeline.created_at)
    if started_at is None or pipeline.status not in _STARTED:
        return
    yield invocation(
        where.around(pipeline.id, user_id),
        where.pipeline_id(pipeline.id),
        joined("gitlab", where.project),
        started_at,
        _ending(pipeline.status, None),
        duration_ms=_spent(pipeline, started_at),
        traits=commit_trait(pipeline.sha),
    )


def _build(build: _Build, pipeline: int, sha: str | None, where: _Place, user_id: str) -> Iterator[Invocation]:
    # A job that was skipped has not begun, and is told all the same: it was there to be run.
    started_at = moment(build.started_at) or (moment(build.created_at) if build.status == "skipped" else None)
    if started_at is None or build.status not in _STARTED:
        return
    yield invocation(
        where.around(pipeline, user_id),
        joined("gitlab", where.host, "job", str(build.id)),
        joined("gitlab", where.project, build.stage, build.name),
        started_at,
        _ending(build.status, build.failure_reason),
        duration_ms=_spent(build, started_at),
        parent=where.pipeline_id(pipeline),
        traits=commit_trait(sha),
    )


def _spent(ran: _Pipeline | _Build, started_at: str) -> int | None:
    """Return the milliseconds that it took; of what still runs GitLab tells those until now, which would stay."""
    if ran.status not in _OVER:
        return None
    spent = milliseconds(ran.duration)
    return milliseconds_between(started_at, moment(ran.finished_at)) if spent is None else spent


def _ending(status: str, reason: str | None) -> Ending:
    match status:
        case "success":
            return Ending(Outcome.COMPLETED)
        case "failed" if reason in _TIMEOUTS:
            return Ending(Outcome.FAILED, ErrorType.TIMEOUT)
        case "failed" if reason in _OF_GITLAB:
            return Ending(Outcome.FAILED, ErrorType.API)
        case "failed":
            return Ending(Outcome.FAILED, ErrorType.EXIT_CODE)
        case "canceled" | "canceling":
            return Ending(Outcome.ABANDONED)
        case "skipped":
            return Ending(Outcome.ABANDONED, traits=(SKIPPED,))
        case _:
            return Ending()


def _place(url: str, project: str) -> _Place:
    parts = urlsplit(url)
    found = _PROJECT.match(parts.path)
    name = project or (found[1] if found else parts.path.strip("/"))
    return _Place(parts.netloc.rpartition("@")[2] or "gitlab", name or "unknown")
