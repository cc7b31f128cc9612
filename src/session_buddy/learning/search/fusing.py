"""One order out of words and meaning. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIKENESS_WEIGHT", "NAMED_BONUS", "fused"]

LIKENESS_WEIGHT = 0.5
"""What meaning weighs beside words, 0-1. From 0.3 to 0.7 the order hardly changes."""
NAMED_BONUS = 0.15
"""What it adds that a question names a skill in full."""

Scores = NDArray[np.float32]


def fused(words: Scores, likeness: Scores, named: NDArray[np.bool_], *, enough: float, unlike: float) -> Scores:
    """Return the relevance of each skill, 0 to 1 and a bonus: a convex combination (Bruch and others, 2023).

    *words* are BM25 scores and *likeness* cosines, each taken as a part of its best. A best score below *enough*
    is none to measure others by, so that one odd word of a question does not outweigh its meaning; nor is a likeness
    below twice *unlike*: where nothing is meant alike, the nearest is not like the question either.
    """
    most_words, most_likeness = float(words.max(initial=0.0)), float(likeness.max(initial=0.0))
    by_words = words / (max(most_words, enough) or 1.0)
    by_meaning = np.clip(likeness, 0, None) / max(most_likeness, 2 * unlike)
    relevance: Scores = (1 - LIKENESS_WEIGHT) * by_words + LIKENESS_WEIGHT * by_meaning + NAMED_BONUS * named
    return relevance
