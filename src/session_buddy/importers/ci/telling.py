"""From what was read of CI to invocations: the fields that all of it shares. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.ci.commands import Command
from session_buddy.importers.ci.identity import content_digest, fitted, milliseconds
from session_buddy.importers.ci.results import Case, Report, Status
from session_buddy.importers.shell import ShellRules
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

__all__ = [
    "SKIPPED",
    "STEP",
    "TEST",
    "UNNAMED",
    "Ending",
    "Surroundings",
    "invocation",
    "invocations_of_report",
    "known_time",
    "phase_of_skill",
]

TEST = "test-case"
"""What each test is called: one skill for all of them, told apart by ``workflow_step_id``."""
STEP = "ci-step"
"""What a step of a job is called that runs no command we know; ``workflow_step_id`` has its name."""
UNNAMED = "ci-command"
"""What a command is called that ``ci run`` ran, no rule knows and nobody named; its step says which program it was."""
_SOME_RUNNER = "test-run"
SKIPPED = "skipped"
"""The trait of what was there to be run and was not."""


class Ending(msgspec.Struct, frozen=True):
    """How something ended, in our words."""

    outcome: Outcome | None = None
    error_type: ErrorType | None = None
    traits: tuple[str, ...] = ()


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all that one document tells."""

    source: str
    session_id: str
    user_id: str
    project: str | None = None


_ENDINGS = {
    Status.PASSED: Ending(Outcome.COMPLETED),
    Status.FAILED: Ending(Outcome.FAILED, ErrorType.OTHER),
    Status.ERROR: Ending(Outcome.FAILED, ErrorType.OTHER, ("error",)),
    Status.TIMEOUT: Ending(Outcome.FAILED, ErrorType.TIMEOUT),
    Status.SKIPPED: Ending(Outcome.ABANDONED, traits=(SKIPPED,)),
}
_ENDINGS_OF_RUNS = {
    True: Ending(Outcome.COMPLETED),
    False: Ending(Outcome.FAILED, ErrorType.EXIT_CODE),
    None: Ending(),
}


def invocation(
    around: Surroundings,
    event_id: str,
    skill: str,
    invoked_at: str,
    ending: Ending,
    *,
    kind: Kind = Kind.SHELL,
    duration_ms: int | None = None,
    duration_source: DurationSource = DurationSource.REPORTED,
    parent: str | None = None,
    step: str | None = None,
    phase: Phase | None = None,
    traits: tuple[str, ...] = (),
) -> Invocation:
    """Return one invocation; nobody asked a model for it, so it counts as asked for by the user."""
    return Invocation(
        event_id=event_id,
        session_id=around.session_id,
        skill_name=fitted(skill),
        kind=kind,
        invoked_at=invoked_at,
        source=around.source,
        user_id=around.user_id,
        outcome=ending.outcome,
        error_type=ending.error_type,
        duration_ms=duration_ms,
        duration_source=None if duration_ms is None else duration_source,
        trigger=Trigger.USER if parent is None else Trigger.NESTED,
        parent_event_id=parent,
        project=around.project,
        workflow_step_id=None if step is None else fitted(step),
        workflow_phase=phase,
        traits=tuple(sorted({*ending.traits, *traits})),
    )


def invocations_of_report(
    report: Report,
    data: bytes,
    *,
    rules: ShellRules,
    user_id: str,
    written_at: str | None,
    traits: tuple[str, ...] = (),
    writer: Command | None = None,
) -> Iterator[Invocation]:
    """Yield the run that *report* tells of, and each attempt at a test in it.

    Ids follow from *data*, the document: a copy of it tells of the same run. *written_at* stands for times that it does
    not give. A report that *writer* wrote tells of its run of tests, and where it is known as none, of a run within it.
    """
    identity = f"report:{content_digest(data)}"
    around = Surroundings(
        source=report.format,
        session_id=writer.session_id if writer else identity,
        user_id=user_id,
        project=writer.folder if writer else None,
    )
    started_at = report.started_at or known_time(written_at)
    run_id = identity
    if writer is not None and report.skill in writer.uses:
        run_id = writer.uses[report.skill]
    elif writer is not None and report.skill == _SOME_RUNNER:
        run_id = writer.event_id
    else:
        yield invocation(
            around,
            run_id,
            report.skill,
            started_at,
            _ENDINGS_OF_RUNS[report.passed],
            duration_ms=milliseconds(report.seconds),
            parent=writer.event_id if writer else None,
            phase=phase_of_skill(report.skill, rules),
            traits=traits,
        )
    for number, case in enumerate(report.cases, 1):
        yield _told(case, around, f"{identity}:{number}", run_id, started_at)


def known_time(written_at: str | None) -> str:
    """Return *written_at*, when a file was written that says no time; raises :class:`InvalidInput` if nobody knows."""
    if written_at is None:
        raise InvalidInput("document", "tells no time.", remedy="Import it as a file, which has one.")
    return written_at


def _told(case: Case, around: Surroundings, event_id: str, run_id: str, run_started_at: str) -> Invocation:
    return invocation(
        around,
        event_id,
        TEST,
        case.started_at or run_started_at,
        _ENDINGS[case.status],
        kind=Kind.TOOL,
        duration_ms=milliseconds(case.seconds),
        parent=run_id,
        step=case.name,
        phase=Phase.VERIFICATION,
    )


def phase_of_skill(skill: str, rules: ShellRules) -> Phase | None:
    """Return the phase that the rules give a command, verification for runs of tests that have no rule."""
    rule = rules.rule(skill)
    if rule is not None:
        return rule.phase
    return Phase.VERIFICATION if skill == _SOME_RUNNER else None
