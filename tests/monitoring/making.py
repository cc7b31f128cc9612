"""Hours and days for tests, from plain numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from session_buddy.monitoring.detector import Reading
from session_buddy.monitoring.series import Bucket, Counts

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def outcomes(completed: int, failed: int, seconds: float = 2.0) -> Counts:
    uses = completed + failed
    return Counts(uses, completed, failed, round(uses * seconds * 1000), uses)


def hours(counts: Iterable[Counts], start: datetime = MONDAY) -> list[Bucket]:
    return _buckets(counts, start, timedelta(hours=1))


def days(counts: Iterable[Counts], start: datetime = MONDAY) -> list[Bucket]:
    return _buckets(counts, start, timedelta(days=1))


def _buckets(counts: Iterable[Counts], start: datetime, step: timedelta) -> list[Bucket]:
    return [Bucket(start + number * step, start + (number + 1) * step, each) for number, each in enumerate(counts)]


def alarms(readings: Iterable[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.anomaly_type is not None]


@st.composite
def any_counts(draw: st.DrawFn) -> Counts:
    """Counts of an hour, with unknown ends and missing durations, now and then absurdly large."""
    completed, failed = draw(st.integers(0, 40)), draw(st.integers(0, 40))
    invocations = completed + failed + draw(st.integers(0, 5))
    timed = draw(st.integers(0, invocations))
    longest = draw(st.sampled_from([0, 1000, 10**12]))
    return Counts(invocations, completed, failed, draw(st.integers(0, longest)) * timed, timed)
