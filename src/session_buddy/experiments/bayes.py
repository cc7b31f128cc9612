"""How likely treatment is the better one, and what a wrong choice would cost. Pure.

The effect is taken for normal around its estimate; a prior that says nothing unless one is given.
"""

from __future__ import annotations

from math import exp, pi, sqrt

import msgspec
from scipy.special import ndtr  # type: ignore[import-untyped]

from session_buddy.experiments.effects import Effect

__all__ = ["Belief", "Prior", "belief"]


class Prior(msgspec.Struct, frozen=True):
    """What was believed of the effect before: normal, with this mean and variance."""

    mean: float = 0.0
    variance: float = 1.0


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """What to believe of the effect by now: normal."""

    mean: float
    deviation: float
    chance_to_win: float
    """Of treatment: that it is better than control."""
    loss_of_treatment: float
    """What choosing treatment is expected to cost, in the unit of the effect, 0 or more."""
    loss_of_control: float
    """What choosing control is expected to cost."""


def belief(effect: Effect, *, prior: Prior | None = None, is_higher_better: bool = True) -> Belief:
    """Return what *effect*, and *prior* where there is one, make believe."""
    precision = 1 / effect.squared_error
    mean = effect.point
    if prior is not None:
        total = precision + 1 / prior.variance
        mean = (effect.point * precision + prior.mean / prior.variance) / total
        precision = total
    deviation = 1 / sqrt(precision)
    above, below = _expected_above(mean, deviation), _expected_above(-mean, deviation)
    chance_above = float(ndtr(mean / deviation))
    return Belief(
        mean=mean,
        deviation=deviation,
        chance_to_win=chance_above if is_higher_better else 1 - chance_above,
        loss_of_treatment=below if is_higher_better else above,
        loss_of_control=above if is_higher_better else below,
    )


def _expected_above(mean: float, deviation: float) -> float:
    """Return the mean of what a normal value has above 0, its lower part taken for 0."""
    z = mean / deviation
    return max(0.0, mean * float(ndtr(z)) + deviation * exp(-z * z / 2) / sqrt(2 * pi))
