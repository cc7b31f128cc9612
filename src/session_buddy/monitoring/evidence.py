"""The default detector: evidence against a seasonal, count-aware baseline, added up over hours.

Each hour is compared with what is usual at this hour of the week (:mod:`~session_buddy.monitoring.seasonality`)
under the distribution of its metric (:mod:`~session_buddy.monitoring.models`). The evidence for a drop and for a
spike adds up (:mod:`~session_buddy.monitoring.cusum`); a lasting change of the daily level becomes a
``pattern_shift`` and the new baseline (:mod:`~session_buddy.monitoring.shift`). What was judged is learned
(:mod:`~session_buddy.monitoring.memory`).
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Self

import msgspec

from session_buddy.monitoring.cusum import Cusum
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
from session_buddy.monitoring.memory import Memory, Today
from session_buddy.monitoring.models import MODELS
from session_buddy.monitoring.series import Bucket, hour_of_week, local_day, zone_named
from session_buddy.monitoring.shift import DAYS_KEPT, Day, Shift, find_shift
from session_buddy.monitoring.wording import in_words

__all__ = ["EvidenceDetector"]


class EvidenceDetector(Detector):
    """Count-aware, seasonal, sequential; see the module's text. *zone* is whose hours of the week count."""

    name = "evidence"

    def __init__(self, metric: Metric, zone: str = "UTC") -> None:
        self._take(Memory.of(MODELS[metric], zone))

    def _take(self, memory: Memory) -> None:
        self._memory = memory
        self.metric = memory.metric
        self._model = MODELS[memory.metric]
        self._zone = zone_named(memory.zone)

    def state(self) -> dict[str, Any]:
        """Return all that is remembered."""
        self._memory.profile.sums = None  # whoever restores it adds up again, to the same
        state: dict[str, Any] = msgspec.to_builtins(self._memory)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Go on where *state* was taken."""
        detector = cls.__new__(cls)
        detector._take(msgspec.convert(state, Memory))
        return detector

    def observe(self, bucket: Bucket) -> Reading:
        """Add the hour's evidence for a change, say what it amounts to, then learn the hour or hold it back."""
        return self._observe(bucket, brief=False)

    def observe_briefly(self, bucket: Bucket) -> Reading:
        """See :meth:`Detector.observe_briefly`."""
        return self._observe(bucket, brief=True)

    def observe_with_outlook(self, bucket: Bucket) -> tuple[Reading, Outlook | None]:
        """See :meth:`Detector.observe_with_outlook`."""
        outlooks: list[Outlook] = []
        reading = self._observe(bucket, brief=False, outlooks=outlooks)
        return reading, outlooks[0] if outlooks else None

    def _observe(self, bucket: Bucket, *, brief: bool, outlooks: list[Outlook] | None = None) -> Reading:
        memory, model = self._memory, self._model
        demand_next(memory.last, bucket)
        memory.last = bucket.end
        day = local_day(bucket.start, self._zone)
        shift = self._close_day(day) if day != memory.today.number else None
        memory.today.is_used |= bucket.counts.invocations > 0
        amount, exposure = model.measure(bucket.counts)
        slot = hour_of_week(bucket.start, self._zone)
        judgeable = exposure > 0
        if judgeable or shift or memory.held or not brief:
            missing = model.missing(memory.profile, memory.hours, memory.habit)
            mean = model.bounded(memory.profile.expected(slot))
        else:
            missing, mean = "anything to measure", 0.0
        if judgeable and missing is None:
            if outlooks is not None and self.metric is Metric.COMPLETION_RATE:
                outlooks.append(self._outlook(slot, amount, exposure, mean))
            self._weigh(slot, amount, exposure, mean)
        reading = self._reading(bucket, mean, exposure, missing, shift, brief=brief)
        memory.learn(model, slot, amount, exposure, mean if judgeable else 0.0, judged=missing is None)
        memory.hours += 1
        return reading

    def _evidence(self, slot: int, amount: float, exposure: float, mean: float, spread: float) -> tuple[float, float]:
        """Return the hour's evidence for a drop and for a spike, before any tempering."""
        doubt = sqrt(self._model.variance(mean, 1.0, spread) / self._memory.profile.support(slot)) / 2
        return self._model.evidence(amount, exposure, mean, spread, doubt)

    def _outlook(self, slot: int, amount: float, exposure: float, mean: float) -> Outlook:
        memory = self._memory
        spread = memory.spread.value
        (drop_0, spike_0), (drop_1, spike_1) = (
            self._evidence(slot, each, exposure, mean, spread) for each in (0.0, exposure)
        )
        by_drop = memory.temper_down.divisor * memory.down.threshold
        by_spike = memory.temper_up.divisor * memory.up.threshold
        return Outlook(
            exposure=exposure,
            rate=amount / exposure,
            drop=memory.down.level,
            spike=memory.up.level,
            drop_gains=(drop_0 / by_drop, drop_1 / by_drop),
            spike_gains=(spike_0 / by_spike, spike_1 / by_spike),
        )

    def _weigh(self, slot: int, amount: float, exposure: float, mean: float) -> None:
        """Add the hour's evidence, tempered by what such evidence has been worth for this skill."""
        memory, model = self._memory, self._model
        spread, daily = memory.spread.value, memory.daily.value
        drop, spike = self._evidence(slot, amount, exposure, mean, spread)
        variance = model.variance(mean, exposure, spread) * daily
        expected = mean * exposure
        memory.down.add(drop / memory.temper_down.divisor, exposure, amount, expected, variance)
        memory.up.add(spike / memory.temper_up.divisor, exposure, amount, expected, variance)
        today = memory.today
        today.exposure += expected if model.relative else exposure
        today.deviation += amount - expected
        today.variance += variance / daily
        today.drop += drop
        today.spike += spike

    def _close_day(self, number: int) -> Shift | None:
        """File the day before the day *number*, which begins; return the lasting change it completes, if any."""
        memory = self._memory
        today, memory.today = memory.today, Today(number)
        if today.number >= 0:
            was_regular = self._model.is_regular(memory.habit)
            memory.habit.learn(today.is_used)
            if was_regular and not self._model.is_regular(memory.habit):
                memory.start_over()
        if today.variance <= 0 or today.exposure <= 0:
            return None
        memory.daily.learn(min(today.deviation**2 / today.variance, 9.0), 1.0)
        memory.temper_down.learn(today.drop)
        memory.temper_up.learn(today.spike)
        weight = today.exposure**2 / (today.variance * memory.daily.value)
        memory.days = [*memory.days[1 - DAYS_KEPT :], Day(today.deviation / today.exposure, weight)]
        shift = find_shift(memory.days, self._model.least_shift)
        if shift:
            memory.adopt(self._model, shift)
        return shift

    def _reading(
        self, bucket: Bucket, mean: float, exposure: float, missing: str | None, shift: Shift | None, *, brief: bool
    ) -> Reading:
        memory, model = self._memory, self._model
        value = observed(self.metric, bucket.counts)
        if missing is not None:
            return Reading(
                metric=self.metric,
                at=bucket.end,
                observed=value,
                reason="" if brief else f"Not enough data: {missing}.",
            )
        worst = memory.down if memory.down.level >= memory.up.level else memory.up
        level = worst.level
        if brief and shift is None and level < 1:
            return Reading(metric=self.metric, at=bucket.end, observed=value, score=worst.score, level=level, reason="")
        band = model.band(mean, exposure, memory.spread.value) if exposure > 0 else (None, None)
        hours_observed, hours_expected = self._over_hours(worst)
        kind, severity = self._verdict(worst, hours_observed, hours_expected, shift)
        fields: dict[str, Any] = {
            "metric": self.metric,
            "at": bucket.end,
            "observed": value,
            "expected": model.value(mean),
            "low": band[0],
            "high": band[1],
            "score": shift.score if shift else worst.score,
            "level": max(level, 1.0) if shift else level,
            "anomaly_type": kind,
            "severity": severity,
            "hours": worst.hours or 1,
            "hours_observed": hours_observed if worst.hours else value,
            "hours_expected": hours_expected if worst.hours else model.value(mean),
        }
        return Reading(**fields, reason=in_words(fields, lasting=shift is not None))

    def _over_hours(self, run: Cusum) -> tuple[float, float]:
        if not run.exposure:
            return 0.0, 0.0
        return self._model.value(run.observed / run.exposure), self._model.value(run.expected / run.exposure)

    def _verdict(
        self, worst: Cusum, value: float, usual: float, shift: Shift | None
    ) -> tuple[AnomalyType | None, Severity | None]:
        if shift:
            worse = (shift.score < 0) == (self.metric is not Metric.DURATION)
            return AnomalyType.PATTERN_SHIFT, Severity.WARNING if worse else Severity.INFO
        if worst.level < 1:
            return None, None
        kind = AnomalyType.DROP if worst is self._memory.down else AnomalyType.SPIKE
        return kind, self._model.severity(kind, value, usual)
