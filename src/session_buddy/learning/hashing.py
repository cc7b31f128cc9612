"""Similar users where there are too many to compare: by MinHash, approximately. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from session_buddy.errors import MissingExtra
from session_buddy.learning.interactions import Matrix
from session_buddy.learning.neighbours import Neighbourhood

if TYPE_CHECKING:
    from datasketch import MinHash  # type: ignore[import-untyped]

__all__ = ["MOST_COMPARED", "HashedNeighbourhood", "neighbourhood_of"]

MOST_COMPARED = 1_000_000
"""Users who are compared one by one: some 30 ms for each question."""
_HASHES = 64
_BLOCK = 10_000


class HashedNeighbourhood:
    """Finds users whose skills are much like a profile's, in time that hardly grows with the number of users.

    Users with a Jaccard index around *threshold* or more are found with high probability, others rarely; those that
    are found are compared exactly, so a similarity that is told is right, and only absence is uncertain.
    Source: A. Broder, "On the resemblance and containment of documents", 1997; library: ``datasketch``.

    Raises :class:`MissingExtra` where that is not installed.
    """

    def __init__(self, used: Matrix, *, threshold: float = 0.2, seed: int = 1) -> None:
        try:
            from datasketch import MinHash, MinHashLSH
        except ImportError as error:
            raise MissingExtra("Comparing so many users", extra="scale") from error

        self._used, self._seed = used, seed
        self._tokens = [str(skill).encode() for skill in range(used.shape[1])]
        self._lsh = MinHashLSH(threshold=threshold, num_perm=_HASHES, weights=(0.2, 0.8))
        self._hashed: Any = MinHash
        ends = used.indptr
        with self._lsh.insertion_session() as session:
            for start in range(0, used.shape[0], _BLOCK):
                users = [
                    user for user in range(start, min(start + _BLOCK, used.shape[0])) if ends[user] < ends[user + 1]
                ]
                rows = [self._words(used.indices[ends[user] : ends[user + 1]]) for user in users]
                for user, hashes in zip(users, MinHash.bulk(rows, num_perm=_HASHES, seed=seed), strict=True):
                    session.insert(user, hashes, check_duplication=False)

    def nearest(
        self, profile: NDArray[np.int64], count: int, *, without: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return up to *count* similar users, the most similar first, and their similarity; some may be missed.

        See :meth:`~session_buddy.learning.neighbours.Neighbourhood.nearest`.
        """
        if not len(profile):
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        hashes: MinHash = self._hashed(num_perm=_HASHES, seed=self._seed)
        hashes.update_batch(self._words(profile))
        found = np.array(sorted(user for user in self._lsh.query(hashes) if user != without), dtype=np.int64)
        asked = np.zeros(self._used.shape[1], dtype=np.float32)
        asked[profile] = 1
        common = self._used[found] @ asked
        sizes = np.diff(self._used.indptr)[found]
        similarities = common / np.maximum(sizes + len(profile) - common, 1)
        order = np.lexsort((found, -similarities))[:count]
        return found[order], similarities[order].astype(np.float64)

    def _words(self, skills: NDArray[np.int64]) -> list[bytes]:
        return [self._tokens[skill] for skill in skills]


def neighbourhood_of(used: Matrix, *, most_compared: int = MOST_COMPARED) -> Neighbourhood | HashedNeighbourhood:
    """Return what finds similar users exactly, or approximately where there are more than *most_compared*.

    Hashing takes a quarter of a millisecond a user, once. Without ``datasketch`` all are compared, however many.
    """
    if used.shape[0] <= most_compared:
        return Neighbourhood(used)
    try:
        return HashedNeighbourhood(used)
    except MissingExtra:
        return Neighbourhood(used)
