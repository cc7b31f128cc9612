"""The words for what the gate says, the same on the command line and on pages. Pure."""

from __future__ import annotations

from session_buddy.reports.gate import Gate, GateSkill

__all__ = ["gate_word", "verdict_word", "worst_first"]


def verdict_word(gate: Gate) -> str:
    """Return how *gate* stands: ``open`` or ``shut``."""
    return "open" if gate.passed else "shut"


def gate_word(one: GateSkill) -> str:
    """Return how the gate stands for *one* skill, as far as its success goes."""
    if not one.judged:
        return "too few to judge"
    return "open" if one.passed else "shut"


def worst_first(gate: Gate) -> list[GateSkill]:
    """Return the skills at *gate*: those that it is shut for, then the others, each by name."""
    return sorted(gate.skills, key=lambda one: (one.passed, one.skill))
