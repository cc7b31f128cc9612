"""How long the uses of a skill take: not only on average."""

from __future__ import annotations

import msgspec

from session_buddy.storage import Store
from session_buddy.storage.durations import BOUNDS_MS, UNBOUNDED_MS, quantile_ms

__all__ = ["DurationBucket", "Durations", "read_durations"]

_COUNTS = "SELECT le_ms, invocation_count FROM skill_duration_counts WHERE skill_name = ?"


class DurationBucket(msgspec.Struct, frozen=True, kw_only=True):
    """Uses that took longer than one bound and not longer than the next."""

    above_seconds: float
    up_to_seconds: float | None
    """``null``: any length."""
    invocations: int


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long the uses of a skill take."""

    invocations: int
    """Uses of which the duration is known."""
    median_seconds: float | None
    p95_seconds: float | None
    """Nineteen of twenty take no longer; read between bounds, so it is exact to a quarter or so."""
    buckets: list[DurationBucket]
    """Between the shortest and the longest, without gaps."""


def read_durations(store: Store, skill: str) -> Durations:
    """Return how long the uses of *skill* take; reads roll-ups only."""
    counts = {int(bound): int(number) for bound, number in store.query(_COUNTS, [skill]).rows}
    places = [place for place, bound in enumerate(BOUNDS_MS) if counts.get(bound)]
    shown = range(places[0], places[-1] + 1) if places else range(0)
    median, p95 = quantile_ms(counts, 0.5), quantile_ms(counts, 0.95)
    return Durations(
        invocations=sum(counts.values()),
        median_seconds=None if median is None else median / 1000,
        p95_seconds=None if p95 is None else p95 / 1000,
        buckets=[
            DurationBucket(
                above_seconds=BOUNDS_MS[place - 1] / 1000 if place else 0.0,
                up_to_seconds=None if BOUNDS_MS[place] == UNBOUNDED_MS else BOUNDS_MS[place] / 1000,
                invocations=counts.get(BOUNDS_MS[place], 0),
            )
            for place in shown
        ],
    )
