"""Whether two skills are in the same sessions more often than by chance, and how surely. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln  # type: ignore[import-untyped]

__all__ = ["FEWEST_SESSIONS", "LARGE", "adjusted", "chance", "lift_bounds", "possible_pairs"]

FEWEST_SESSIONS = 3
"""A pair of skills, or a path, in fewer sessions is not looked at."""
LARGE = 1_000.0
"""Where all four counts are expected to be so large, chi-square takes the place of the exact test."""
_BLOCK = 4_096
"""Pairs that are tested at a time: so many fit into the cache of a processor."""
_AS_RARE = 1e-7
"""What is as rare as what was seen, but for rounding, counts as seen: so far apart logarithms may be."""
_TINY, _TOO_LITTLE = 1e-300, 1e-18
_Z = 1.959963984540054

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def chance(both: ArrayLike, first: ArrayLike, second: ArrayLike, total: int) -> Floats:
    """Return for each pair of skills how likely a number of sessions with both is that is this far from chance.

    *both* of *total* sessions have both skills, *first* and *second* the one and the other. Two-sided. Fisher's exact
    test (the tables that are no likelier than the one seen, as R and scipy do it); where all four counts are expected
    to be :data:`LARGE` or larger, Pearson's chi-square with Yates' correction, which then says nearly the same.
    """
    given = (np.asarray(one, dtype=np.float64) for one in (both, first, second))
    seen, rows, columns = _in_small_corner(total, *given)
    expected = rows * columns / max(total, 1)
    values = np.ones(len(seen))
    is_large = expected >= LARGE
    if is_large.any():
        values[is_large] = _chi_square(seen[is_large], rows[is_large], columns[is_large], total)
    if not is_large.all():
        values[~is_large] = _exact(seen[~is_large], rows[~is_large], columns[~is_large], total)
    return np.clip(values, 0.0, 1.0)


def possible_pairs(sessions: ArrayLike) -> int:
    """Return how many pairs of skills can be in enough sessions, by the *sessions* that each skill is in.

    So many tests are made, though most of them end before anything is computed: which pairs reach
    :data:`FEWEST_SESSIONS` is decided by what the test is about.
    """
    skills = int(np.count_nonzero(np.asarray(sessions) >= FEWEST_SESSIONS))
    return skills * (skills - 1) // 2


def adjusted(p_values: ArrayLike, tests: int | None = None) -> Floats:
    """Return *p_values* adjusted so that, of those below alpha, at most a share of alpha is expected to be false.

    They are those of *tests* tests (as many as there are, unless told): those that are left out are taken to be 1.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", JRSS B 57 (1995).

    >>> adjusted([0.01, 0.04]).tolist(), adjusted([0.01], tests=5).tolist()
    ([0.02, 0.04], [0.05])
    """
    given = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    ranked = given[order] * max(tests or 0, len(given)) / np.arange(1, len(given) + 1)
    found = np.empty(len(given))
    found[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return found


def lift_bounds(both: ArrayLike, first: ArrayLike, second: ArrayLike, total: int) -> tuple[Floats, Floats]:
    """Return for each pair what its lift lies between with 95 % confidence or more.

    The lift is the share of the rarer skill's sessions that have the other too, by the share of all sessions that have
    it; each share has its Wilson interval, and the interval of their ratio follows from these (A. Donner, G. Zou,
    "Closed-form confidence intervals for functions of the normal mean and standard deviation", Statistical Methods in
    Medical Research 21 (2012), equation 9: MOVER-R). A pair that was seen a few times, and always together, gets a
    wide one, so that its lower bound leads no list. All arguments are 1 or more.
    """
    seen, rows, columns = (np.asarray(one, dtype=np.float64) for one in (both, first, second))
    share, low, high = _wilson(seen, np.minimum(rows, columns))
    usual, usual_low, usual_high = _wilson(np.maximum(rows, columns), np.full(len(seen), float(total)))
    lift = share * usual
    down = lift**2 - low * usual_high * (2 * share - low) * (2 * usual - usual_high)
    up = lift**2 - high * usual_low * (2 * share - high) * (2 * usual - usual_low)
    lower = (lift - np.sqrt(np.maximum(down, 0.0))) / (usual_high * (2 * usual - usual_high))
    upper = (lift + np.sqrt(np.maximum(up, 0.0))) / (usual_low * (2 * usual - usual_low))
    return lower, upper


def _wilson(some: Floats, of: Floats) -> tuple[Floats, Floats, Floats]:
    """Return a share, and what it lies between (E. B. Wilson 1927)."""
    share, spread = some / of, _Z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * np.sqrt(share * (1 - share) / of + spread / (4 * of))
    return share, np.maximum(middle - reach, 0.0), np.minimum(middle + reach, 1.0)


def _in_small_corner(total: int, both: Floats, first: Floats, second: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the tables with rows and columns exchanged so that the cell asked about is the one expected smallest."""
    is_first, is_second = first * 2 <= total, second * 2 <= total
    seen = np.where(
        is_first,
        np.where(is_second, both, first - both),
        np.where(is_second, second - both, total - first - second + both),
    )
    return seen, np.where(is_first, first, total - first), np.where(is_second, second, total - second)


def _chi_square(seen: Floats, rows: Floats, columns: Floats, total: int) -> Floats:
    expected = rows * columns / total
    # All four cells are as far from what is expected; Yates' correction is never more than that.
    away = np.abs(seen - expected)
    away -= np.minimum(0.5, away)
    parts = 1 / expected + 1 / (rows - expected) + 1 / (columns - expected) + 1 / (total - rows - columns + expected)
    return np.asarray(chdtrc(1, away**2 * parts), dtype=np.float64)


def _exact(seen: Floats, rows: Floats, columns: Floats, total: int) -> Floats:
    """Return the sums of the probabilities that are no larger than that of what was *seen*."""
    expected = rows * columns / max(total, 1)
    order = np.argsort(expected, kind="stable")
    found = np.empty(len(seen))
    for begin in range(0, len(order), _BLOCK):
        block = order[begin : begin + _BLOCK]
        # Nine standard deviations and some: no probability is left that would show in a sum.
        reach = int(9 * float(expected[block[-1]]) ** 0.5 + 40)
        found[block] = _both_tails(_Tables(seen[block], rows[block], columns[block], float(total)), reach)
    return found


class _Tables(NamedTuple):
    seen: Floats
    rows: Floats
    columns: Floats
    total: float

    def weight(self, at: Floats) -> Floats:
        """Return the logarithm of the hypergeometric probability of *at*, but for what is the same for all *at*."""
        found: Floats = -(
            gammaln(at + 1)
            + gammaln(self.rows - at + 1)
            + gammaln(self.columns - at + 1)
            + gammaln(self.total - self.rows - self.columns + at + 1)
        )
        return found

    def probability(self, at: Floats) -> Floats:
        """Return the hypergeometric probability of *at*, which is not out of bounds."""
        same = gammaln(self.rows + 1) + gammaln(self.total - self.rows + 1) - gammaln(self.total + 1)
        same += gammaln(self.columns + 1) + gammaln(self.total - self.columns + 1)
        return np.asarray(np.exp(self.weight(at) + same), dtype=np.float64)

    def ratio(self, at: Floats) -> Floats:
        """Return the probability of one more than *at* by that of *at*; 0 beyond the last."""
        left = np.maximum(self.rows - at, 0.0) * np.maximum(self.columns - at, 0.0)
        return np.asarray(left / ((at + 1) * np.maximum(self.total - self.rows - self.columns + at + 1, 1.0)))


def _both_tails(tables: _Tables, steps: int) -> Floats:
    """Sum up from what was seen outwards, and on the other side from the first that is no likelier."""
    mode = np.floor((tables.rows + 1) * (tables.columns + 1) / (tables.total + 2))
    is_above = tables.seen >= mode
    other = _other_side(tables, mode, is_above)
    is_there = (other >= 0) & (other <= np.minimum(tables.rows, tables.columns))
    inside = np.where(is_there, other, 0.0)
    ups, downs = np.where(is_above, tables.seen, inside), np.where(is_above, inside, tables.seen)
    first, second = tables.probability(ups), tables.probability(downs)
    first[~is_there & ~is_above] = 0.0
    second[~is_there & is_above] = 0.0
    found = np.zeros(len(mode))
    for step in range(steps):
        found += first + second
        if step % 8 == 7 and (first + second <= found * _TOO_LITTLE).all():
            break
        first = first * tables.ratio(ups + step)
        lower = downs - step - 1
        second = np.where(lower >= 0, second / np.maximum(tables.ratio(np.maximum(lower, 0.0)), _TINY), 0.0)
    return found


def _other_side(tables: _Tables, mode: Floats, is_above: Flags) -> Floats:
    """Return, on the other side of the *mode*, the nearest that is no likelier than what was seen; out of bounds for
    none. Probabilities rise up to the mode and fall behind it, so halving the way finds it.
    """
    bound = tables.weight(tables.seen) + _AS_RARE
    # Always: what is at ``good`` is no likelier (or out of bounds), what is at ``bad`` is likelier.
    good = np.where(is_above, -1.0, np.minimum(tables.rows, tables.columns) + 1)
    bad = np.where(is_above, np.minimum(mode + 1, tables.seen), np.maximum(mode - 1, tables.seen))
    while (apart := np.abs(bad - good) > 1).any():
        middle = np.floor((good + bad) / 2)
        is_rare = tables.weight(np.where(apart, middle, tables.seen)) <= bound
        good = np.where(apart & is_rare, middle, good)
        bad = np.where(apart & ~is_rare, middle, bad)
    return good
