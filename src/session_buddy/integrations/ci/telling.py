"""From a command that ended to invocations. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from session_buddy.importers.ci.identity import fitted, milliseconds
from session_buddy.importers.ci.reading import commit_trait
from session_buddy.importers.ci.telling import UNNAMED
from session_buddy.importers.shell import ShellRules
from session_buddy.integrations.ci.running import CANNOT_RUN, NOT_FOUND, Ended
from session_buddy.integrations.ci.surroundings import CiPlace
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

__all__ = ["SOURCE", "named", "told"]

SOURCE = "ci"


def named(command: Sequence[str], rules: ShellRules, skill: str | None) -> tuple[str, Kind, str | None]:
    """Return what *command* is called, of which kind it is, and which program it is where no name says so.

    *skill*, if the user gave one, is its name; else the rules for shell commands decide.
    """
    if skill is not None:
        return fitted(skill), Kind.SHELL, None
    main = rules.interpret(shlex.join(command), succeeded=None).main
    if main is not None:
        return main.skill_name, Kind.SHELL, None
    return UNNAMED, Kind.TOOL, fitted(PurePath(command[0]).name or command[0])


def told(
    command: Sequence[str],
    ended: Ended,
    *,
    rules: ShellRules,
    skill: str | None,
    event_id: str,
    started_at: str,
    place: CiPlace,
    user_id: str,
    project: str,
) -> Iterator[Invocation]:
    """Yield the invocation of *command*, and those of others that it certainly ran (``sh -c 'a && b'``)."""
    name, kind, step = named(command, rules, skill)
    found = rules.interpret(shlex.join(command), succeeded=ended.exit_code == 0)
    outcome: Outcome | None
    outcome, error = _ending(ended)
    if skill is None and found.main is not None and ended.problem is None and outcome is not Outcome.ABANDONED:
        outcome = found.main.outcome
        error = ErrorType.EXIT_CODE if outcome is Outcome.FAILED else None
    shared = {
        "session_id": place.session_id,
        "invoked_at": started_at,
        "source": SOURCE,
        "user_id": user_id,
        "project": project,
        "kind": Kind.SHELL,
    }
    yield Invocation(
        **shared | {"kind": kind},  # type: ignore[arg-type]
        event_id=event_id,
        skill_name=name,
        outcome=outcome,
        error_type=error,
        duration_ms=milliseconds(ended.duration_seconds),
        duration_source=DurationSource.REPORTED,
        trigger=Trigger.USER,
        parent_event_id=place.parent_event_id,
        workflow_step_id=step,
        workflow_phase=_phase(name, rules),
        traits=tuple(sorted({*_traits(ended), *commit_trait(place.commit)})),
    )
    for number, other in enumerate(found.others if ended.problem is None else (), 2):
        yield Invocation(
            **shared,  # type: ignore[arg-type]
            event_id=f"{event_id}#{number}",
            skill_name=other.skill_name,
            outcome=other.outcome,
            error_type=ErrorType.EXIT_CODE if other.outcome is Outcome.FAILED else None,
            trigger=Trigger.NESTED,
            parent_event_id=event_id,
            workflow_phase=_phase(other.skill_name, rules),
        )


def _ending(ended: Ended) -> tuple[Outcome, ErrorType | None]:
    if ended.exit_code == 0:
        return Outcome.COMPLETED, None
    if ended.problem is not None:
        missing = ended.exit_code == NOT_FOUND
        return Outcome.FAILED, ErrorType.NOT_FOUND if missing else ErrorType.EXIT_CODE
    if ended.told_to_stop:
        # Whoever stopped the job stopped the command: that says nothing of it.
        return Outcome.ABANDONED, None
    return Outcome.FAILED, ErrorType.EXIT_CODE


def _traits(ended: Ended) -> Iterator[str]:
    """Yield what it used, each up to the next power of two: exact figures would be as many traits as runs."""
    if ended.exit_code not in (0, NOT_FOUND, CANNOT_RUN):
        yield f"signal:{ended.signal}" if ended.signal else f"exit:{ended.exit_code}"
    if ended.cpu_seconds is not None:
        yield f"cpu_seconds:{_up_to(ended.cpu_seconds)}"
    if ended.max_memory_bytes is not None:
        yield f"memory_mib:{_up_to(ended.max_memory_bytes / 2**20)}"


def _up_to(amount: float) -> int:
    """Return the least power of two that is not below *amount*, and at least 1.

    >>> [_up_to(amount) for amount in (0.2, 1, 1.5, 100)]
    [1, 1, 2, 128]
    """
    bound = 1
    while bound < amount:
        bound *= 2
    return bound


def _phase(skill: str, rules: ShellRules) -> Phase | None:
    rule = rules.rule(skill)
    return rule.phase if rule is not None else None
