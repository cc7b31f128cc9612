"""The specification's own formula: similarity x completion rate."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.neighbours import Neighbourhood
from session_buddy.learning.recommenders.contract import Recommender, Scores

__all__ = ["Specified"]


class Specified(Recommender):
    """Scores a skill by the most similar of its users: Jaccard index x the skill's completion rate.

    The specification does not say what becomes of several similar users. With *summed* their similarities are added,
    which is much the better recommender; without, the formula is taken as it is written, for one similar user.
    Whoever asks may be among the users: they, and whoever has exactly their skills, bring nothing new.
    """

    def __init__(self, *, summed: bool = False) -> None:
        self.name = "specification, summed" if summed else "specification"
        self._summed = summed

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        self._used, self._rates = data.used, data.rates
        self._neighbourhood = Neighbourhood(data.used)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        return np.vstack(
            [
                self._scores(profiles.indices[start:end])
                for start, end in zip(profiles.indptr[:-1], profiles.indptr[1:], strict=True)
            ]
        ).reshape(-1, self.width)

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return len(self._rates)

    def _scores(self, profile: NDArray[np.int64]) -> NDArray[np.float64]:
        similarities = self._neighbourhood.similarities(profile)
        users = np.flatnonzero(similarities)
        theirs = self._used[users]
        weights = np.repeat(similarities[users], np.diff(theirs.indptr))
        likeness: NDArray[np.float64]
        if self._summed:
            likeness = np.bincount(theirs.indices, weights=weights, minlength=self.width).astype(np.float64)
        else:
            likeness = np.zeros(self.width)
            np.maximum.at(likeness, theirs.indices, weights)
        return likeness * self._rates
