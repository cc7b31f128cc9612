"""What one arm of an experiment shows of a metric, and how sure that is. Pure.

Whatever the metric is, it is a function of means over users, and users are independent of each other. So its
variance follows from the moments by the delta method, also where a user brings many outcomes:
A. Deng, U. Knoblich, J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from session_buddy.experiments.moments import Moments

__all__ = ["Estimate", "Unknown", "adjusted_means", "adjusted_ratios", "mean", "proportion", "ratio"]


class Unknown(msgspec.Struct, frozen=True):
    """There is no telling; *reason* is a sentence that says why."""

    reason: str


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a metric in one arm."""

    value: float
    variance: float
    """For one of ``n``: the squared standard error of ``value`` is ``variance / n``."""
    n: int
    """Independent units: users, or outcomes where a quantile is estimated."""
    baseline: float
    """The value without adjustment: what a lift is relative to."""

    @property
    def squared_error(self) -> float:
        """The squared standard error of :attr:`value`."""
        return self.variance / self.n


def mean(moments: Moments, variable: int = 0) -> Estimate | Unknown:
    """Return the mean over users of a variable."""
    if short := _too_few(moments.n):
        return short
    value = moments.mean(variable)
    return Estimate(value=value, variance=moments.covariance(variable, variable), n=moments.n, baseline=value)


def proportion(n: int, successes: float) -> Estimate | Unknown:
    """Return the share of *n* users with a success; its variance is p (1 - p)."""
    if short := _too_few(n):
        return short
    value = successes / n
    return Estimate(value=value, variance=value * (1 - value), n=n, baseline=value)


def ratio(moments: Moments, over: int = 0, under: int = 1) -> Estimate | Unknown:
    """Return the sum of one variable over the sum of another: successes of all outcomes, where users have several."""
    if short := _too_few(moments.n) or _no_denominator(moments, under):
        return short
    value = moments.sums[over] / moments.sums[under]
    gradient = [0.0] * len(moments.sums)
    gradient[over], gradient[under] = _ratio_gradient(moments, over, under)
    return Estimate(value=value, variance=moments.scatter(gradient), n=moments.n, baseline=value)


def adjusted_means(control: Moments, treatment: Moments) -> tuple[Estimate, Estimate] | Unknown:
    """Return the means of variable 0 with what variable 1, known before the start, explains taken out (CUPED).

    The share that is taken out is the slope over both arms together, which no treatment can bend: variable 1 is
    from before it. The variance falls by the squared correlation. Where variable 1 does not vary nothing is taken out.

    Source: A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the Sensitivity of Online Controlled Experiments by
    Utilizing Pre-Experiment Data", WSDM 2013.
    """
    if short := _too_few(control.n) or _too_few(treatment.n):
        return short
    return _adjusted(
        control, treatment, value=lambda moments: moments.mean(0), after=lambda _: (1.0, 0.0), before=(0.0, 1.0)
    )


def adjusted_ratios(control: Moments, treatment: Moments) -> tuple[Estimate, Estimate] | Unknown:
    """Return the ratios of variable 0 over 1 with what that of 2 over 3, from before the start, explains taken out.

    As :func:`adjusted_means`, for the users' shares in each ratio: their linear parts by the delta method.
    """
    for moments in (control, treatment):
        if short := _too_few(moments.n) or _no_denominator(moments, 1):
            return short
    both = control + treatment
    before = (0.0, 0.0, *_ratio_gradient(both, 2, 3)) if both.sums[3] > 0 else (0.0, 0.0, 0.0, 0.0)
    return _adjusted(
        control,
        treatment,
        value=lambda moments: moments.sums[0] / moments.sums[1],
        after=lambda moments: (*_ratio_gradient(moments, 0, 1), 0.0, 0.0),
        before=before,
    )


def _adjusted(
    control: Moments,
    treatment: Moments,
    *,
    value: Callable[[Moments], float],
    after: Callable[[Moments], Sequence[float]],
    before: Sequence[float],
) -> tuple[Estimate, Estimate]:
    """Take out of *value*, whose gradient is *after*, what a sum of variables with the weights *before* explains."""
    both = control + treatment
    known = both.scatter(before)
    slope = _joint_scatter(both, after(both), before) / known if known > 0 else 0.0
    middle = _weighted(both, before)

    def estimate(moments: Moments) -> Estimate:
        gradient = [one - slope * other for one, other in zip(after(moments), before, strict=True)]
        return Estimate(
            value=value(moments) - slope * (_weighted(moments, before) - middle),
            variance=moments.scatter(gradient),
            n=moments.n,
            baseline=value(moments),
        )

    return estimate(control), estimate(treatment)


def _weighted(moments: Moments, weights: Sequence[float]) -> float:
    return sum(weight * moments.mean(variable) for variable, weight in enumerate(weights))


def _joint_scatter(moments: Moments, one: Sequence[float], other: Sequence[float]) -> float:
    return sum(
        weight * against * moments.covariance(i, j)
        for i, weight in enumerate(one)
        for j, against in enumerate(other)
        if weight and against
    )


def _ratio_gradient(moments: Moments, over: int, under: int) -> tuple[float, float]:
    value, size = moments.sums[over] / moments.sums[under], moments.mean(under)
    return 1 / size, -value / size


def _too_few(n: int) -> Unknown | None:
    if n >= 2:
        return None
    return Unknown("An arm has no user yet." if n == 0 else "An arm has one user only, and one does not vary.")


def _no_denominator(moments: Moments, under: int) -> Unknown | None:
    return None if moments.sums[under] > 0 else Unknown("An arm has users and nothing to divide by yet.")
