"""The last seven days beside the seven before: what changed, with an interval of 95 %, or why it cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt

import msgspec
from scipy.special import stdtrit  # type: ignore[import-untyped]

from session_buddy.intervals import wilson_interval
from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.series import Bucket, Counts
from session_buddy.monitoring.trend import CONFIDENCE, Direction, direction_of

__all__ = ["Change", "week_over_week"]

_LEAST_OF_WEEK = 10
"""Outcomes, or uses, that a week must hold."""
_LEAST_DAYS = 3
"""Days with durations that a week must hold."""
_WEEK = 7


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The last week beside the one before: a difference of completion rates, else a ratio minus 1."""

    metric: Metric
    before: float | None = None
    after: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    direction: Direction | None = None
    """``None`` also for volume: more is neither better nor worse."""
    reason: str


def week_over_week(daily: Sequence[Bucket], metric: Metric) -> Change:
    """Compare the last seven of gap-filled *daily* buckets with the seven before them."""
    if len(daily) < 2 * _WEEK:
        return Change(metric=metric, reason=f"Not enough data: {len(daily)} days, two weeks are needed.")
    before, after = daily[-2 * _WEEK : -_WEEK], daily[-_WEEK:]
    if metric is Metric.COMPLETION_RATE:
        return _rate_change(_total(before), _total(after))
    if metric is Metric.VOLUME:
        return _volume_change(before, after)
    return _duration_change(before, after)


def _total(week: Sequence[Bucket]) -> Counts:
    return sum((bucket.counts for bucket in week), Counts())


def _rate_change(before: Counts, after: Counts) -> Change:
    """Difference of two proportions with Newcombe's hybrid score interval (Statistics in Medicine 17, 1998, no. 10)."""
    metric = Metric.COMPLETION_RATE
    fewest = min(before.outcomes, after.outcomes)
    rates = before.completion_rate, after.completion_rate
    first, second = (wilson_interval(week.completed, week.outcomes) for week in (before, after))
    if fewest < _LEAST_OF_WEEK or rates[0] is None or rates[1] is None or first is None or second is None:
        return Change(metric=metric, before=rates[0], after=rates[1], reason=_week_too_thin(fewest, "outcomes"))
    change = rates[1] - rates[0]
    low = change - sqrt((rates[1] - second[0]) ** 2 + (first[1] - rates[0]) ** 2)
    high = change + sqrt((second[1] - rates[1]) ** 2 + (rates[0] - first[0]) ** 2)
    return Change(
        metric=metric,
        before=rates[0],
        after=rates[1],
        change=change,
        low=low,
        high=high,
        direction=direction_of(low, high),
        reason=f"{100 * change:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}).",
    )


def _volume_change(before: Sequence[Bucket], after: Sequence[Bucket]) -> Change:
    """Ratio of two totals, on the log scale; days of one week tell how much totals scatter (quasi-Poisson).

    Each day is compared with the same day of the other week, so a weekend widens nothing.
    """
    totals = _total(before).invocations, _total(after).invocations
    shown: tuple[float | None, float | None] = (float(totals[0]), float(totals[1]))
    if min(totals) < _LEAST_OF_WEEK:
        return Change(metric=Metric.VOLUME, before=shown[0], after=shown[1], reason=_week_too_thin(min(totals), "uses"))
    share = totals[1] / (totals[0] + totals[1])
    misfit = 0.0
    for one, other in zip(before, after, strict=True):
        both = one.counts.invocations + other.counts.invocations
        if both:
            misfit += (other.counts.invocations - both * share) ** 2 / (both * share * (1 - share))
    error = sqrt(max(1.0, misfit / (_WEEK - 1)) * (1 / totals[0] + 1 / totals[1]))
    return _ratio(Metric.VOLUME, shown, log(totals[1] / totals[0]), error, _WEEK - 1)


def _duration_change(before: Sequence[Bucket], after: Sequence[Bucket]) -> Change:
    """Ratio of typical daily means: Welch's t on their logs, days weighted alike (Biometrika 34, 1947)."""
    totals = _total(before), _total(after)
    shown = totals[0].mean_duration_seconds, totals[1].mean_duration_seconds
    logs = [
        [
            log(max(bucket.counts.duration_ms_sum, 0.5) / bucket.counts.duration_count)
            for bucket in week
            if bucket.counts.duration_count
        ]
        for week in (before, after)
    ]
    fewest = min(len(days) for days in logs)
    if fewest < _LEAST_DAYS:
        return Change(
            metric=Metric.DURATION,
            before=shown[0],
            after=shown[1],
            reason=f"Not enough data: a week holds {fewest} days with durations, {_LEAST_DAYS} are needed.",
        )
    means = [sum(days) / len(days) for days in logs]
    parts = [
        sum((value - mean) ** 2 for value in days) / (len(days) - 1) / len(days)
        for days, mean in zip(logs, means, strict=True)
    ]
    error = sqrt(sum(parts))
    spread = sum(part**2 / (len(days) - 1) for part, days in zip(parts, logs, strict=True))
    freedom = sum(parts) ** 2 / spread if spread else float(fewest - 1)
    return _ratio(Metric.DURATION, shown, means[1] - means[0], error, freedom)


def _ratio(
    metric: Metric, shown: tuple[float | None, float | None], step: float, error: float, freedom: float
) -> Change:
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    change, low, high = (exp(value) - 1 for value in (step, step - reach, step + reach))
    return Change(
        metric=metric,
        before=shown[0],
        after=shown[1],
        change=change,
        low=low,
        high=high,
        direction=direction_of(-high, -low) if metric is Metric.DURATION else None,
        reason=f"{change:+.0%} ({low:+.0%} to {high:+.0%}).".replace("%", " %"),
    )


def _week_too_thin(fewest: int, what: str) -> str:
    return f"Not enough data: a week holds {fewest} {what}, {_LEAST_OF_WEEK} are needed."
