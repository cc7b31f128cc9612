"""Intervals and p-values that stay right however often they are looked at. Pure.

An asymptotic confidence sequence: with probability 1 - alpha it holds the truth at all times at once, so a live
page may be watched, and an experiment ended as soon as it leaves 0 out. Source: I. Waudby-Smith, D. Arbour, R. Sinha,
E. H. Kennedy, A. Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of
Statistics 52 (2024), arXiv:2103.06476v7; equations are those of that version.
"""

from __future__ import annotations

from math import exp, log, sqrt

from session_buddy.experiments.effects import Effect, Interval

__all__ = ["PLANNED_UNITS", "always_valid_interval", "always_valid_p"]

PLANNED_UNITS = 5_000
"""The number of users, of both arms, at which the interval is tightest, unless told."""


def always_valid_interval(effect: Effect, alpha: float, *, planned_units: float = PLANNED_UNITS) -> Interval:
    """Return the interval of *effect* that holds the truth at every look (equation 9).

    It is tightest at about *planned_units* users: half as wide again there as an interval for one look.
    """
    mixture = _mixture(alpha, planned_units)
    size = effect.n * mixture + 1
    reach = sqrt(effect.squared_error) * sqrt(2 * size / (effect.n * mixture) * log(sqrt(size) / alpha))
    return Interval(effect.point - reach, effect.point + reach)


def always_valid_p(effect: Effect, alpha: float, *, planned_units: float = PLANNED_UNITS) -> float:
    """Return the p-value of no effect that is below *alpha* exactly where the interval leaves 0 out (equation 155)."""
    size = effect.n * _mixture(alpha, planned_units) + 1
    evidence = effect.point**2 / effect.squared_error * (size - 1) / size / 2 - log(size) / 2
    return min(1.0, exp(-evidence)) if evidence > 0 else 1.0


def _mixture(alpha: float, planned_units: float) -> float:
    """Return the squared parameter of the mixture (equation 161)."""
    return (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / planned_units
