"""Leaning an order of relevance towards what works, fits the phase and is in use. Pure, and gentle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import log2

import msgspec

from session_buddy.model import Kind, Phase

__all__ = ["LEAST_FACTOR", "MOST_FACTOR", "Habits", "SkillCard", "factor_of", "phase_share", "shrunken_success"]

_SUCCESS_LEAN, _PHASE_LEAN, _RECENCY_LEAN = 0.10, 0.10, 0.05
LEAST_FACTOR = 1 - _SUCCESS_LEAN - _PHASE_LEAN
MOST_FACTOR = 1 + _SUCCESS_LEAN + _PHASE_LEAN + _RECENCY_LEAN
"""A skill is never overtaken by one whose relevance is below 64 % (0.8 / 1.25) of its own."""
_USES_OF_DOUBT = 10.0
"""A skill must be used so often until its own figures weigh as much as those of all."""
_HALF_LIFE = timedelta(days=30)


class SkillCard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a skill."""

    skill: str
    description: str = ""
    """Empty where it was never described."""
    kind: Kind | None = None
    """``None`` of a skill that was never used."""
    uses: int = 0
    completed: int = 0
    failed: int = 0
    last_used_at: str | None = None
    phases: Mapping[str, int] = {}
    """How often it was used in which phase."""


class Habits(msgspec.Struct, frozen=True):
    """How it goes with all skills together."""

    success: float = 0.5
    """Completed of completed and failed, 0-1."""
    phases: Mapping[str, float] = {}
    """The part of each phase among uses whose phase is known, 0-1."""

    @classmethod
    def of(cls, cards: list[SkillCard]) -> Habits:
        """Return those of *cards*."""
        completed, failed = sum(card.completed for card in cards), sum(card.failed for card in cards)
        counts = {phase.value: sum(card.phases.get(phase, 0) for card in cards) for phase in Phase}
        total = sum(counts.values())
        success = completed / (completed + failed) if completed + failed else 0.5
        return cls(success, {name: count / total for name, count in counts.items()} if total else {})


def shrunken_success(card: SkillCard, habits: Habits) -> float:
    """Return the success rate that few uses leave near that of all, 0-1."""
    return (card.completed + _USES_OF_DOUBT * habits.success) / (card.completed + card.failed + _USES_OF_DOUBT)


def phase_share(card: SkillCard, habits: Habits, phase: Phase) -> float:
    """Return the part of a skill's uses that falls into *phase*, 0-1; few uses leave it near that of all."""
    usual = habits.phases.get(phase, 0.0)
    return (card.phases.get(phase, 0) + _USES_OF_DOUBT * usual) / (sum(card.phases.values()) + _USES_OF_DOUBT)


def factor_of(card: SkillCard, habits: Habits, *, phase: Phase | None, now: str | None) -> float:
    """Return by what relevance is multiplied, from :data:`LEAST_FACTOR` to :data:`MOST_FACTOR`.

    1 for a skill that was never used. Success counts against that of all skills, the phase against how common it is,
    and a use of now adds most, one of 30 days ago half of that. Without *phase*, or *now*, these say nothing.
    """
    factor = 1 + _SUCCESS_LEAN * _within_one((shrunken_success(card, habits) - habits.success) / 0.5)
    if phase is not None and habits.phases.get(phase):
        factor += _PHASE_LEAN * _within_one(log2(phase_share(card, habits, phase) / habits.phases[phase]) / 2)
    if now is not None and card.last_used_at is not None:
        age = datetime.fromisoformat(now) - datetime.fromisoformat(card.last_used_at)
        # What is said to be yet to come counts as used now.
        factor += _RECENCY_LEAN * 0.5 ** (max(age, timedelta(0)) / _HALF_LIFE)
    return factor


def _within_one(value: float) -> float:
    return max(-1.0, min(1.0, value))
