"""The default detector: evidence against a seasonal, count-aware baseline, added up over hours.

Each hour is compared with what is usual at this hour of the week (:mod:`~session_buddy.monitoring.seasonality`)
under the distribution of its metric (:mod:`~session_buddy.monitoring.models`). The evidence for a drop and for a
spike adds up (:mod:`~session_buddy.monitoring.cusum`); a lasting change of the daily level becomes a
``pattern_shift`` and the new baseline (:mod:`~session_buddy.monitoring.shift`).

Hours under suspicion are held back from the baseline. If the suspicion clears they are learned in full; if it
becomes an alarm they count for a tenth, so that a fault does not become the normal, and yet not nothing.
"""

from __future__ import annotations

from datetime import datetime
from math import sqrt
from typing import Any, Self

import msgspec

from session_buddy.monitoring.cusum import Cusum, Spread, Temper
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
from session_buddy.monitoring.models import MODELS
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.series import Bucket, hour_of_week, zone_named
from session_buddy.monitoring.shift import DAYS_KEPT, Day, Shift, find_shift
from session_buddy.monitoring.wording import in_words

__all__ = ["EvidenceDetector"]

_SUSPECT = 0.5
"""Alarm level from which on hours are held back from the baseline …"""
_CLEARED = 0.2
"""… and below which they are judged."""
_HELD_AT_MOST = 24
_WEIGHT_OF_ALARMED = 0.1
_REMAINS_AFTER_SHIFT = 0.25


class _Held(msgspec.Struct):
    """An hour that waits for a verdict."""

    slot: int
    amount: float
    exposure: float
    mean: float


class _Today(msgspec.Struct):
    """The sums of the day so far."""

    number: int = -1
    exposure: float = 0.0
    deviation: float = 0.0
    variance: float = 0.0
    drop: float = 0.0
    spike: float = 0.0
    """Evidence of the day, before any tempering."""


class _State(msgspec.Struct):
    """All that is remembered of one metric of one skill."""

    metric: Metric
    zone: str
    profile: Profile
    spread: Spread
    daily: Spread
    down: Cusum
    up: Cusum
    temper_down: Temper = msgspec.field(default_factory=Temper)
    temper_up: Temper = msgspec.field(default_factory=Temper)
    last: datetime | None = None
    hours: int = 0
    alarmed: bool = False
    held: list[_Held] = []
    today: _Today = msgspec.field(default_factory=_Today)
    days: list[Day] = []


class EvidenceDetector(Detector):
    """Count-aware, seasonal, sequential; see the module's text. *zone* is whose hours of the week count."""

    name = "evidence"

    def __init__(self, metric: Metric, zone: str = "UTC") -> None:
        model = MODELS[metric]
        self._take(
            _State(
                metric=metric,
                zone=zone,
                profile=model.profile(),
                spread=model.spread(),
                daily=Spread(prior=1.0, prior_weight=40.0, keep=0.98, least=1.0),
                down=Cusum(model.thresholds.drop),
                up=Cusum(model.thresholds.spike),
            )
        )

    def _take(self, state: _State) -> None:
        self._state = state
        self.metric = state.metric
        self._model = MODELS[state.metric]
        self._zone = zone_named(state.zone)

    def state(self) -> dict[str, Any]:
        """Return the whole state: some 170 numbers for each metric of a skill."""
        state: dict[str, Any] = msgspec.to_builtins(self._state)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Go on where *state* was taken."""
        detector = cls.__new__(cls)
        detector._take(msgspec.convert(state, _State))
        return detector

    def observe(self, bucket: Bucket) -> Reading:
        """Add the hour's evidence for a change, say what it amounts to, then learn the hour or hold it back."""
        return self._observe(bucket, None)

    def observe_with_outlook(self, bucket: Bucket) -> tuple[Reading, Outlook | None]:
        """See :meth:`Detector.observe_with_outlook`."""
        outlooks: list[Outlook] = []
        reading = self._observe(bucket, outlooks if self.metric is Metric.COMPLETION_RATE else None)
        return reading, outlooks[0] if outlooks else None

    def _observe(self, bucket: Bucket, outlooks: list[Outlook] | None) -> Reading:
        state = self._state
        demand_next(state.last, bucket)
        state.last = bucket.end
        shift = self._close_day(bucket)
        amount, exposure = self._model.measure(bucket.counts)
        slot = hour_of_week(bucket.start, self._zone)
        missing = self._model.missing(state.profile, state.hours)
        mean = self._model.bounded(state.profile.expected(slot))
        if missing is None and exposure > 0:
            if outlooks is not None:
                outlooks.append(self._outlook(slot, amount, exposure, mean))
            self._weigh(slot, amount, exposure, mean)
        reading = self._reading(bucket, mean, exposure, missing, shift)
        self._learn(_Held(slot, amount, exposure, mean), judged=missing is None)
        state.hours += 1
        return reading

    def _variance(self, mean: float, exposure: float) -> float:
        state = self._state
        return self._model.variance(mean, exposure, state.spread.value) * state.daily.value

    def _evidence(self, slot: int, amount: float, exposure: float, mean: float) -> tuple[float, float]:
        """Return the hour's evidence for a drop and for a spike, before any tempering."""
        spread = self._state.spread.value
        doubt = sqrt(self._model.variance(mean, 1.0, spread) / self._state.profile.support(slot)) / 2
        return self._model.evidence(amount, exposure, mean, spread, doubt)

    def _outlook(self, slot: int, amount: float, exposure: float, mean: float) -> Outlook:
        state = self._state
        (drop_0, spike_0), (drop_1, spike_1) = (self._evidence(slot, each, exposure, mean) for each in (0.0, exposure))
        by_drop = state.temper_down.divisor * state.down.threshold
        by_spike = state.temper_up.divisor * state.up.threshold
        return Outlook(
            exposure=exposure,
            rate=amount / exposure,
            drop=state.down.level,
            spike=state.up.level,
            drop_gains=(drop_0 / by_drop, drop_1 / by_drop),
            spike_gains=(spike_0 / by_spike, spike_1 / by_spike),
        )

    def _weigh(self, slot: int, amount: float, exposure: float, mean: float) -> None:
        """Add the hour's evidence, tempered by what such evidence has been worth for this skill."""
        state = self._state
        drop, spike = self._evidence(slot, amount, exposure, mean)
        variance = self._variance(mean, exposure)
        expected = mean * exposure
        state.down.add(drop / state.temper_down.divisor, exposure, amount, expected, variance)
        state.up.add(spike / state.temper_up.divisor, exposure, amount, expected, variance)
        today = state.today
        today.exposure += expected if self._model.relative else exposure
        today.deviation += amount - expected
        today.variance += variance / state.daily.value
        today.drop += drop
        today.spike += spike

    def _learn(self, hour: _Held, *, judged: bool) -> None:
        """Learn the hour, or hold it back while it is under suspicion."""
        state = self._state
        level = max(state.down.level, state.up.level)
        state.alarmed |= level >= 1
        state.held.append(hour)
        if level < _CLEARED or (level < _SUSPECT and len(state.held) == 1):
            for held in state.held:
                self._learn_now(held, _WEIGHT_OF_ALARMED if state.alarmed else 1.0, judged=judged)
            state.held.clear()
            state.alarmed = False
        elif len(state.held) > _HELD_AT_MOST:
            self._learn_now(state.held.pop(0), _WEIGHT_OF_ALARMED if state.alarmed else 1.0, judged=judged)

    def _learn_now(self, hour: _Held, weight: float, *, judged: bool) -> None:
        state = self._state
        if judged and hour.exposure > 0:
            total, share = self._model.scatter(hour.amount, hour.exposure, hour.mean, state.spread.value)
            state.spread.learn(total * weight, share * weight)
        state.profile.learn(hour.slot, hour.amount * weight, hour.exposure * weight)

    def _close_day(self, bucket: Bucket) -> Shift | None:
        """At the first hour of a day, file the day before; return the lasting change it completes, if any."""
        state, number = self._state, bucket.start.astimezone(self._zone).toordinal()
        if number == state.today.number:
            return None
        today, state.today = state.today, _Today(number)
        if today.variance <= 0 or today.exposure <= 0:
            return None
        state.daily.learn(min(today.deviation**2 / today.variance, 9.0), 1.0)
        state.temper_down.learn(today.drop)
        state.temper_up.learn(today.spike)
        weight = today.exposure**2 / (today.variance * state.daily.value)
        state.days = [*state.days[1 - DAYS_KEPT :], Day(today.deviation / today.exposure, weight)]
        shift = find_shift(state.days, self._model.least_shift)
        if shift:
            self._adopt(shift)
        return shift

    def _adopt(self, shift: Shift) -> None:
        """Make the new level the baseline, to be doubted until more of it is seen."""
        state = self._state
        if self._model.relative:
            state.profile.scale(max(0.0, 1 + shift.after))
        else:
            state.profile.shift(shift.after)
        state.profile.doubt(_REMAINS_AFTER_SHIFT)
        state.days = [Day(0.0, day.weight) for day in state.days[shift.first :]]
        state.down.clear()
        state.up.clear()
        state.held.clear()
        state.alarmed = False

    def _reading(
        self, bucket: Bucket, mean: float, exposure: float, missing: str | None, shift: Shift | None
    ) -> Reading:
        value = observed(self.metric, bucket.counts)
        if missing is not None:
            return Reading(metric=self.metric, at=bucket.end, observed=value, reason=f"Not enough data: {missing}.")
        state, model = self._state, self._model
        band = model.band(mean, exposure, state.spread.value) if exposure > 0 else (None, None)
        worst = max(state.down, state.up, key=lambda cusum: cusum.level)
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
            "level": max(worst.level, 1.0) if shift else worst.level,
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
        kind = AnomalyType.DROP if worst is self._state.down else AnomalyType.SPIKE
        return kind, self._model.severity(kind, value, usual)
