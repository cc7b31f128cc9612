"""Skills that lie in groups, by lot."""

from __future__ import annotations

import numpy as np

from session_buddy.learning.clusters.features import Vectors, unit

TOPICS = ("docker image build", "python test coverage", "write prose chapter", "query table schema", "draw chart axis")


def grouped(groups: int, each: int, *, seed: int, spread: float = 0.35, alone: int = 0, width: int = 384) -> Vectors:
    """Return unit vectors: *groups* of *each* around random directions, then *alone* that lie anywhere."""
    rnd = np.random.default_rng(seed)
    middles = unit(rnd.normal(size=(groups, width)))
    noise = unit(rnd.normal(size=(groups * each, width))) * spread
    return unit(np.vstack([np.repeat(middles, each, axis=0) + noise, rnd.normal(size=(alone, width))]))


def truth(groups: int, each: int) -> list[int]:
    """Return the group of each of them."""
    return [group for group in range(groups) for _ in range(each)]
