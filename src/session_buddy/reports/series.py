"""How the uses of a skill, or of all skills, go over time: by hour, day or week, without gaps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from session_buddy.monitoring.limits import Verdict, verdicts
from session_buddy.monitoring.series import Bucket, Grain, hourly, rolled_up, zone_named
from session_buddy.monitoring.watch import GRACE, LOOKS_BACK, read_settings, start_of
from session_buddy.storage import Store

__all__ = ["BucketFigures", "Series", "read_series"]

_HOUR = timedelta(hours=1)
_SPANS = {Grain.HOUR: _HOUR, Grain.DAY: timedelta(days=1), Grain.WEEK: timedelta(days=7)}
_MOST = 1_000
"""Buckets at most: more than a screen has pixels to tell apart."""
_EARLIEST, _LATEST = datetime(100, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)
"""A source's clock may say anything; buckets have starts and ends, and the calendar has neither beyond its own."""
_JUDGED = timedelta(weeks=26)
"""So far back it is told what the detector makes of a bucket, which takes it a while."""

_OF_ONE = """
SELECT b.timestamp, b.invocation_count, b.completed_count, b.failed_count, b.duration_ms_sum, b.duration_count
FROM skill_time_series b WHERE b.skill_name = :skill AND b.timestamp >= :since AND b.timestamp < :until
"""
_OF_SKILL = "SELECT kind, first_invoked_at FROM skill_metrics WHERE skill_name = ?"
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
    """Between ``expected_low`` and ``expected_high`` the detector of the store calls no success rate an anomaly, given
    what it knew before; ``null`` where so few uses tell it nothing, more than 26 weeks back, for kinds of skills
    that are not watched, and for all skills together, of which the mix changes."""
    expected_high: float | None
    anomalous: bool
    """Whether it called any hour of the bucket an anomaly of success. Outside of the two it always did."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Uses over time; every bucket between the first and the last is there, empty ones too."""

    skill: str | None
    """``null``: all skills, an agent's built-in tools left out."""
    grain: Grain
    zone: str
    """The time zone of days and weeks."""
    buckets: list[BucketFigures]


def read_series(
    store: Store,
    skill: str | None,
    grain: Grain,
    *,
    since: str,
    until: str,
    zone: str = "UTC",
    now: str | None = None,
) -> Series:
    """Return the buckets of *skill* from the one that contains *since* to the one that contains *until*.

    Hours that have ended by *now* (by *until* without it) are judged. Reads roll-ups only. Of more than a thousand
    buckets the last thousand are given.
    Raises :class:`~session_buddy.errors.InvalidInput` for a *zone* that is none.
    """
    zone_named(zone)
    last = _drawable(until)
    first = max(_drawable(since), last - (_MOST - 1) * _SPANS[grain])
    # The first bucket is whole, and has before it what it is judged by.
    begin = _hour_of(first) - LOOKS_BACK - _SPANS[grain]
    hours = hourly(_rows(store, skill, begin, last), begin, _hour_of(last) + _HOUR)
    shown = [bucket for bucket in rolled_up(hours, grain, zone) if bucket.end > first][-_MOST:]
    ended = _hour_of(_drawable(now or until) - GRACE)
    told = [] if skill is None else _verdicts(store, skill, shown, [hour for hour in hours if hour.end <= ended])
    none = [Verdict()] * (len(shown) - len(told))
    figures = [_figures(bucket, verdict) for bucket, verdict in zip(shown, none + told, strict=True)]
    return Series(skill=skill, grain=grain, zone=zone, buckets=figures)


def _verdicts(store: Store, skill: str, shown: list[Bucket], hours: list[Bucket]) -> list[Verdict]:
    """Return what the detector of *store* makes of the last of the buckets *shown*."""
    settings = read_settings(store)
    of_skill = store.query(_OF_SKILL, [skill]).rows
    if not of_skill or of_skill[0][0] not in settings.kinds:
        return []
    first = _hour_of(datetime.fromisoformat(of_skill[0][1]))
    judged = [bucket for bucket in shown if bucket.start >= shown[-1].end - _JUDGED]
    return verdicts(judged, hours, settings, begins=lambda until: max(start_of(skill, until), first))


def _rows(store: Store, skill: str | None, since: datetime, until: datetime) -> list[dict[str, object]]:
    # One hour more, since the hour of the last moment counts as a whole.
    span = {"since": _told(since), "until": _told(_hour_of(until) + _HOUR)}
    return list(store.query(_OF_ALL, span) if skill is None else store.query(_OF_ONE, span | {"skill": skill}))


def _figures(bucket: Bucket, verdict: Verdict) -> BucketFigures:
    counts, limits = bucket.counts, verdict.limits
    return BucketFigures(
        start=_told(bucket.start),
        end=_told(bucket.end),
        invocations=counts.invocations,
        completed=counts.completed,
        failed=counts.failed,
        success_rate=counts.completion_rate,
        avg_duration_seconds=counts.mean_duration_seconds,
        expected_low=limits[0] if limits else None,
        expected_high=limits[1] if limits else None,
        anomalous=verdict.anomalous,
    )


def _drawable(moment: str) -> datetime:
    """Return *moment*, or what is nearest to it of the years around which there is room to reckon."""
    return min(max(datetime.fromisoformat(moment), _EARLIEST), _LATEST)


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
