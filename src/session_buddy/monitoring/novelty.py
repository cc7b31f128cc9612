"""The third detector: an hour is an anomaly when it deviates as no hour before it did.

It runs :class:`~session_buddy.monitoring.values.ValueDetector`, which knows no distribution, on the hourly values.
Where the default detector weighs evidence for a change of level, this one notices what has never happened: a burst
at night, a plateau where there used to be a peak. For busy skills; with a handful of uses per hour every value is new.
"""

from __future__ import annotations

from datetime import datetime
from math import expm1, log1p
from typing import Any, Self

import msgspec

from session_buddy.monitoring.detector import AnomalyType, Detector, Metric, Reading, Severity, demand_next, observed
from session_buddy.monitoring.series import Bucket, Counts, zone_named
from session_buddy.monitoring.values import Surprise, Tuning, ValueDetector
from session_buddy.monitoring.wording import in_words

__all__ = ["NoveltyDetector"]

_WARM_UP = {Metric.VOLUME: 14 * 24, Metric.COMPLETION_RATE: 100, Metric.DURATION: 100}
"""Hours with a value before the first judgement; a volume has one in every hour."""
_LEAST_COUNT = 10
"""Outcomes, or timed uses, that make an hour's rate or mean a value."""


class _State(msgspec.Struct):
    metric: Metric
    zone: str
    threshold: float
    last: datetime | None = None
    values: dict[str, Any] = {}


class NoveltyDetector(Detector):
    """An anomaly deviates *threshold* times as far as anything before it; *zone* is whose clock counts."""

    name = "novelty"

    def __init__(self, metric: Metric, zone: str = "UTC", threshold: float = 1.75) -> None:
        self._take(_State(metric, zone, threshold), ValueDetector(3600, _tuning(metric)))

    def _take(self, state: _State, values: ValueDetector) -> None:
        self._state, self._values = state, values
        self._zone = zone_named(state.zone)
        self.metric = state.metric

    def state(self) -> dict[str, Any]:
        """See :meth:`Detector.state`; the slots of a day and a week are most of it."""
        state: dict[str, Any] = msgspec.to_builtins(self._state)
        return state | {"values": self._values.state()}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """See :meth:`Detector.restored`."""
        taken = msgspec.convert(state, _State)
        detector = cls.__new__(cls)
        detector._take(taken, ValueDetector.restored(taken.values))
        return detector

    def observe(self, bucket: Bucket) -> Reading:
        """Compare the hour's value with all before it; hours with too few uses to make a value are passed over."""
        demand_next(self._state.last, bucket)
        self._state.last = bucket.end
        value = observed(self.metric, bucket.counts)
        if value is None or _uses(self.metric, bucket.counts) < _LEAST_COUNT:
            return self._unjudged(bucket, value, f"the hour holds fewer than {_LEAST_COUNT} uses with a result")
        even = value if self.metric is Metric.COMPLETION_RATE else log1p(value)
        was_warm = self._values.is_warm
        surprise = self._values.observe(bucket.start.astimezone(self._zone), even)
        if not was_warm:
            return self._unjudged(bucket, value, f"{_WARM_UP[self.metric]} hours with a value are needed")
        return self._judged(bucket, value, surprise)

    def _unjudged(self, bucket: Bucket, value: float | None, missing: str) -> Reading:
        return Reading(metric=self.metric, at=bucket.end, observed=value, reason=f"Not enough data: {missing}.")

    def _judged(self, bucket: Bucket, value: float, surprise: Surprise) -> Reading:
        level = surprise.score / self._state.threshold
        kind = None if level < 1 else AnomalyType.DROP if surprise.deviation < 0 else AnomalyType.SPIKE
        expected = surprise.expected
        if expected is not None and self.metric is not Metric.COMPLETION_RATE:
            expected = expm1(expected)
        worse = AnomalyType.SPIKE if self.metric is Metric.DURATION else AnomalyType.DROP
        fields: dict[str, Any] = {
            "metric": self.metric,
            "at": bucket.end,
            "observed": value,
            "expected": expected,
            "score": surprise.deviation,
            "level": level,
            "anomaly_type": kind,
            "severity": None if kind is None else Severity.WARNING if kind is worse else Severity.INFO,
            "hours": 1,
            "hours_observed": value,
            "hours_expected": expected,
        }
        return Reading(**fields, reason=in_words(fields))


def _tuning(metric: Metric) -> Tuning:
    return Tuning(warm_up=_WARM_UP[metric], rest=12, forget=0.0005)


def _uses(metric: Metric, counts: Counts) -> int:
    if metric is Metric.VOLUME:
        return _LEAST_COUNT
    return counts.outcomes if metric is Metric.COMPLETION_RATE else counts.duration_count
