"""Which of two skills comes first in the sessions that have both, and how long after. Pure.

What counts is the first use of each. Two that began at the same millisecond have no order: they count for neither.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr  # type: ignore[import-untyped]

__all__ = ["RESOLUTION", "OrderCounts", "PairOrder", "order_chance"]

_STEPS = 64
"""Lengths of gaps that are told apart between one and its double."""
RESOLUTION = 2 ** (1 / (2 * _STEPS)) - 1
"""A median gap is off by this part of it at most: 0.6 %."""
_GAP_BITS, _SKILL_BITS = 12, 24

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class PairOrder(NamedTuple):
    """What is known of the order of pairs of skills, one value a pair in each."""

    a_first: Ints
    b_first: Ints
    a_to_b_seconds: Floats
    """The median from the first use of a to that of b, where a was first; not a number where it never was."""
    b_to_a_seconds: Floats


class OrderCounts(NamedTuple):
    """Sessions counted by who came before whom, and how long; two of them add.

    Lengths are counted in buckets that are 1.1 % wide, so what is kept grows with pairs, not with sessions.
    """

    keys: Ints
    """The one, the other and the bucket in one number, ascending."""
    counts: Ints

    @classmethod
    def none(cls) -> OrderCounts:
        """Return the counts of no session."""
        return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))

    @classmethod
    def of_first_uses(
        cls, sessions: Ints, skills: Ints, moments: Ints, *, since: int | None = None, until: int | None = None
    ) -> OrderCounts:
        """Count the pairs of skills of each session by their first uses, one row a session and skill, in any order.

        *moments* are milliseconds, skills numbers from 0 on. With *since* only pairs count of which the later one
        began then or after, with *until* only those of which it began before: what has begun stays so, whatever comes
        later in the same session.
        """
        order = np.lexsort((skills, moments, sessions))
        sessions, skills, moments = sessions[order], skills[order], moments[order]
        found = []
        apart = 1
        while (together := sessions[apart:] == sessions[:-apart]).any():
            gaps = moments[apart:] - moments[:-apart]
            wanted = together & (gaps > 0)
            if since is not None:
                wanted &= moments[apart:] >= since
            if until is not None:
                wanted &= moments[apart:] < until
            found.append(_keys(skills[:-apart][wanted], skills[apart:][wanted], _bucket(gaps[wanted])))
            apart += 1
        keys, counts = np.unique(np.concatenate(found or [np.zeros(0, dtype=np.int64)]), return_counts=True)
        return cls(keys, counts.astype(np.int64))

    def __add__(self, other: tuple) -> OrderCounts:  # type: ignore[type-arg]
        more = OrderCounts(*other)
        keys, places = np.unique(np.concatenate([self.keys, more.keys]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([self.counts, more.counts]), minlength=len(keys))
        return OrderCounts(keys, counts.astype(np.int64))

    def of_pairs(self, a: ArrayLike, b: ArrayLike) -> PairOrder:
        """Return what is known of each pair of the skills *a* and *b*."""
        there = self._told(np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64))
        back = self._told(np.asarray(b, dtype=np.int64), np.asarray(a, dtype=np.int64))
        return PairOrder(there[0], back[0], there[1], back[1])

    def _told(self, first: Ints, second: Ints) -> tuple[Ints, Floats]:
        """Return how often *first* was before *second*, and the median gap."""
        # In their order: what is looked for next lies near.
        order = np.argsort(_keys(first, second, np.int64(0)))
        begin, end = np.empty(len(first), dtype=np.int64), np.empty(len(first), dtype=np.int64)
        begin[order] = np.searchsorted(self.keys, _keys(first[order], second[order], np.int64(0)))
        end[order] = np.searchsorted(self.keys, _keys(first[order], second[order], np.int64(1 << _GAP_BITS)))
        below = np.concatenate([[0], np.cumsum(self.counts)])
        many = below[end] - below[begin]
        seconds = np.full(len(many), np.nan)
        some = many > 0
        halves = [
            _milliseconds(self.keys[np.searchsorted(below, below[begin[some]] + rank, side="right") - 1])
            for rank in ((many[some] - 1) // 2, many[some] // 2)
        ]
        seconds[some] = (halves[0] + halves[1]) / 2_000
        return many, seconds


def order_chance(a_first: ArrayLike, b_first: ArrayLike) -> Floats:
    """Return for each pair how likely an order this far from a toss-up is: the two-sided sign test, exact.

    >>> order_chance([5], [0]).tolist(), order_chance([0], [0]).tolist()
    ([0.0625], [1.0])
    """
    one, other = np.asarray(a_first, dtype=np.float64), np.asarray(b_first, dtype=np.float64)
    found: Floats = np.minimum(1.0, 2 * bdtr(np.minimum(one, other), (one + other).astype(np.int64), 0.5))
    return found


def _keys(first: Ints, second: Ints, bucket: Ints | np.int64) -> Ints:
    found: Ints = ((first << _SKILL_BITS) + second << _GAP_BITS) + bucket
    return found


def _bucket(gaps: Ints) -> Ints:
    found: Ints = np.floor(np.log2(gaps) * _STEPS).astype(np.int64)
    return found


def _milliseconds(keys: Ints) -> Floats:
    """Return the middle of the bucket of each of *keys*."""
    found: Floats = 2 ** (((keys & ((1 << _GAP_BITS) - 1)) + 0.5) / _STEPS)
    return found
