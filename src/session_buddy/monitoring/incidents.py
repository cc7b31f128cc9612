"""From readings to incidents: opened once, resolved once, no flapping.

An incident opens when the alarm level has been at ``open_level`` for ``open_after`` readings in a row, and resolves
when it has been below the lower ``close_level`` for ``close_after`` readings in a row, or when nothing could be judged
for a week. Between the two levels nothing changes. A lasting change of level (``pattern_shift``) resolves
the drop or spike it explains.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Self

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.detector import AnomalyType, Metric, Reading, Severity

__all__ = ["Incident", "IncidentTracker", "Rules"]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """When an incident opens and when it is over; levels are those of :attr:`Reading.level`."""

    open_level: float = 1.0
    open_after: int = 1
    close_level: float = 0.4
    close_after: int = 2
    silence: timedelta = timedelta(days=7)
    """An incident of which nothing was heard for so long is resolved."""

    def __post_init__(self) -> None:
        if not 0 <= self.close_level < self.open_level:
            raise InvalidInput(
                "close_level",
                f"{self.close_level} is not below the opening level {self.open_level}.",
                remedy="Give a lower one: between the two levels nothing changes.",
            )
        if self.open_after < 1 or self.close_after < 1:
            raise InvalidInput("open_after", "and close_after count readings.", remedy="Give 1 or more.")


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was, or is, not as usual. Values are those of its worst reading so far."""

    metric: Metric
    anomaly_type: AnomalyType
    opened_at: datetime
    resolved_at: datetime | None = None
    baseline: float | None
    observed: float | None
    score: float
    """In standard deviations, negative below the baseline."""
    severity: Severity
    reason: str
    resolution: str | None = None
    """Why it is over."""


class _State(msgspec.Struct):
    rules: Rules
    open: Incident | None = None
    alarms: int = 0
    calm: int = 0
    heard_at: datetime | None = None


class IncidentTracker:
    """Follows the readings of one detector; at most one incident is open at a time."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._state = _State(rules or Rules())

    @property
    def open(self) -> Incident | None:
        """The incident that is open now."""
        return self._state.open

    def state(self) -> dict[str, Any]:
        """Return all that is remembered, as values JSON can hold."""
        state: dict[str, Any] = msgspec.to_builtins(self._state)
        return state

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return a tracker that goes on where *state* was taken."""
        tracker = cls()
        tracker._state = msgspec.convert(state, _State)
        return tracker

    def follow(self, reading: Reading) -> list[Incident]:
        """Take in *reading*; return the incidents that changed: opened, of higher severity than before, resolved."""
        shifted = reading.anomaly_type is AnomalyType.PATTERN_SHIFT
        if not shifted and (not reading.has_enough_data or reading.observed is None):
            return self._silent(reading.at)
        state = self._state
        state.heard_at = reading.at
        state.alarms = state.alarms + 1 if _alarms(reading, state.rules) else 0
        state.calm = state.calm + 1 if reading.level < state.rules.close_level else 0
        if shifted:
            return [
                *self._resolve(reading.at, "The new level has lasted; it is the baseline now."),
                self._open(reading),
            ]
        if state.open is None:
            return [self._open(reading)] if state.alarms >= state.rules.open_after else []
        if state.calm >= state.rules.close_after:
            return self._resolve(reading.at, "Back to what is usual.")
        return self._worsen(state.open, reading)

    def _open(self, reading: Reading) -> Incident:
        self._state.open = _incident(reading, reading.at)
        self._state.calm = 0
        return self._state.open

    def _worsen(self, open_: Incident, reading: Reading) -> list[Incident]:
        """Keep the worst reading; one in the other direction is another incident."""
        if not _alarms(reading, self._state.rules):
            return []
        if reading.anomaly_type is not open_.anomaly_type and open_.anomaly_type is not AnomalyType.PATTERN_SHIFT:
            if self._state.alarms < self._state.rules.open_after:
                return []
            return [*self._resolve(reading.at, "It went the other way."), self._open(reading)]
        if abs(reading.score or 0.0) <= abs(open_.score) or reading.anomaly_type is not open_.anomaly_type:
            return []
        self._state.open = _incident(reading, open_.opened_at)
        rank = list(Severity).index
        return [self._state.open] if rank(self._state.open.severity) > rank(open_.severity) else []

    def _resolve(self, at: datetime, why: str) -> list[Incident]:
        open_, self._state.open = self._state.open, None
        return [msgspec.structs.replace(open_, resolved_at=at, resolution=why)] if open_ else []

    def _silent(self, at: datetime) -> list[Incident]:
        state = self._state
        if state.open and state.heard_at and at - state.heard_at >= state.rules.silence:
            return self._resolve(at, "Nothing could be judged since.")
        return []


def _alarms(reading: Reading, rules: Rules) -> bool:
    return reading.anomaly_type is not None and reading.level >= rules.open_level


def _incident(reading: Reading, opened_at: datetime) -> Incident:
    return Incident(
        metric=reading.metric,
        anomaly_type=reading.anomaly_type or AnomalyType.PATTERN_SHIFT,
        opened_at=opened_at,
        baseline=reading.hours_expected,
        observed=reading.hours_observed,
        score=reading.score or 0.0,
        severity=reading.severity or Severity.WARNING,
        reason=reading.reason,
    )
