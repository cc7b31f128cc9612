"""Which cluster of today is which of yesterday, so that ids stay. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_LIKENESS", "Known", "likeness", "matched"]

LEAST_LIKENESS = 0.45
"""Less alike clusters are not the same. Without one common member it takes centroids with a cosine of 0.9."""


@dataclass(frozen=True, eq=False)
class Known:
    """A cluster by who is in it and where it lies."""

    members: frozenset[str]
    centroid: NDArray[np.float32] | None
    """Of unit length; None where that is not known."""


def likeness(one: Known, other: Known) -> float:
    """Return how much two clusters are the same, 0-1: the mean of their overlap and of the cosine of their centroids.

    Overlap is Jaccard's, common members of all members. Where a centroid is missing, it decides alone.
    """
    together = len(one.members | other.members)
    overlap = len(one.members & other.members) / together if together else 0.0
    if one.centroid is None or other.centroid is None:
        return overlap
    return (overlap + max(0.0, float(one.centroid @ other.centroid))) / 2


def matched(new: Sequence[Known], old: Sequence[Known]) -> list[int | None]:
    """Return, for each *new* cluster, the number of the *old* one that it continues, or None.

    No old one is continued twice. Of all ways to pair them off it is the one with the highest sum of likeness
    (Hungarian method), without pairs that are less alike than :data:`LEAST_LIKENESS`.
    """
    if not new or not old:
        return [None] * len(new)
    # Loading it takes a fifth of the time in which a server starts.
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    alike = np.array([[likeness(one, other) for other in old] for one in new])
    # Pairs that will not stand must not keep others from standing.
    rows, columns = linear_sum_assignment(np.where(alike >= LEAST_LIKENESS, alike, 0.0), maximize=True)
    pairs = {int(row): int(column) for row, column in zip(rows, columns, strict=True)}
    return [
        pairs[row] if row in pairs and alike[row, pairs[row]] >= LEAST_LIKENESS else None for row in range(len(new))
    ]
