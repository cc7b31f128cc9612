"""What everybody uses, lately."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores

__all__ = ["Popularity"]


class Popularity(Recommender):
    """Scores a skill by its users, each worth half as much for every *half_life* days since that user's last use."""

    name = "popularity"

    def __init__(self, half_life: float = 90.0) -> None:
        self._half_life = half_life
        self._scores: NDArray[np.float64] = np.zeros(0)

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        weights = np.exp2(-data.ages / self._half_life)
        self._scores = np.bincount(data.used.indices, weights=weights, minlength=len(data.skills)).astype(np.float64)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        return np.broadcast_to(self._scores, (profiles.shape[0], len(self._scores)))

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return len(self._scores)
