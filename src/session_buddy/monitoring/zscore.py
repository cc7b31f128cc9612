"""The specification's detector: standard deviations from the mean of the last seven days.

Plain, known to everyone, and beside the default for comparison: it knows neither counts nor the time of day, so
a busy Monday morning looks like an anomaly to it, and so does one failure among five uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import sqrt
from typing import Any, Self

import msgspec

from session_buddy.monitoring.detector import (
    AnomalyType,
    Detector,
    Metric,
    Outlook,
    Reading,
    Severity,
    demand_next,
    observed,
)
from session_buddy.monitoring.series import Bucket, Counts
from session_buddy.monitoring.wording import in_words

__all__ = ["BASELINE_HOURS", "ZScoreDetector"]

BASELINE_HOURS = 7 * 24
_LEAST_HOURS = 3
"""Hours with a value that the baseline must hold."""
_LEAST_COUNT = 5
"""Outcomes, or timed uses, that make an hour's rate or mean a value."""
_LEAST_DEVIATION = {Metric.COMPLETION_RATE: 0.01, Metric.VOLUME: 1.0, Metric.DURATION: 0.001}
"""What stands for the standard deviation of a baseline that never varied, in the metric's unit."""


class _State(msgspec.Struct):
    metric: Metric
    threshold: float
    last: datetime | None = None
    values: list[float | None] = []
    """The last seven days, hour by hour, oldest first."""


class ZScoreDetector(Detector):
    """An anomaly is *threshold* standard deviations or more from the mean of the seven days before the hour."""

    name = "zscore"

    def __init__(self, metric: Metric, threshold: float = 2.0) -> None:
        self._state = _State(metric, threshold)
        self.metric = metric

    def state(self) -> dict[str, Any]:
        """Return the whole state: the last seven days of values."""
        state: dict[str, Any] = msgspec.to_builtins(self._state)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Go on where *state* was taken."""
        taken = msgspec.convert(state, _State)
        detector = cls(taken.metric, taken.threshold)
        detector._state = taken
        return detector

    def observe(self, bucket: Bucket) -> Reading:
        """Compare the hour with the mean of the seven days before it, then let it join them."""
        state = self._state
        demand_next(state.last, bucket)
        value = observed(self.metric, bucket.counts) if _enough(self.metric, bucket.counts) else None
        reading = self._judge(bucket, value)
        state.last = bucket.end
        state.values = [*state.values[1 - BASELINE_HOURS :], value]
        return reading

    def observe_with_outlook(self, bucket: Bucket) -> tuple[Reading, Outlook | None]:
        """See :meth:`Detector.observe_with_outlook`."""
        baseline = self._baseline()
        reading = self.observe(bucket)
        if self.metric is not Metric.COMPLETION_RATE or reading.score is None or reading.observed is None:
            return reading, None
        mean, deviation = self._usual(baseline)
        reach = self._state.threshold * deviation
        drop, spike = (mean / reach, (mean - 1) / reach), (-mean / reach, (1 - mean) / reach)
        return reading, Outlook(
            exposure=float(bucket.counts.outcomes),
            rate=reading.observed,
            drop=0.0,
            spike=0.0,
            drop_gains=drop,
            spike_gains=spike,
            adds_up=False,
        )

    def _baseline(self) -> list[float]:
        return [past for past in self._state.values if past is not None]

    def _usual(self, baseline: Sequence[float]) -> tuple[float, float]:
        """Return mean and standard deviation of *baseline*."""
        mean = sum(baseline) / len(baseline)
        deviation = sqrt(sum((past - mean) ** 2 for past in baseline) / (len(baseline) - 1))
        return mean, max(deviation, _LEAST_DEVIATION[self.metric])

    def _judge(self, bucket: Bucket, value: float | None) -> Reading:
        baseline = self._baseline()
        missing = _missing(baseline, value)
        shown = observed(self.metric, bucket.counts)
        if missing is not None or value is None:
            return Reading(metric=self.metric, at=bucket.end, observed=shown, reason=f"Not enough data: {missing}.")
        mean, deviation = self._usual(baseline)
        score, reach = (value - mean) / deviation, self._state.threshold * deviation
        kind = None if abs(score) < self._state.threshold else AnomalyType.DROP if score < 0 else AnomalyType.SPIKE
        fields: dict[str, Any] = {
            "metric": self.metric,
            "at": bucket.end,
            "observed": value,
            "expected": mean,
            "low": max(0.0, mean - reach),
            "high": min(1.0, mean + reach) if self.metric is Metric.COMPLETION_RATE else mean + reach,
            "score": score,
            "level": abs(score) / self._state.threshold,
            "anomaly_type": kind,
            "severity": _severity(self.metric, kind, abs(score) / self._state.threshold),
            "hours_observed": value,
            "hours_expected": mean,
        }
        return Reading(**fields, hours=1, reason=in_words({**fields, "hours": 1}))


def _enough(metric: Metric, counts: Counts) -> bool:
    if metric is Metric.VOLUME:
        return True
    return (counts.outcomes if metric is Metric.COMPLETION_RATE else counts.duration_count) >= _LEAST_COUNT


def _missing(baseline: list[float], value: float | None) -> str | None:
    if value is None:
        return f"the hour holds fewer than {_LEAST_COUNT} uses with a result"
    if len(baseline) < _LEAST_HOURS:
        return f"the seven days before hold {len(baseline)} hours with a value, {_LEAST_HOURS} are needed"
    return None


def _severity(metric: Metric, kind: AnomalyType | None, level: float) -> Severity | None:
    if kind is None:
        return None
    worse = AnomalyType.SPIKE if metric is Metric.DURATION else AnomalyType.DROP
    if kind is not worse:
        return Severity.INFO
    return Severity.CRITICAL if level >= 2 else Severity.WARNING
