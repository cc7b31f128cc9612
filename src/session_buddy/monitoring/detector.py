"""The contract of detectors, and what they answer.

A detector watches one metric of one skill. It is given the hours in order, one by one, and answers each
with a :class:`Reading`. Every detector guarantees:

- **No look-ahead.** A reading depends on this hour and the hours before it; what comes later changes nothing.
- **The observed hour is never part of its own baseline.** It is judged first and learned from afterwards.
- **Bounded memory.** The state does not grow with history.
- **Exact state.** ``restored(detector.state())`` goes on exactly as the detector itself would, also when
  the state went through JSON.
- **Determinism.** No clock, no randomness.
- **"Not enough data" is an answer**, with its reason and without a number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.series import Bucket, Counts

__all__ = ["AnomalyType", "Detector", "Metric", "Outlook", "Reading", "Severity", "demand_next", "observed"]


class Metric(StrEnum):
    """What is watched."""

    COMPLETION_RATE = "completion_rate"
    """Completed of completed and failed, 0-1."""
    VOLUME = "volume"
    """Invocations in the hour."""
    DURATION = "duration"
    """Mean seconds of the hour's invocations."""


class AnomalyType(StrEnum):
    """How a metric left its baseline."""

    DROP = "drop"
    SPIKE = "spike"
    PATTERN_SHIFT = "pattern_shift"
    """A new level that has lasted for days, and is the baseline from now on."""


class Severity(StrEnum):
    """How much it matters, least first."""

    INFO = "info"
    """Unusual, and no trouble: a better rate, faster answers."""
    WARNING = "warning"
    CRITICAL = "critical"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector says of one hour.

    ``observed``, ``expected``, ``low`` and ``high`` are in the metric's own unit (see :class:`Metric`);
    the band from ``low`` to ``high`` holds about 99 % of such hours (of those that ``zscore`` calls usual, as many as
    its threshold says); it is missing where a detector has none.
    """

    metric: Metric
    at: datetime
    """When the hour ended: nothing could be known earlier."""
    observed: float | None = None
    """``None`` where the hour holds nothing to measure."""
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    score: float | None = None
    """Deviation in standard deviations, negative below what was expected; ``None``: not enough data."""
    level: float = 0.0
    """Alarm level: from 1 on the detector calls it an anomaly; near 0 all is calm."""
    anomaly_type: AnomalyType | None = None
    severity: Severity | None = None
    hours: int = 1
    """How many hours the score rests on, this one included."""
    hours_observed: float | None = None
    """``observed`` over all of those hours."""
    hours_expected: float | None = None
    reason: str

    @property
    def has_enough_data(self) -> bool:
        """Whether a judgement was possible."""
        return self.score is not None


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """What an hour could have meant, as it stood before its outcomes were judged; of the completion rate only.

    Gains are those of the alarm level, where none and where all of the outcomes are completions; between the two they
    grow evenly.
    """

    exposure: float
    """Outcomes of the hour."""
    rate: float
    """Which part of them did complete."""
    drop: float
    """The alarm level of a drop before the hour."""
    spike: float
    drop_gains: tuple[float, float]
    spike_gains: tuple[float, float]
    adds_up: bool = True
    """Whether the level of an hour is that of the hour before and what was gained."""


class Detector(ABC):
    """One metric of one skill, hour by hour; the module's text lists the guarantees."""

    name: ClassVar[str]
    metric: Metric

    @abstractmethod
    def observe(self, bucket: Bucket) -> Reading:
        """Judge *bucket*, then learn from it.

        Hours must come in order and without gaps, as :func:`~session_buddy.monitoring.series.hourly` makes
        them; :class:`InvalidInput` is raised for an hour that does not follow the last one.
        """

    def observe_briefly(self, bucket: Bucket) -> Reading:
        """Do what :meth:`observe` does, for whoever goes through weeks of hours to learn of anomalies.

        Readings that are anomalies are the same. Others may lack what only people read, expectation, band, hours and
        reason; an hour with nothing to measure may be told as one without enough data, whatever goes on.
        """
        return self.observe(bucket)

    def observe_with_outlook(self, bucket: Bucket) -> tuple[Reading, Outlook | None]:
        """Do what :meth:`observe` does, and tell what other outcomes of the same number would have meant.

        ``None`` where nothing was judged, and of detectors and metrics for which this cannot be told.
        """
        return self.observe(bucket), None

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return all that is remembered, as values JSON can hold."""

    @classmethod
    @abstractmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return a detector that goes on where *state* was taken."""


def observed(metric: Metric, counts: Counts) -> float | None:
    """Return the value of *metric* in *counts*; ``None`` where there is nothing to measure."""
    if metric is Metric.COMPLETION_RATE:
        return counts.completion_rate
    if metric is Metric.VOLUME:
        return float(counts.invocations)
    return counts.mean_duration_seconds


def demand_next(last: datetime | None, bucket: Bucket) -> None:
    """Raise :class:`InvalidInput` unless *bucket* begins where the one before it ended at *last*."""
    if last is not None and bucket.start != last:
        raise InvalidInput(
            "bucket",
            f"the hour of {bucket.start.isoformat()} does not follow the last one, which ended at {last.isoformat()}.",
            remedy="Give every hour once, in order, without gaps.",
        )
