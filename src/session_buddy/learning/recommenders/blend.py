"""Several recommenders as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores, unit_scaled

__all__ = ["Blend"]


class Blend(Recommender):
    """Adds what its parts say, each scaled so that its best skill has the part's weight."""

    def __init__(self, name: str, parts: Sequence[tuple[Recommender, float]]) -> None:
        self.name = name
        self.parts = tuple(parts)
        """Recommenders and their weights; weights are positive."""

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        for part, _ in self.parts:
            part.fit(data)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        total = np.zeros((profiles.shape[0], self.width))
        for part, weight in self.parts:
            total += weight * unit_scaled(_without_known(part.scores(profiles), profiles))
        return total

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return self.parts[0][0].width


def _without_known(scores: Scores, profiles: Matrix) -> Scores:
    """Return *scores* with 0 where a profile has the skill: it shall not set the scale for those it has not."""
    owners = np.repeat(np.arange(profiles.shape[0]), np.diff(profiles.indptr))
    others = np.array(scores)
    others[owners, profiles.indices] = 0
    return others
