"""Is it getting better? The slope of the completion rate with its interval, or the reason why there is none.

Days with few outcomes are pooled with their neighbours before a line is laid through them: four lucky days at the
end of a long series are four outcomes, not four points.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt

import msgspec
from scipy.special import stdtrit  # type: ignore[import-untyped]

from session_buddy.monitoring.series import Bucket

__all__ = ["CONFIDENCE", "Direction", "Trend", "completion_trend", "direction_of"]

CONFIDENCE = 0.95
"""Of all intervals here and in the comparison of weeks."""
_LEAST_POOLED = 10
"""Outcomes that make a point of the line."""
_LEAST_POINTS = 3
_LEAST_OUTCOMES = 30


class Direction(StrEnum):
    """What an interval allows to say."""

    IMPROVING = "improving"
    DECLINING = "declining"
    UNCERTAIN = "uncertain"
    """The interval holds 0: it may be either, or neither."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The slope of the completion rate, per day (0.01 is one point a day)."""

    slope_per_day: float | None = None
    low: float | None = None
    high: float | None = None
    direction: Direction | None = None
    outcomes: int = 0
    reason: str
    """In words; where there is no slope, why not."""


class _Point(msgspec.Struct):
    """Neighbouring days, pooled: outcomes, completed, and the sum of day numbers weighted by outcomes."""

    outcomes: int = 0
    completed: int = 0
    moment: float = 0.0

    def add(self, outcomes: int, completed: int, moment: float) -> None:
        self.outcomes += outcomes
        self.completed += completed
        self.moment += moment

    @property
    def day(self) -> float:
        return self.moment / self.outcomes

    @property
    def rate(self) -> float:
        return self.completed / self.outcomes


def completion_trend(daily: Sequence[Bucket]) -> Trend:
    """Return the trend of the completion rate over gap-filled *daily* buckets.

    Least squares weighted by outcomes; the error of the slope is that of binomial counts, widened by what days
    scatter beyond it (Cochran 1954 and Armitage 1955 for the test; McCullagh and Nelder, "Generalized
    Linear Models", 1989, section 4.5 for the widening), with Student's t for the few points.
    """
    points = _pooled(daily)
    outcomes = sum(point.outcomes for point in points)
    if outcomes < _LEAST_OUTCOMES or len(points) < _LEAST_POINTS:
        return Trend(outcomes=outcomes, reason=_too_little(outcomes, len(points)))
    slope, error = _slope(points)
    reach = float(stdtrit(len(points) - 2, (1 + CONFIDENCE) / 2)) * error
    direction = direction_of(slope - reach, slope + reach)
    return Trend(
        slope_per_day=slope,
        low=slope - reach,
        high=slope + reach,
        direction=direction,
        outcomes=outcomes,
        reason=f"{100 * slope:+.2f} points a day ({100 * (slope - reach):+.2f} to {100 * (slope + reach):+.2f}), "
        f"from {outcomes} outcomes.",
    )


def _too_little(outcomes: int, points: int) -> str:
    if outcomes < _LEAST_OUTCOMES:
        return f"Not enough data: {outcomes} outcomes, a trend takes {_LEAST_OUTCOMES}."
    return f"Not enough data: outcomes make {points} points of {_LEAST_POOLED} or more, a trend takes {_LEAST_POINTS}."


def _pooled(daily: Sequence[Bucket]) -> list[_Point]:
    """Pool neighbouring days until each point has enough outcomes; what is left at the end joins the last."""
    points: list[_Point] = []
    open_ = _Point()
    for number, bucket in enumerate(daily):
        counts = bucket.counts
        open_.add(counts.outcomes, counts.completed, number * counts.outcomes)
        if open_.outcomes >= _LEAST_POOLED:
            points.append(open_)
            open_ = _Point()
    if open_.outcomes and points:
        points[-1].add(open_.outcomes, open_.completed, open_.moment)
    elif open_.outcomes:
        points.append(open_)
    return points


def _slope(points: Sequence[_Point]) -> tuple[float, float]:
    """Return the weighted slope and its standard error."""
    outcomes = sum(point.outcomes for point in points)
    completed = sum(point.completed for point in points)
    middle = sum(point.moment for point in points) / outcomes
    mean = completed / outcomes
    spread = sum(point.outcomes * (point.day - middle) ** 2 for point in points)
    slope = sum(point.outcomes * (point.day - middle) * (point.rate - mean) for point in points) / spread
    # One outcome of each sort is added, so that an unbroken row of completions has an error too.
    smoothed = (completed + 1) / (outcomes + 2)
    variance = smoothed * (1 - smoothed)
    misfit = sum(point.outcomes * (point.rate - mean - slope * (point.day - middle)) ** 2 for point in points)
    widened = max(1.0, misfit / variance / (len(points) - 2))
    return slope, sqrt(widened * variance / spread)


def direction_of(low: float, high: float) -> Direction:
    """Return what an interval of a change, higher being better, allows to say."""
    return Direction.IMPROVING if low > 0 else Direction.DECLINING if high < 0 else Direction.UNCERTAIN
