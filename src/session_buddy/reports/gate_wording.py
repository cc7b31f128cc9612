"""The words for what the gate says, the same on the command line and on pages. Pure."""

from __future__ import annotations

from session_buddy.formats import plural
from session_buddy.reports.gate import Gate, GateSkill

__all__ = ["gate_word", "nothing_judged", "verdict_word", "worst_first"]


def verdict_word(gate: Gate) -> str:
    """Return how *gate* stands: ``open`` or ``shut``."""
    return "open" if gate.passed else "shut"


def nothing_judged(gate: Gate) -> str | None:
    """Return that *gate* judged nothing, and why; None where it judged something. An open gate says nothing then."""
    if not gate.skills:
        return "Nothing was judged: nothing was used."
    if gate.rules.min_completion is None or any(one.judged for one in gate.skills):
        return None
    return f"Nothing was judged: no skill has {plural(gate.rules.min_uses, 'use')} that completed or failed."


def gate_word(one: GateSkill) -> str:
    """Return how the gate stands for *one* skill, as far as its success goes."""
    if not one.judged:
        return "too few to judge"
    return "open" if one.passed else "shut"


def worst_first(gate: Gate) -> list[GateSkill]:
    """Return the skills at *gate*: those that it is shut for, then the others, each by name."""
    return sorted(gate.skills, key=lambda one: (one.passed, one.skill))
