"""Hourly series without gaps, and what they add up to.

Counts are sums, so they add exactly; rates and means are made from sums at the very end and never
averaged. An hour in which nothing happened is there, with counts of 0 and a rate of ``None``: silence
is a fact, a rate of nothing is not.

Time is UTC throughout. A zone matters at the edge only: :func:`rolled_up` groups hours into the days or
weeks of a zone, which have 23 or 25 hours (or a week of 167 or 169) when the clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.model import parse_time

__all__ = ["Bucket", "Counts", "Grain", "by_skill", "hour_of_week", "hourly", "local_day", "rolled_up", "zone_named"]

_HOUR = timedelta(hours=1)


class Counts(msgspec.Struct, frozen=True):
    """What happened in some span of time; two spans add."""

    invocations: int = 0
    completed: int = 0
    failed: int = 0
    duration_ms_sum: int = 0
    duration_count: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.invocations + other.invocations,
            self.completed + other.completed,
            self.failed + other.failed,
            self.duration_ms_sum + other.duration_ms_sum,
            self.duration_count + other.duration_count,
        )

    @property
    def outcomes(self) -> int:
        """Invocations that say something about the skill: completed or failed."""
        return self.completed + self.failed

    @property
    def completion_rate(self) -> float | None:
        """Completed of all outcomes, 0-1; ``None`` without any."""
        return self.completed / self.outcomes if self.outcomes else None

    @property
    def mean_duration_seconds(self) -> float | None:
        """``None`` where no invocation told its duration."""
        return self.duration_ms_sum / 1000 / self.duration_count if self.duration_count else None


class Bucket(msgspec.Struct, frozen=True):
    """A half-open span ``[start, end)`` of UTC and what happened in it."""

    start: datetime
    end: datetime
    counts: Counts = Counts()


class Grain(StrEnum):
    """How long a bucket is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """Monday to Sunday (ISO 8601)."""


def by_skill(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Part rows of ``skill_time_series`` by their ``skill_name``."""
    parted: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        parted.setdefault(row["skill_name"], []).append(row)
    return parted


def hourly(rows: Iterable[Mapping[str, Any]], start: datetime, end: datetime) -> list[Bucket]:
    """Return one bucket for each hour of ``[start, end)``, in order, from one skill's ``skill_time_series`` rows.

    Rows may come in any order; several of one hour add; those outside the span are left out.
    Raises :class:`InvalidInput` for a span or a row that does not begin on the hour.
    """
    for field, moment in (("start", start), ("end", end)):
        _demand_hour(field, moment)
    counted: dict[datetime, Counts] = {}
    for row in rows:
        moment = datetime.fromisoformat(parse_time(row["timestamp"], field="timestamp"))
        _demand_hour("timestamp", moment)
        counted[moment] = counted.get(moment, Counts()) + _counts(row)
    return [Bucket(hour, hour + _HOUR, counted.get(hour, Counts())) for hour in _hours(start, end)]


def _demand_hour(field: str, moment: datetime) -> None:
    if moment.tzinfo is None or moment.astimezone(UTC) != moment.astimezone(UTC).replace(
        minute=0, second=0, microsecond=0
    ):
        raise InvalidInput(
            field, f"{moment.isoformat()} is no full hour of UTC.", remedy="Give 'YYYY-MM-DDTHH:00:00Z'."
        )


def _counts(row: Mapping[str, Any]) -> Counts:
    return Counts(
        row["invocation_count"],
        row["completed_count"],
        row["failed_count"],
        row["duration_ms_sum"],
        row["duration_count"],
    )


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    hour, end = start.astimezone(UTC), end.astimezone(UTC)
    while hour < end:
        yield hour
        hour += _HOUR


def rolled_up(buckets: Sequence[Bucket], grain: Grain, zone: str = "UTC") -> list[Bucket]:
    """Add hourly *buckets* up to days or weeks of *zone* (an IANA name), gap-filled, in order.

    Every hour is counted once, in the day or week in which it begins. The first and the last bucket
    have the limits of their whole day or week, and hold what *buckets* hold of it.
    """
    if grain is Grain.HOUR or not buckets:
        return list(buckets)
    place = zone_named(zone)
    sums: dict[date, Counts] = {}
    for bucket in buckets:
        first = _first_day(bucket.start.astimezone(place).date(), grain)
        sums[first] = sums.get(first, Counts()) + bucket.counts
    step = timedelta(days=1 if grain is Grain.DAY else 7)
    filled = []
    day, last = min(sums), max(sums)
    while day <= last:
        filled.append(Bucket(_midnight(day, place), _midnight(day + step, place), sums.get(day, Counts())))
        day += step
    return filled


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; raises :class:`InvalidInput` for a name that is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise InvalidInput(
            "zone", f"{name!r} is no time zone.", remedy="Give a name such as 'Europe/Berlin'."
        ) from error


def hour_of_week(moment: datetime, zone: ZoneInfo) -> int:
    """Return 0 (Monday, midnight to one) to 167 (Sunday's last hour) by the clock of *zone*."""
    return _local(moment, zone)[1]


def local_day(moment: datetime, zone: ZoneInfo) -> int:
    """Return the number of the day on which *moment* lies by the clock of *zone*; the next day's is one more."""
    return _local(moment, zone)[0]


@lru_cache(maxsize=4_096)
def _local(moment: datetime, zone: ZoneInfo) -> tuple[int, int]:
    # Many skills are watched over the same hours.
    local = moment.astimezone(zone)
    return local.toordinal(), local.weekday() * 24 + local.hour


def _first_day(day: date, grain: Grain) -> date:
    return day if grain is Grain.DAY else day - timedelta(days=day.weekday())


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when *day* begins; where clocks skip midnight, the moment they do."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
