"""Uses as they are learned from: numbers in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from session_buddy.model import Kind, Phase

__all__ = ["COMPLETED", "FAILED", "KINDS", "NEVER", "NO_PHASE", "PHASES", "UNTOLD", "Use", "phase_code", "uses_of"]

KINDS = tuple(kind.value for kind in Kind)
PHASES = (None, *(phase.value for phase in Phase))
"""A phase by its number. A missing one is a value of its own, and not the first of them."""
NO_PHASE = 0
FAILED, COMPLETED = 0, 1
UNTOLD = -1
"""Abandoned, or not known: neither a completion nor a failure."""
NEVER = -1
"""In place of a duration or of a moment: not known."""

_KIND_CODES = {kind: code for code, kind in enumerate(KINDS)}
_PHASE_CODES = {phase: code for code, phase in enumerate(PHASES)}
_OUTCOME_CODES = {"completed": COMPLETED, "failed": FAILED, "abandoned": UNTOLD, None: UNTOLD}


class Use(NamedTuple):
    """One use of a skill."""

    session: str
    user: str
    skill: str
    kind: int
    """Its place in :data:`KINDS`."""
    phase: int
    """Its place in :data:`PHASES`."""
    at: int
    """When it began, in milliseconds since 1970."""
    ended: int
    """When its outcome could be known; :data:`NEVER` while it runs."""
    outcome: int
    milliseconds: int
    """How long it took; :data:`NEVER` where nobody knows."""


def phase_code(phase: str | None) -> int:
    """Return the number of a phase, 0 for none."""
    return _PHASE_CODES[phase]


def uses_of(rows: Sequence[Sequence[Any]], times: Sequence[int], durations: Sequence[int | None]) -> list[Use]:
    """Return uses from *rows* of session, user, skill, kind, phase and outcome, with their times and durations.

    What has an outcome and no duration is known at once; what has neither still runs.
    """
    if not rows:
        return []
    # Column by column: a session may have hundreds, and somebody waits for the answer.
    sessions, users, skills, kinds, phases, outcomes = zip(*rows, strict=True)
    ended = [
        at + took if took is not None else at if outcome is not None else NEVER
        for at, took, outcome in zip(times, durations, outcomes, strict=True)
    ]
    columns = (
        sessions,
        users,
        skills,
        [_KIND_CODES[kind] for kind in kinds],
        [_PHASE_CODES[phase] for phase in phases],
        times,
        ended,
        [_OUTCOME_CODES[outcome] for outcome in outcomes],
        [NEVER if took is None else took for took in durations],
    )
    return list(map(Use._make, zip(*columns, strict=True)))
