"""Surprises in a series of plain values: record deviations from what the clock and the recent course explain.

For any metric that is just a number at a time. Three steps:

1. **Residual.** Each slot of the day and of the week remembers its past values. A value is compared with the slots
   around its own, and the nearest explains it. Slots just behind the present were filled moments ago, so the recent
   course counts as an explanation as well.
2. **Records.** Four channels follow the residual (as it is, smoothed, its jumps) and the smoothed value. In each, a
   deviation is divided by the largest seen so far on its side, which is forgotten slowly: from 1 on it is a record,
   whatever the distribution. What has happened before surprises nobody.
3. **Rest.** After a record only a clearly larger one speaks within the rest period, so one fault is one surprise.

Memory: one number for each slot, at most 2,304. Nothing is fitted ahead and nothing looks ahead.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["Surprise", "Tuning", "ValueDetector"]

_DAY, _WEEK = 86_400, 7 * 86_400
_SHORTEST_SLOT = 300
_HIGHEST = 100.0
"""Scores end here: a value that moved for the first time ever has no finite ratio."""


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set; counts are of values, and the defaults serve values every few minutes."""

    warm_up: int = 200
    """Values before the first score."""
    rest: int = 150
    larger: float = 1.2
    """How much larger a surprise within the rest period must be than the one before."""
    around: int = 2
    """Slots to either side that may explain a value."""
    day_pull: float = 0.5
    week_pull: float = 0.5
    """How far a slot moves to a new value."""
    centre_pull: float = 0.001
    forget: float = 0.0001
    """The part of the largest deviation forgotten at each value."""
    smooth: float = 12.0
    jump: float = 6.0
    """Values that smoothing, and the level a jump starts from, look back on."""


class Surprise(msgspec.Struct, frozen=True):
    """What a value means: from a score of 1 on it deviates as never before."""

    score: float
    """0 at rest and during warm-up."""
    expected: float | None
    """The explanation that came nearest."""
    deviation: float
    """In standard deviations of the channel that deviates most; signed."""


class _Channel(msgspec.Struct):
    """One way of looking at the series, and its largest deviations so far."""

    centre: float = 0.0
    above: float = 0.0
    below: float = 0.0
    squares: float = 0.0

    def score(self, value: float) -> tuple[float, float]:
        """Return the deviation of *value* in largest deviations so far, and in standard deviations."""
        off = value - self.centre
        largest = self.above if off > 0 else self.below
        tiny = 1e-9 * (1.0 + abs(self.centre))
        return min(abs(off) / (largest + tiny), _HIGHEST), off / (self.squares**0.5 + tiny)

    def learn(self, value: float, pull: float, forget: float) -> None:
        off = value - self.centre
        self.centre += pull * off
        self.above = max(self.above * (1 - forget), off)
        self.below = max(self.below * (1 - forget), -off)
        self.squares += pull * (off * off - self.squares)


class _State(msgspec.Struct):
    tuning: Tuning
    slot_seconds: int
    day: list[float | None]
    week: list[float | None]
    seen: int = 0
    since_surprise: int = 0
    last_surprise: float = 0.0
    smooth_residual: float = 0.0
    level_of_residual: float = 0.0
    smooth_value: float = 0.0
    channels: list[_Channel] = []


class ValueDetector:
    """Scores the values of one series, one by one; *seconds* is the usual time from one value to the next."""

    def __init__(self, seconds: int, tuning: Tuning | None = None) -> None:
        if seconds < 1:
            raise InvalidInput("seconds", f"{seconds} is no time between values.", remedy="Give 1 or more.")
        slot = max(min(seconds, _DAY), _SHORTEST_SLOT)
        self._state = _State(
            tuning or Tuning(),
            slot,
            [None] * max(1, _DAY // slot),
            [None] * max(1, _WEEK // slot),
            channels=[_Channel() for _ in range(4)],
        )

    def state(self) -> dict[str, Any]:
        """Return all that is remembered, as values JSON can hold."""
        state: dict[str, Any] = msgspec.to_builtins(self._state)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return a detector that goes on where *state* was taken."""
        detector = cls.__new__(cls)
        detector._state = msgspec.convert(state, _State)
        return detector

    @property
    def is_warm(self) -> bool:
        """Whether the next value gets a score."""
        return self._state.seen >= self._state.tuning.warm_up

    def observe(self, at: datetime, value: float) -> Surprise:
        """Score *value*, then learn from it; *at* gives the place in day and week by its own clock."""
        state = self._state
        into_day = at.hour * 3600 + at.minute * 60 + at.second
        day = into_day // state.slot_seconds % len(state.day)
        week = (at.weekday() * _DAY + into_day) // state.slot_seconds % len(state.week)
        expected = self._nearest(day, week, value)
        residual = 0.0 if expected is None else value - expected
        looks = self._looks(residual, value)
        score, deviation = max((channel.score(look) for channel, look in zip(state.channels, looks, strict=True)))
        self._learn(looks)
        _fill(state.day, day, value, state.tuning.day_pull)
        _fill(state.week, week, value, state.tuning.week_pull)
        state.seen += 1
        if state.seen <= state.tuning.warm_up:
            return Surprise(0.0, expected, deviation)
        return Surprise(self._rested(score), expected, deviation)

    def _nearest(self, day: int, week: int, value: float) -> float | None:
        """Return the remembered value nearest to *value* in the slots around it."""
        state = self._state
        nearest, distance = None, float("inf")
        for slots, middle in ((state.day, day), (state.week, week)):
            for slot in range(middle - state.tuning.around, middle + state.tuning.around + 1):
                past = slots[slot % len(slots)]
                if past is not None and abs(value - past) < distance:
                    nearest, distance = past, abs(value - past)
        return nearest

    def _looks(self, residual: float, value: float) -> tuple[float, float, float, float]:
        state, tuning = self._state, self._state.tuning
        if state.seen == 0:
            state.smooth_value = value
        state.smooth_residual += (residual - state.smooth_residual) / tuning.smooth
        state.level_of_residual += (residual - state.level_of_residual) / tuning.jump
        state.smooth_value += (value - state.smooth_value) / tuning.smooth
        return residual, state.smooth_residual, residual - state.level_of_residual, state.smooth_value

    def _learn(self, looks: tuple[float, ...]) -> None:
        state = self._state
        pull = max(1 / (state.seen + 1), state.tuning.centre_pull)
        for channel, look in zip(state.channels, looks, strict=True):
            if state.seen == 0:
                channel.centre = look
            channel.learn(look, pull, state.tuning.forget)

    def _rested(self, score: float) -> float:
        """Return *score*, or 0 while a surprise as large is fresh."""
        state = self._state
        state.since_surprise += 1
        if state.since_surprise > state.tuning.rest:
            state.last_surprise = 0.0
        if score <= state.tuning.larger * state.last_surprise:
            return 0.0
        if score > 1:
            state.last_surprise, state.since_surprise = score, 0
        return score


def _fill(slots: list[float | None], slot: int, value: float, pull: float) -> None:
    past = slots[slot]
    slots[slot] = value if past is None else past + pull * (value - past)
