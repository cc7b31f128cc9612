"""Orders of lists of skills, and ways to search and to recommend them.

Apart, since parsing a command line must load nothing heavy.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RankingOrder", "RecommendStrategy", "SearchStrategy"]


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


class RecommendStrategy(StrEnum):
    """How skills are recommended: names that an experiment can set against each other."""

    RECOMMENDED = "recommended"
    """By the recommender that foretells best what is used next, whichever that is by then."""
    POPULARITY = "recommended_by_popularity"
    SPECIFICATION = "recommended_by_specification"
    """Similarity x completion rate, for the most similar user."""
    ITEM_KNN = "recommended_by_item_knn"
    EASE = "recommended_by_ease"
    CONTENT = "recommended_by_content"
    """What reads like the skills in use."""
    CLUSTERS = "recommended_by_clusters"
    """Further skills of the clusters that those in use belong to."""


class CatalogueOrder(StrEnum):
    """What the catalogue is ordered by; the most used, the surest, the dearest, the latest come first."""

    USES = "uses"
    SUCCESS = "success"
    """The lower end of the 95 % interval of the success rate."""
    COST = "cost"
    """The tokens that every session pays for it; then those that a use pays."""
    RECENT = "recent"
    NAME = "name"
