"""One metric in both variants: what each shows, what treatment changes, and how sure that is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt

import msgspec

from session_buddy.experiments.bayes import belief
from session_buddy.experiments.design import Method
from session_buddy.experiments.effects import Effect, Interval, difference, lift
from session_buddy.experiments.estimates import (
    Estimate,
    Unknown,
    adjusted_means,
    adjusted_ratios,
    mean,
    proportion,
    ratio,
)
from session_buddy.experiments.metrics import Metric, Unit, Way
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.multiplicity import holm
from session_buddy.experiments.quantiles import Quantiles, quantile
from session_buddy.experiments.sequential import always_valid_interval, always_valid_p

__all__ = ["Arm", "Comparison", "Range", "Role", "compare", "estimates_of", "with_adjusted_p"]

_Z = 1.959963984540054
Pair = tuple[Estimate, Estimate]


class Role(StrEnum):
    """What a metric is for."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"
    """Must not get worse."""


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A metric in one variant."""

    users: int = 0
    """Who count for it."""
    value: float | None = None
    low: float | None = None
    """Of an interval of 95 % for this variant alone."""
    high: float | None = None


class Range(msgspec.Struct, frozen=True):
    """A figure and the interval it lies in."""

    point: float
    low: float
    high: float

    @property
    def interval(self) -> Interval:
        """The interval by itself."""
        return Interval(self.low, self.high)


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One metric, treatment beside control. What cannot be told is None, and ``reason`` says why."""

    metric: str
    title: str
    unit: Unit
    role: Role
    is_higher_better: bool
    adjusted: bool = False
    """Whether what users did before the start was taken out."""
    control: Arm
    treatment: Arm
    difference: Range | None = None
    """Treatment minus control, with the interval of the experiment's method."""
    lift: Range | None = None
    """The same as a share of control's value."""
    once: Range | None = None
    """The lift with the interval for a single look."""
    p_value: float | None = None
    """By the experiment's method."""
    adjusted_p: float | None = None
    """Among all metrics of its role (Holm)."""
    chance_to_win: float | None = None
    loss_of_treatment: float | None = None
    """What choosing treatment is expected to cost, in the unit of the metric."""
    loss_of_control: float | None = None
    reason: str | None = None
    reason_of_lift: str | None = None

    def is_better(self, variant_value: float) -> bool:
        """Tell whether a difference of *variant_value* is to the good."""
        return variant_value > 0 if self.is_higher_better else variant_value < 0


def estimates_of(metric: Metric, control: Moments | Quantiles, treatment: Moments | Quantiles) -> Pair | Unknown:
    """Return what both variants show of *metric*; adjusted where the moments hold variables from before the start."""
    if isinstance(control, Quantiles) or isinstance(treatment, Quantiles):
        assert metric.level is not None and isinstance(control, Quantiles) and isinstance(treatment, Quantiles)
        return _both(*(quantile(metric.level, arm) for arm in (control, treatment)))
    is_adjusted = len(control.sums) > len(metric.variables)
    if metric.way is Way.MEAN:
        return adjusted_means(control, treatment) if is_adjusted else _both(mean(control), mean(treatment))
    if metric.way is Way.RATIO:
        return adjusted_ratios(control, treatment) if is_adjusted else _both(ratio(control), ratio(treatment))
    return _both(*(proportion(arm.n, arm.sums[0]) for arm in (control, treatment)))


def compare(
    metric: Metric,
    estimated: Pair | Unknown,
    *,
    role: Role,
    alpha: float,
    method: Method,
    planned_units: float,
    users: tuple[int, int],
    adjusted: bool = False,
) -> Comparison:
    """Return the comparison that two estimates make, or why there is none."""
    told = Comparison(
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        role=role,
        is_higher_better=metric.is_higher_better,
        adjusted=adjusted,
        control=Arm(users=users[0]),
        treatment=Arm(users=users[1]),
    )
    if isinstance(estimated, Unknown):
        return msgspec.structs.replace(told, reason=estimated.reason)
    control, treatment = estimated
    told = msgspec.structs.replace(
        told, control=_arm(metric, control, users[0]), treatment=_arm(metric, treatment, users[1])
    )
    found, relative = difference(control, treatment), lift(control, treatment)
    if isinstance(found, Unknown):
        return msgspec.structs.replace(told, reason=found.reason)
    sequential = method is Method.SEQUENTIAL
    believed = belief(found, is_higher_better=metric.is_higher_better)
    told = msgspec.structs.replace(
        told,
        difference=_range(found, alpha, planned_units if sequential else None),
        p_value=always_valid_p(found, alpha, planned_units=planned_units) if sequential else found.p_value,
        chance_to_win=believed.chance_to_win,
        loss_of_treatment=believed.loss_of_treatment,
        loss_of_control=believed.loss_of_control,
    )
    if isinstance(relative, Unknown):
        return msgspec.structs.replace(told, reason_of_lift=relative.reason)
    return msgspec.structs.replace(
        told,
        lift=_range(relative, alpha, planned_units if sequential else None),
        once=_range(relative, alpha, None),
    )


def with_adjusted_p(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return *comparisons* with their p adjusted among those of their role; the primary one stands alone."""
    adjusted: dict[str, float] = {}
    for role in Role:
        told = [one for one in comparisons if one.role is role and one.p_value is not None]
        values = holm([one.p_value for one in told if one.p_value is not None])
        adjusted |= {one.metric: value for one, value in zip(told, values, strict=True)}
    return [msgspec.structs.replace(one, adjusted_p=adjusted.get(one.metric)) for one in comparisons]


def _both(control: Estimate | Unknown, treatment: Estimate | Unknown) -> Pair | Unknown:
    if isinstance(control, Unknown):
        return control
    return treatment if isinstance(treatment, Unknown) else (control, treatment)


def _arm(metric: Metric, estimate: Estimate, users: int) -> Arm:
    reach = _Z * sqrt(estimate.squared_error)
    low, high = estimate.value - reach, estimate.value + reach
    if metric.unit is Unit.RATE:
        low, high = max(0.0, low), min(1.0, high)
    return Arm(users=users, value=estimate.value, low=low, high=high)


def _range(effect: Effect, alpha: float, planned_units: float | None) -> Range:
    interval = (
        effect.interval(alpha)
        if planned_units is None
        else always_valid_interval(effect, alpha, planned_units=planned_units)
    )
    return Range(effect.point, interval.low, interval.high)
