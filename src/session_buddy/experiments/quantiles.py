"""Quantiles of outcomes with an error, where users bring several outcomes each. Pure.

The error is read off the outcomes themselves: where the quantile would lie if a few more, or a few less, of them
were below it; widened by how much the outcomes of one user are alike. Source: A. Deng, U. Knoblich, J. Lu,
"Applying the Delta Method in Metric Analytics", KDD 2018, section 4.
"""

from __future__ import annotations

from math import ceil, floor, sqrt

import msgspec
from scipy.special import ndtri  # type: ignore[import-untyped]

from session_buddy.experiments.estimates import Estimate, Unknown
from session_buddy.experiments.moments import Moments

__all__ = ["Quantiles", "Ranks", "quantile", "ranks"]

_Z = float(ndtri(0.975))


class Ranks(msgspec.Struct, frozen=True):
    """Which of the sorted outcomes, counted from 1, are asked for."""

    low: int
    point: int
    high: int


class Quantiles(msgspec.Struct, frozen=True):
    """What stands at these ranks in one variant, and how its users lie about the point."""

    values: tuple[float, float, float]
    """Low, point, high."""
    users: Moments
    """Of each user the outcomes up to the point, and all outcomes."""


def ranks(n: int, level: float) -> Ranks | Unknown:
    """Return the ranks of the quantile *level* (0.9 for p90) of *n* outcomes, and of its 95 % interval.

    Unknown where the interval would reach beyond the outcomes.
    """
    reach = _Z * sqrt(level * (1 - level) / n) if n else 1.0
    if not (reach < level and level + reach < 1):
        return Unknown(f"{n} outcomes are too few for their {level:.0%} quantile.")
    return Ranks(max(1, floor(n * (level - reach))), max(1, ceil(n * level)), min(n, ceil(n * (level + reach))))


def quantile(level: float, found: Quantiles) -> Estimate | Unknown:
    """Return the quantile *level* that was *found* in one variant."""
    (low, point, high), users = found.values, found.users
    if users.n < 2:
        return Unknown("An arm has fewer than two users.")
    n = users.sums[1]
    # As if outcomes were independent; then by how much the share below the point scatters more than that.
    independent = (n - 1) / n * ((high - low) / (2 * _Z)) ** 2
    share, size = users.sums[0] / n, users.mean(1)
    clustered = users.scatter((1 / size, -share / size)) / users.n
    squared_error = independent * clustered / (level * (1 - level) / n)
    return Estimate(value=point, variance=squared_error * users.n, n=users.n, baseline=point)
