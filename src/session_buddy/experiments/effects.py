"""From two arms to one effect, with its interval and p: Welch's test on sums. Pure."""

from __future__ import annotations

from math import sqrt

import msgspec
from scipy.special import ndtr, stdtr, stdtrit  # type: ignore[import-untyped]

from session_buddy.experiments.estimates import Estimate, Unknown

__all__ = ["Effect", "Interval", "difference", "lift", "pooled_z_test", "relative_to"]

_NEAR_ZERO = 2.0
"""Standard errors from 0 within which nothing is told relative to a value."""


class Interval(msgspec.Struct, frozen=True):
    """From *low* to *high*, both included."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether all of it lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def within(self, margin: float) -> bool:
        """Tell whether all of it lies within *margin* of 0."""
        return -margin < self.low and self.high < margin


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What treatment changes: an estimate of one figure, with its uncertainty."""

    point: float
    squared_error: float
    degrees: float
    """Of freedom, by Welch and Satterthwaite."""
    n: int
    """Units of both arms."""

    def interval(self, alpha: float) -> Interval:
        """Return the interval that holds the truth in 1 - *alpha* of all experiments that are looked at once."""
        reach = float(stdtrit(self.degrees, 1 - alpha / 2)) * sqrt(self.squared_error)
        return Interval(self.point - reach, self.point + reach)

    @property
    def p_value(self) -> float:
        """Two-sided; valid for one look at a moment fixed beforehand."""
        return min(1.0, float(2 * stdtr(self.degrees, -abs(self.point) / sqrt(self.squared_error))))


def difference(control: Estimate, treatment: Estimate) -> Effect | Unknown:
    """Return treatment minus control, in the metric's own unit.

    Source: B. L. Welch, "The generalization of Student's problem when several different population variances are
    involved", Biometrika 34 (1947).
    """
    return _effect(treatment.value - control.value, control, treatment, control.squared_error + treatment.squared_error)


def lift(control: Estimate, treatment: Estimate) -> Effect | Unknown:
    """Return the difference as a share of control's value (0.1 is ten percent more), by the delta method.

    Unknown where control's value is 0, or so near to it that a share of it says nothing.
    """
    base = control.baseline
    if no_base := relative_to(control):
        return no_base
    squared_error = treatment.squared_error / base**2 + control.squared_error * treatment.baseline**2 / base**4
    return _effect((treatment.value - control.value) / base, control, treatment, squared_error)


def relative_to(control: Estimate) -> Unknown | None:
    """Return why nothing can be told relative to *control*, if so it is."""
    if control.baseline == 0:
        return Unknown("Control's value is 0, and nothing is a share of that.")
    if abs(control.baseline) <= _NEAR_ZERO * sqrt(control.squared_error):
        return Unknown("Control's value cannot be told from 0, so a share of it says nothing.")
    return None


def pooled_z_test(
    n_control: int, successes_control: int, n_treatment: int, successes_treatment: int
) -> tuple[float, float] | Unknown:
    """Return z and the two-sided p of two proportions being one, with the variance of both together.

    z is positive where treatment has more. Unknown where an arm is empty, or all or none succeeded.
    """
    if not (n_control and n_treatment):
        return Unknown("An arm has no user yet.")
    pooled = (successes_control + successes_treatment) / (n_control + n_treatment)
    if pooled in (0, 1):
        return Unknown("All users of both arms ended alike; nothing varies.")
    error = sqrt(pooled * (1 - pooled) * (1 / n_control + 1 / n_treatment))
    z = (successes_treatment / n_treatment - successes_control / n_control) / error
    return z, float(2 * ndtr(-abs(z)))


def _effect(point: float, control: Estimate, treatment: Estimate, squared_error: float) -> Effect | Unknown:
    if control.variance <= 0 and treatment.variance <= 0:
        return Unknown("No two users of an arm differ, so there is nothing to measure chance by.")
    errors = [(arm.squared_error, arm.n - 1) for arm in (control, treatment)]
    degrees = sum(error for error, _ in errors) ** 2 / sum(error**2 / free for error, free in errors)
    return Effect(point=point, squared_error=squared_error, degrees=degrees, n=control.n + treatment.n)
