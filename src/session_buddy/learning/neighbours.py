"""Users who use the same skills. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.interactions import Matrix

__all__ = ["Neighbourhood"]


class Neighbourhood:
    """Finds the users most like a profile by the Jaccard index, exactly.

    The index is |A and B| / |A or B| of two users' skills, as the specification has it: each skill counts once, however
    often it was used. Skills are kept by column, so that a question costs as many additions as the skills of the
    profile have users, and not a comparison with each user.
    """

    def __init__(self, used: Matrix) -> None:
        columns = used.tocsc()
        self._users: NDArray[np.int64] = columns.indices.astype(np.int64)
        self._ends = columns.indptr
        self._sizes = np.diff(used.indptr)

    def similarities(self, profile: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the Jaccard index of each user with the skills in columns *profile*, which must differ."""
        if not len(profile):
            return np.zeros(len(self._sizes))
        sharing = np.concatenate([self._users[self._ends[skill] : self._ends[skill + 1]] for skill in profile])
        common = np.bincount(sharing, minlength=len(self._sizes))
        similarities: NDArray[np.float64] = common / np.maximum(self._sizes + len(profile) - common, 1)
        return similarities

    def nearest(
        self, profile: NDArray[np.int64], count: int, *, without: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return up to *count* users who share a skill with *profile*, the most similar first, and their similarity.

        Of users alike the first comes first. The user *without* is left out: whoever asks is similar to themselves.
        """
        similarities = self.similarities(profile)
        if without is not None:
            similarities[without] = 0
        candidates = np.flatnonzero(similarities)
        if len(candidates) > count:
            floor = np.partition(similarities[candidates], -count)[-count]
            candidates = candidates[similarities[candidates] >= floor]
        order = np.lexsort((candidates, -similarities[candidates]))[:count]
        return candidates[order], similarities[candidates[order]]
