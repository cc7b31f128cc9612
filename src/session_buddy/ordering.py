"""Orders of lists of skills, and ways to search them. Apart, since parsing a command line must load nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RankingOrder", "SearchStrategy"]


class RankingOrder(StrEnum):
    """What skills are ordered by; the most, the surest, the longest, the latest come first."""

    USES = "uses"
    FAILURES = "failures"
    SUCCESS = "success"
    """The lower end of the 95 % interval of the success rate: 99 of 100 come before 1 of 1."""
    DURATION = "duration"
    RECENT = "recent"


class SearchStrategy(StrEnum):
    """How skills are searched: names that an experiment can set against each other."""

    SEMANTIC = "semantic_search"
    """By words and meaning alone."""
    WORKFLOW_AWARE = "workflow_aware_search"
    """Leaned towards what succeeds, fits the phase and is in use."""
