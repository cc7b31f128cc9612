"""What the default detector remembers of one metric of one skill, and how it learns an hour.

Hours under suspicion are held back from the baseline. If the suspicion clears they are learned in full; if it
becomes an alarm they count for a tenth, so that a fault does not become the normal, and yet not nothing.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from session_buddy.monitoring.cusum import Cusum, Spread, Temper
from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.habit import Habit
from session_buddy.monitoring.models import Model
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.shift import Day, Shift

__all__ = ["Memory", "Today"]

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


class Today(msgspec.Struct):
    """The sums of the day so far."""

    number: int = -1
    is_used: bool = False
    exposure: float = 0.0
    deviation: float = 0.0
    variance: float = 0.0
    drop: float = 0.0
    spike: float = 0.0
    """Evidence of the day, before any tempering."""


class Memory(msgspec.Struct):
    """All that is remembered; some 350 numbers."""

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
    today: Today = msgspec.field(default_factory=Today)
    days: list[Day] = []
    habit: Habit = msgspec.field(default_factory=Habit)

    @classmethod
    def of(cls, model: Model, zone: str) -> Memory:
        """Return a memory of nothing."""
        return cls(
            metric=model.metric,
            zone=zone,
            profile=model.profile(),
            spread=model.spread(),
            daily=Spread(prior=1.0, prior_weight=40.0, keep=0.98, least=1.0),
            down=Cusum(model.thresholds.drop),
            up=Cusum(model.thresholds.spike),
        )

    def learn(self, model: Model, slot: int, amount: float, exposure: float, mean: float, *, judged: bool) -> None:
        """Learn an hour, or hold it back while it is under suspicion.

        *mean* was expected of it; it teaches how much hours scatter only if it was *judged*.
        """
        level = max(self.down.level, self.up.level)
        if level < _SUSPECT and not self.held:
            # Nearly every hour is one of these.
            self._learn_now(model, slot, amount, exposure, mean, 1.0, judged)
            return
        self.alarmed |= level >= 1
        self.held.append(_Held(slot, amount, exposure, mean))
        if level < _CLEARED:
            for held in self.held:
                self._judge_held(model, held, judged)
            self.held.clear()
            self.alarmed = False
        elif len(self.held) > _HELD_AT_MOST:
            self._judge_held(model, self.held.pop(0), judged)

    def start_over(self) -> None:
        """Let go of what has added up; the baseline stays, and goes on learning."""
        self.down.clear()
        self.up.clear()
        self.held.clear()
        self.days.clear()
        self.alarmed = False

    def adopt(self, model: Model, shift: Shift) -> None:
        """Make the level after *shift* the baseline, to be doubted until more of it is seen."""
        if model.relative:
            self.profile.scale(max(0.0, 1 + shift.after))
        else:
            self.profile.shift(shift.after)
        self.profile.doubt(_REMAINS_AFTER_SHIFT)
        self.days = [Day(0.0, day.weight) for day in self.days[shift.first :]]
        self.down.clear()
        self.up.clear()
        self.held.clear()
        self.alarmed = False

    def _judge_held(self, model: Model, held: _Held, judged: bool) -> None:
        weight = _WEIGHT_OF_ALARMED if self.alarmed else 1.0
        self._learn_now(model, held.slot, held.amount, held.exposure, held.mean, weight, judged)

    def _learn_now(
        self, model: Model, slot: int, amount: float, exposure: float, mean: float, weight: float, judged: bool
    ) -> None:
        if judged and exposure > 0:
            total, share = model.scatter(amount, exposure, mean, self.spread.value)
            self.spread.learn(total * weight, share * weight)
        self.profile.learn(slot, amount * weight, exposure * weight)
