"""How the uses of a skill, or of all skills, go over time: by hour, day or week, without gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from session_buddy.monitoring.series import Bucket, Grain, hourly, rolled_up, zone_named
from session_buddy.reports.expected import expected_ranges
from session_buddy.storage import Store

__all__ = ["BucketFigures", "Series", "read_series"]

_HOUR = timedelta(hours=1)
_BASELINE = timedelta(days=28)
_SPANS = {Grain.HOUR: _HOUR, Grain.DAY: timedelta(days=1), Grain.WEEK: timedelta(days=7)}
_MOST = 1_000
"""Buckets at most: more than a screen has pixels to tell apart."""

_OF_ONE = """
SELECT b.timestamp, b.invocation_count, b.completed_count, b.failed_count, b.duration_ms_sum, b.duration_count
FROM skill_time_series b WHERE b.skill_name = :skill AND b.timestamp >= :since AND b.timestamp < :until
"""
_OF_ALL = """
SELECT b.timestamp AS timestamp, sum(b.invocation_count) AS invocation_count, sum(b.completed_count) AS completed_count,
       sum(b.failed_count) AS failed_count, sum(b.duration_ms_sum) AS duration_ms_sum,
       sum(b.duration_count) AS duration_count
FROM skill_metrics m CROSS JOIN skill_time_series b
WHERE m.kind <> 'tool' AND b.skill_name = m.skill_name AND b.timestamp >= :since AND b.timestamp < :until
GROUP BY b.timestamp
"""


class BucketFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one bucket."""

    start: str
    """Its first moment, in UTC."""
    end: str
    """The first moment after it."""
    invocations: int
    completed: int
    failed: int
    success_rate: float | None
    """Completed of completed and failed, 0-1; ``null`` where nothing has either end."""
    avg_duration_seconds: float | None
    expected_low: float | None
    """Within ``expected_low`` and ``expected_high`` the success rate lies in 99 of 100 such buckets if nothing has
    changed since the 28 days before; ``null`` where those, or the bucket, tell too little, and for all skills
    together, of which the mix changes."""
    expected_high: float | None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Uses over time; every bucket between the first and the last is there, empty ones too."""

    skill: str | None
    """``null``: all skills, an agent's built-in tools left out."""
    grain: Grain
    zone: str
    """The time zone of days and weeks."""
    buckets: list[BucketFigures]


def read_series(store: Store, skill: str | None, grain: Grain, *, since: str, until: str, zone: str = "UTC") -> Series:
    """Return the buckets of *skill* from the one that contains *since* to the one that contains *until*.

    Reads roll-ups only. Of more than a thousand buckets the last thousand are given.
    Raises :class:`~session_buddy.errors.InvalidInput` for a *zone* that is none.
    """
    zone_named(zone)
    last = datetime.fromisoformat(until)
    first = max(datetime.fromisoformat(since), last - (_MOST - 1) * _SPANS[grain])
    # The first bucket is whole, and has its baseline before it.
    begin = _hour_of(first) - _BASELINE - _SPANS[grain]
    buckets = rolled_up(hourly(_rows(store, skill, begin, last), begin, _hour_of(last) + _HOUR), grain, zone)
    outcomes = [(bucket.counts.completed, bucket.counts.failed) for bucket in buckets]
    ranges = expected_ranges(outcomes, _BASELINE // _SPANS[grain]) if skill is not None else [None] * len(buckets)
    shown = [_figures(bucket, range_) for bucket, range_ in zip(buckets, ranges, strict=True) if bucket.end > first]
    return Series(skill=skill, grain=grain, zone=zone, buckets=shown[-_MOST:])


def _rows(store: Store, skill: str | None, since: datetime, until: datetime) -> list[dict[str, object]]:
    # One hour more, since the hour of the last moment counts as a whole.
    span = {"since": _told(since), "until": _told(_hour_of(until) + _HOUR)}
    return list(store.query(_OF_ALL, span) if skill is None else store.query(_OF_ONE, span | {"skill": skill}))


def _figures(bucket: Bucket, expected: tuple[float, float] | None) -> BucketFigures:
    counts = bucket.counts
    return BucketFigures(
        start=_told(bucket.start),
        end=_told(bucket.end),
        invocations=counts.invocations,
        completed=counts.completed,
        failed=counts.failed,
        success_rate=counts.completion_rate,
        avg_duration_seconds=counts.mean_duration_seconds,
        expected_low=expected[0] if expected else None,
        expected_high=expected[1] if expected else None,
    )


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
