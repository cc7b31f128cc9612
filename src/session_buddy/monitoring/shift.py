"""Has the level changed for good? A likelihood-ratio search for one change-point in the last four weeks of days.

Each day gives its mean deviation from the baseline and a weight (the inverse of its variance). For every way to
part the days in two, the difference of both weighted means is compared with its standard error, widened where days of
one part differ more among each other than their weights allow. The best parting of all counts if it is beyond what
chance gives in years and its new level has lasted for three days. Memory is 28 days, whatever the history.

Source: D. M. Hawkins, "Testing a sequence of observations for a shift in location", JASA 72 (1977).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["DAYS_KEPT", "Day", "Shift", "find_shift"]

DAYS_KEPT = 28
_LEAST_BEFORE = 7
"""A week, so that a weekend is no change."""
_LEAST_AFTER = 3
_THRESHOLD = 4.5


class Day(msgspec.Struct, frozen=True):
    """The mean deviation of one day from the baseline, and how much it weighs."""

    deviation: float
    weight: float


class Shift(msgspec.Struct, frozen=True):
    """A lasting change: the number of the first day of the new level, both means, the difference in deviations."""

    first: int
    before: float
    after: float
    score: float


def find_shift(days: Sequence[Day], least_effect: float) -> Shift | None:
    """Return the clearest change-point in *days* (oldest first) of at least *least_effect*, or ``None``."""
    weights, weighted = [day.weight for day in days], [day.deviation * day.weight for day in days]
    found = [_parted(days, weights, weighted, first) for first in range(_LEAST_BEFORE, len(days))]
    best = max((shift for shift in found if shift), key=lambda shift: abs(shift.score), default=None)
    if best is None or abs(best.score) < _THRESHOLD or abs(best.after - best.before) < least_effect:
        return None
    return best if len(days) - best.first >= _LEAST_AFTER else None


def _parted(days: Sequence[Day], weights: Sequence[float], weighted: Sequence[float], first: int) -> Shift | None:
    """Return the shift at the day *first*, or ``None`` where it is below the threshold whatever the scatter."""
    left_weight, right_weight = sum(weights[:first]), sum(weights[first:])
    if left_weight <= 0 or right_weight <= 0:
        return None
    before, after = sum(weighted[:first]) / left_weight, sum(weighted[first:]) / right_weight
    error = 1 / left_weight + 1 / right_weight
    if abs(after - before) < _THRESHOLD * error**0.5:
        return None
    scatter = sum(day.weight * (day.deviation - before) ** 2 for day in days[:first])
    scatter += sum(day.weight * (day.deviation - after) ** 2 for day in days[first:])
    widened = max(1.0, scatter / (len(days) - 2))
    error = (widened * error) ** 0.5
    return Shift(first, before, after, (after - before) / error)
