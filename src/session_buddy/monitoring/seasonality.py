"""What is usual at this hour of the week, as far as it was seen.

168 cells, one for each hour of the week, learned with slow forgetting. A cell seen rarely leans on its
*class* (the same hour on all weekdays, or on both days of the weekend), and a class on the whole: the estimate
is a weighted mean, in which ``prior`` says how much exposure a neighbour's word is worth (a gamma-Poisson or
beta-binomial posterior mean, as one likes).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.series import Bucket, hour_of_week, zone_named

__all__ = ["HOURS_OF_WEEK", "Profile", "Season", "seasons"]

HOURS_OF_WEEK = 168
_SATURDAY = 5


class Profile(msgspec.Struct):
    """Amounts per exposure by hour of the week: uses per hour, completions per outcome, log seconds …"""

    class_prior: float
    """Exposure that the whole is worth to a class."""
    cell_prior: float
    """Exposure that its class is worth to a cell."""
    keep: float
    """What remains of a cell's memory at its next visit a week later."""
    amounts: list[float] = msgspec.field(default_factory=lambda: [0.0] * HOURS_OF_WEEK)
    exposures: list[float] = msgspec.field(default_factory=lambda: [0.0] * HOURS_OF_WEEK)
    sums: tuple[float, float] | None = None
    """Those of both, since they are asked for several times an hour; ``None`` after a change."""

    @property
    def exposure(self) -> float:
        """How much was seen in all, after forgetting."""
        return self._added_up()[1]

    @property
    def whole(self) -> float:
        """Amount per exposure over the whole week; 0 before anything was seen."""
        amount, seen = self._added_up()
        return amount / seen if seen else 0.0

    def expected(self, hour: int) -> float:
        """Return the shrunken amount per exposure at *hour* of the week, 0-167."""
        alike = _class_of(hour)
        whole = self.whole
        amount = sum(self.amounts[alike])
        seen = sum(self.exposures[alike])
        leaning = (amount + self.class_prior * whole) / (seen + self.class_prior)
        return (self.amounts[hour] + self.cell_prior * leaning) / (self.exposures[hour] + self.cell_prior)

    def support(self, hour: int) -> float:
        """Return how much exposure the expectation at *hour* of the week rests on."""
        shared = sum(self.exposures[_class_of(hour)])
        return self.exposures[hour] + min(shared, self.cell_prior) + min(self.exposure, self.class_prior)

    def learn(self, hour: int, amount: float, exposure: float) -> None:
        """Take in what was seen at *hour* of the week; call it once for each hour that passes, also with 0."""
        if exposure == 0 and amount == 0 and self.exposures[hour] == 0 and self.amounts[hour] == 0:
            return
        self.amounts[hour] = self.amounts[hour] * self.keep + amount
        self.exposures[hour] = self.exposures[hour] * self.keep + exposure
        self.sums = None

    def scale(self, factor: float) -> None:
        """Multiply every amount: a new level, the same shape."""
        self.amounts = [amount * factor for amount in self.amounts]
        self.sums = None

    def shift(self, by: float) -> None:
        """Add *by* to every expectation."""
        self.amounts = [amount + by * exposure for amount, exposure in zip(self.amounts, self.exposures, strict=True)]
        self.sums = None

    def doubt(self, remaining: float) -> None:
        """Let what was learned count for only the part *remaining* of what it did."""
        self.amounts = [amount * remaining for amount in self.amounts]
        self.exposures = [exposure * remaining for exposure in self.exposures]
        self.sums = None

    def _added_up(self) -> tuple[float, float]:
        if self.sums is None:
            self.sums = sum(self.amounts), sum(self.exposures)
        return self.sums


@cache
def _class_of(hour: int) -> slice:
    """Return the cells of the same hour on days of the same sort."""
    day, clock = divmod(hour, 24)
    first, last = (0, _SATURDAY) if day < _SATURDAY else (_SATURDAY, 7)
    return slice(first * 24 + clock, last * 24, 24)


class Season(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual at one hour of the week."""

    hour_of_week: int
    """0 is Monday, midnight to one, by the zone's clock."""
    expected: float | None
    """Shrunken; ``None`` where nothing was ever seen."""
    exposure: float
    """What it rests on: hours for volume, outcomes for the completion rate, timed invocations for duration."""


def seasons(buckets: Iterable[Bucket], metric: Metric, zone: str = "UTC") -> list[Season]:
    """Return the profile of *metric* over hourly *buckets*, one value for each hour of the week in *zone*.

    All hours count alike, however old they are.
    """
    place = zone_named(zone)
    priors = (1.0, 2.0) if metric is Metric.VOLUME else (50.0, 100.0)
    profile = Profile(*priors, keep=1.0)
    for bucket in buckets:
        profile.learn(hour_of_week(bucket.start, place), *_amount(bucket, metric))
    seen = profile.exposure > 0
    return [
        Season(hour_of_week=hour, expected=profile.expected(hour) if seen else None, exposure=profile.exposures[hour])
        for hour in range(HOURS_OF_WEEK)
    ]


def _amount(bucket: Bucket, metric: Metric) -> tuple[float, float]:
    counts = bucket.counts
    if metric is Metric.VOLUME:
        return float(counts.invocations), 1.0
    if metric is Metric.COMPLETION_RATE:
        return float(counts.completed), float(counts.outcomes)
    return counts.duration_ms_sum / 1000, float(counts.duration_count)
