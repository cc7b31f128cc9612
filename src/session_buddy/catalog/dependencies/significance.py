"""Whether two skills are in the same sessions more often than by chance, and how surely. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln  # type: ignore[import-untyped]

__all__ = ["FEWEST_SESSIONS", "LARGE", "adjusted", "chance", "lift_bounds", "possible_pairs"]

FEWEST_SESSIONS = 3
"""A pair of skills, or a path, in fewer sessions is not looked at."""
LARGE = 25.0
"""Where all four counts are expected to be so large, chi-square takes the place of the exact test."""
_BLOCK = 4_096
"""Pairs that are tested at a time: so many fit into the cache of a processor."""
_AS_RARE = 1 + 1e-7
"""What is as rare as what was seen, but for rounding, counts as seen."""
_Z = 1.959963984540054

Floats = NDArray[np.float64]


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
        most = float(expected[block[-1]])
        # Twice as far as anything near the expectation is: no probability is left that would show in a sum.
        reach = int(most + 12 * most**0.5 + 30)
        found[block] = _exact_within(seen[block], rows[block], columns[block], total, reach)
    return found


def _exact_within(seen: Floats, rows: Floats, columns: Floats, total: int, reach: int) -> Floats:
    """Go up from 0 as far as *reach*, which is all there is; what was seen far above has its tail besides."""
    log_seen = _log_probability(seen, rows, columns, total)
    bound = np.exp(log_seen) * _AS_RARE
    now = np.exp(_log_probability(np.zeros(len(seen)), rows, columns, total))
    is_far = seen > reach // 2
    found = np.zeros(len(seen))
    for step in range(reach):
        counts = now <= bound
        if step >= reach // 2:
            # What is between here and what was seen far above is likelier than that.
            counts &= ~is_far
        found += np.where(counts, now, 0.0)
        now = _next(now, step, rows, columns, total)
    if is_far.any():
        found[is_far] += _tail(
            np.exp(log_seen[is_far]), seen[is_far], rows[is_far], columns[is_far], total, steps=reach
        )
    return found


def _tail(now: Floats, seen: Floats, rows: Floats, columns: Floats, total: int, *, steps: int) -> Floats:
    found = np.zeros(len(seen))
    for step in range(steps):
        found += now
        now = _next(now, seen + step, rows, columns, total)
    return found


def _next(now: Floats, at: Any, rows: Floats, columns: Floats, total: int) -> Floats:
    """Return the probability of one more than *at*; 0 beyond the last."""
    left = np.maximum(rows - at, 0.0) * np.maximum(columns - at, 0.0)
    found: Floats = now * left / ((at + 1.0) * np.maximum(total - rows - columns + at + 1.0, 1.0))
    return found


def _log_probability(seen: Floats, rows: Floats, columns: Floats, total: int) -> Floats:
    """Return the logarithm of the hypergeometric probability of *seen* where the margins are given."""
    found: Floats = (
        _log_choices(rows, seen)
        + _log_choices(total - rows, columns - seen)
        - _log_choices(np.full(len(seen), float(total)), columns)
    )
    return found


def _log_choices(of: Floats, some: Floats) -> Floats:
    found: Floats = gammaln(of + 1) - gammaln(some + 1) - gammaln(of - some + 1)
    return found
