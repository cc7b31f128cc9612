"""GitHub Actions: what its REST API answers and what its webhooks post, to invocations. Pure.

A run of a workflow is an invocation, and so is each job in it and each step of a job; an attempt is a session. GitHub
tells of the same job in many events: the id of the job makes them one row. What has not begun yet is nothing yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.ci.identity import joined, milliseconds_between, moment
from session_buddy.importers.ci.reading import commit_trait, decoded, keys_of
from session_buddy.importers.ci.results import name_of_test
from session_buddy.importers.ci.telling import SKIPPED, STEP, Ending, Surroundings, invocation, phase_of_skill
from session_buddy.importers.shell import ShellRules
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome

__all__ = ["EVENTS", "SOURCE", "github_answer", "github_event"]

SOURCE = "github"
EVENTS = frozenset({"workflow_run", "workflow_job", "check_run", "check_suite"})
"""The events that tell of something that ran."""

_ENDINGS = {
    "success": Ending(Outcome.COMPLETED),
    "failure": Ending(Outcome.FAILED, ErrorType.EXIT_CODE),
    "timed_out": Ending(Outcome.FAILED, ErrorType.TIMEOUT),
    "startup_failure": Ending(Outcome.FAILED, ErrorType.VALIDATION),
    "cancelled": Ending(Outcome.ABANDONED),
    "stale": Ending(Outcome.ABANDONED),
    "skipped": Ending(Outcome.ABANDONED, traits=(SKIPPED,)),
}
"""By conclusion; ``neutral`` and ``action_required`` say neither that it worked nor that it did not."""
_REPOSITORY = re.compile(r"/(?:repos/)?([^/]+/[^/]+)/(?:actions|check-runs|check-suites|runs)/")
_ITS_OWN_APP = "github-actions"
_COMMAND = "Run "
"""How GitHub calls a step that has no name of its own: this, and the first line of what it runs."""


class _Step(msgspec.Struct):
    name: str = ""
    number: int = 0
    status: str = ""
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None


class _Job(msgspec.Struct):
    id: int
    run_id: int
    name: str
    status: str
    run_attempt: int = 1
    workflow_name: str | None = None
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    head_sha: str | None = None
    url: str = ""
    steps: list[_Step] | None = None


class _Repository(msgspec.Struct):
    full_name: str
    url: str = ""


class _Run(msgspec.Struct):
    id: int
    status: str
    run_number: int
    name: str | None = None
    path: str = ""
    run_attempt: int = 1
    conclusion: str | None = None
    created_at: str | None = None
    run_started_at: str | None = None
    updated_at: str | None = None
    head_sha: str | None = None
    url: str = ""
    repository: _Repository | None = None


class _App(msgspec.Struct):
    slug: str = ""


class _Suite(msgspec.Struct):
    id: int
    status: str | None = None
    conclusion: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    head_sha: str | None = None
    url: str = ""
    app: _App | None = None


class _Check(msgspec.Struct):
    id: int
    name: str
    status: str
    conclusion: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    head_sha: str | None = None
    url: str = ""
    app: _App | None = None
    check_suite: _Suite | None = None


class _Event(msgspec.Struct):
    repository: _Repository | None = None
    workflow_run: _Run | None = None
    workflow_job: _Job | None = None
    check_run: _Check | None = None
    check_suite: _Suite | None = None


class _Answer(msgspec.Struct):
    """Any of the answers: lists of runs, of jobs, of check runs."""

    workflow_runs: list[_Run] | None = None
    jobs: list[_Job] | None = None
    check_runs: list[_Check] | None = None


_EVENT = msgspec.json.Decoder(_Event)
_ANSWER = msgspec.json.Decoder(_Answer)
_ONE_RUN = msgspec.json.Decoder(_Run)
_ONE_JOB = msgspec.json.Decoder(_Job)


def github_event(data: bytes, event: str, *, user_id: str, rules: ShellRules) -> list[Invocation]:
    """Return what the payload *data* of a webhook tells; *event* is its header ``X-GitHub-Event``.

    Raises :class:`InvalidInput` for what is no such payload. Of other events there is nothing to tell.
    """
    if event not in EVENTS:
        return []
    told = decoded(_EVENT, data, f"payload of {event}")
    reader = _Reader(user_id, rules, told.repository)
    if event == "workflow_run" and told.workflow_run is not None:
        return list(reader.run(told.workflow_run))
    if event == "workflow_job" and told.workflow_job is not None:
        return list(reader.job(told.workflow_job))
    if event == "check_run" and told.check_run is not None:
        return list(reader.check(told.check_run))
    if event == "check_suite" and told.check_suite is not None:
        return list(reader.suite(told.check_suite))
    raise InvalidInput("body", f"has no {event}.", remedy="Send the payload as GitHub makes it.")


def github_answer(data: bytes, *, user_id: str, rules: ShellRules) -> list[Invocation]:
    """Return what *data*, an answer of the REST API or the saved payload of a webhook, tells.

    Raises :class:`InvalidInput` for what is neither.
    """
    keys = keys_of(data)
    for event in ("workflow_job", "workflow_run", "check_run", "check_suite"):
        if event in keys:
            return github_event(data, event, user_id=user_id, rules=rules)
    reader = _Reader(user_id, rules, None)
    if {"run_number", "status"} <= keys:
        return list(reader.run(decoded(_ONE_RUN, data, "run of a workflow")))
    if {"run_id", "status"} <= keys:
        return list(reader.job(decoded(_ONE_JOB, data, "job of a workflow")))
    answer = decoded(_ANSWER, data, "answer of GitHub")
    told = [one for run in answer.workflow_runs or () for one in reader.run(run)]
    told += [one for job in answer.jobs or () for one in reader.job(job)]
    told += [one for check in answer.check_runs or () for one in reader.check(check)]
    return told


class _Reader:
    """Makes invocations of what one document tells; *repository* is its own word on where that ran."""

    def __init__(self, user_id: str, rules: ShellRules, repository: _Repository | None) -> None:
        self._user_id, self._rules, self._repository = user_id, rules, repository

    def run(self, run: _Run) -> Iterator[Invocation]:
        where = self._place(run.url, run.repository)
        started_at = moment(run.run_started_at) or moment(run.created_at)
        is_over = run.status == "completed"
        if started_at is None or not (is_over or run.status == "in_progress"):
            return
        yield invocation(
            self._around(where, joined(where.service, where.repository, str(run.id), str(run.run_attempt))),
            joined(where.service, "run", str(run.id), str(run.run_attempt)),
            # Runs of a workflow without a name are called after its file.
            joined("github", where.repository, run.name or run.path.partition("@")[0].rpartition("/")[2] or "workflow"),
            started_at,
            _ending(run.status, run.conclusion),
            # Nothing says when it ended but the last time that anything about it changed.
            duration_ms=milliseconds_between(started_at, moment(run.updated_at)) if is_over else None,
            duration_source=DurationSource.ELAPSED,
            traits=commit_trait(run.head_sha),
        )

    def job(self, job: _Job) -> Iterator[Invocation]:
        where = self._place(job.url, None)
        started_at = moment(job.started_at)
        if started_at is None or job.status not in ("in_progress", "completed"):
            return
        around = self._around(where, joined(where.service, where.repository, str(job.run_id), str(job.run_attempt)))
        event_id = joined(where.service, "check", str(job.id))
        yield invocation(
            around,
            event_id,
            joined("github", where.repository, job.workflow_name or "", job.name),
            started_at,
            _ending(job.status, job.conclusion),
            duration_ms=milliseconds_between(started_at, moment(job.completed_at)),
            parent=joined(where.service, "run", str(job.run_id), str(job.run_attempt)),
            traits=commit_trait(job.head_sha),
        )
        for step in job.steps or ():
            yield from self._step(step, job, around, event_id)

    def check(self, check: _Check) -> Iterator[Invocation]:
        """Yield what another program than Actions checked; of the jobs of Actions their own events tell more."""
        started_at = moment(check.started_at)
        if _is_of_actions(check.app) or started_at is None or check.status not in ("in_progress", "completed"):
            return
        where = self._place(check.url, None)
        suite = "" if check.check_suite is None else str(check.check_suite.id)
        yield invocation(
            self._around(where, joined(where.service, where.repository, "suite", suite)),
            joined(where.service, "check", str(check.id)),
            joined("github", where.repository, "check", _slug(check.app), check.name),
            started_at,
            _ending(check.status, check.conclusion),
            duration_ms=milliseconds_between(started_at, moment(check.completed_at)),
            parent=joined(where.service, "suite", suite) if suite else None,
            traits=commit_trait(check.head_sha),
        )

    def suite(self, suite: _Suite) -> Iterator[Invocation]:
        started_at = moment(suite.created_at)
        if _is_of_actions(suite.app) or started_at is None or suite.status not in ("in_progress", "completed"):
            return
        where = self._place(suite.url, None)
        yield invocation(
            self._around(where, joined(where.service, where.repository, "suite", str(suite.id))),
            joined(where.service, "suite", str(suite.id)),
            joined("github", where.repository, "suite", _slug(suite.app)),
            started_at,
            _ending(suite.status, suite.conclusion),
            duration_ms=milliseconds_between(started_at, moment(suite.updated_at))
            if suite.status == "completed"
            else None,
            duration_source=DurationSource.ELAPSED,
            traits=commit_trait(suite.head_sha),
        )

    def _step(self, step: _Step, job: _Job, around: Surroundings, job_id: str) -> Iterator[Invocation]:
        started_at = moment(step.started_at)
        if started_at is None or step.status not in ("in_progress", "completed"):
            return
        skill = self._command_of(step.name)
        yield invocation(
            around,
            f"{job_id}:{step.number}",
            skill or STEP,
            started_at,
            _ending(step.status, step.conclusion),
            kind=Kind.SHELL if skill else Kind.TOOL,
            duration_ms=milliseconds_between(started_at, moment(step.completed_at)),
            parent=job_id,
            step=name_of_test(job.name, step.name),
            phase=phase_of_skill(skill, self._rules) if skill else None,
        )

    def _command_of(self, step: str) -> str | None:
        """Return the skill that a step without a name of its own is: its name is the command."""
        if not step.startswith(_COMMAND):
            return None
        main = self._rules.interpret(step.removeprefix(_COMMAND), succeeded=None).main
        return main.skill_name if main else None

    def _place(self, url: str, repository: _Repository | None) -> _Place:
        known = repository or self._repository
        found = _REPOSITORY.search(urlsplit(url).path)
        name = known.full_name if known else (found[1] if found else "unknown")
        host = (urlsplit(url).hostname or "github.com").removeprefix("api.")
        return _Place("github" if host == "github.com" else f"github@{host}", name)

    def _around(self, where: _Place, session_id: str) -> Surroundings:
        return Surroundings(
            source=SOURCE, session_id=session_id, user_id=self._user_id, project=f"github:{where.repository}"
        )


class _Place(msgspec.Struct, frozen=True):
    service: str
    """Numbers of runs and jobs are those of one server."""
    repository: str


def _ending(status: str, conclusion: str | None) -> Ending:
    return _ENDINGS.get(conclusion or "", Ending()) if status == "completed" else Ending()


def _is_of_actions(app: _App | None) -> bool:
    return app is not None and app.slug == _ITS_OWN_APP


def _slug(app: _App | None) -> str:
    return app.slug if app is not None else ""
