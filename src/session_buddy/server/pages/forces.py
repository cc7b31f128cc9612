"""Where the points of a network lie: those that are joined near each other, all others apart. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["laid_out"]

_ROUNDS = 250
_GRAVITY = 0.09
"""How strongly all are drawn to the middle, so that parts that are not joined stay in sight."""


def laid_out(points: int, edges: list[tuple[int, int]], weights: list[float], *, seed: int) -> NDArray[np.float64]:
    """Return the places of *points*, x and y from 0 to 1; the same for the same arguments.

    Edges pull like springs, the more the greater their weight (0 to 1), and all points push each other away.

    Source: T. Fruchterman, E. Reingold, "Graph drawing by force-directed placement", Software: Practice and
    Experience 21 (1991).
    """
    if points < 2:
        return np.full((points, 2), 0.5)
    places = np.random.default_rng(seed).uniform(-0.5, 0.5, (points, 2))
    pull = np.zeros((points, points))
    for (one, other), weight in zip(edges, weights, strict=True):
        pull[one, other] = pull[other, one] = weight
    # Where all are joined with all, springs would pull them into one place.
    many = np.maximum((pull > 0).sum(axis=1), 1) ** 0.5
    pull /= np.sqrt(many[:, None] * many[None])
    apart = 1 / np.sqrt(points)
    for step in range(_ROUNDS):
        away = places[:, None] - places[None]
        distance = np.maximum(np.sqrt((away**2).sum(axis=2)), 1e-6)
        force = (apart / distance) ** 2 - pull * distance / apart
        moves = (away * force[:, :, None]).sum(axis=1) - _GRAVITY * places / apart
        length = np.maximum(np.sqrt((moves**2).sum(axis=1, keepdims=True)), 1e-9)
        # Ever smaller steps: what swings at first comes to rest.
        places = places + moves / length * np.minimum(length, 0.1 * (1 - step / _ROUNDS))
    low, high = places.min(axis=0), places.max(axis=0)
    found: NDArray[np.float64] = (places - low) / np.maximum(high - low, 1e-9)
    return found
