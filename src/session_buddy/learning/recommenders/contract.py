"""What every recommender does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.interactions import Interactions, Matrix

__all__ = ["Recommender", "Scores", "best", "unit_scaled"]

Scores = NDArray[np.float64]
"""Profiles by skills: the higher, the sooner recommended. Comparable within a row only."""


class Recommender(ABC):
    """Learns from :class:`Interactions` which skills go together, and scores skills for profiles.

    Guarantees: the same interactions give the same scores, in any process; nothing is read or written; scores are
    finite; a profile without skills has scores, too.
    """

    name: str

    @abstractmethod
    def fit(self, data: Interactions) -> Self:
        """Learn from *data*, and forget what was learned before; return this recommender."""

    @abstractmethod
    def scores(self, profiles: Matrix) -> Scores:
        """Return the scores of all skills for each row of *profiles*, those the profile has included."""

    def similar(self, skill: int, count: int) -> NDArray[np.int64]:
        """Return up to *count* skills that go with *skill* best, the best first."""
        width = self.width
        row = Matrix((np.ones(1, dtype=np.float32), np.array([skill]), np.array([0, 1])), shape=(1, width))
        scores = self.scores(row)[0].copy()
        scores[skill] = -np.inf
        return best(scores, count)

    def recommend(self, profile: Matrix, count: int) -> NDArray[np.int64]:
        """Return up to *count* skills that the one row *profile* has not, the best first."""
        scores = self.scores(profile)[0].copy()
        scores[profile.indices] = -np.inf
        return best(scores, count)

    @property
    @abstractmethod
    def width(self) -> int:
        """How many skills it knows."""


def best(scores: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of the *count* highest *scores*, the highest first; -inf is never among them.

    Of equal ones the first comes first.
    """
    candidates = np.flatnonzero(scores > -np.inf)
    if len(candidates) > count:
        floor = np.partition(scores[candidates], -count)[-count]
        candidates = candidates[scores[candidates] >= floor]
    return candidates[np.lexsort((candidates, -scores[candidates]))[:count]]


def unit_scaled(scores: Scores) -> Scores:
    """Return *scores* with the highest of each row at 1 and everything below 0 at 0."""
    positive = np.maximum(scores, 0)
    scaled: Scores = positive / np.maximum(positive.max(axis=1, keepdims=True, initial=0), 1e-12)
    return scaled
