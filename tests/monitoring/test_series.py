from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.series import Counts, Grain, by_skill, hour_of_week, hourly, rolled_up, zone_named
from tests.monitoring.making import MONDAY, any_counts, hours, outcomes


def row(timestamp: str, invocations: int = 4, completed: int = 3, failed: int = 1) -> dict[str, object]:
    return {
        "skill_name": "pytest-run",
        "timestamp": timestamp,
        "invocation_count": invocations,
        "completed_count": completed,
        "failed_count": failed,
        "duration_ms_sum": 10,
        "duration_count": 1,
    }


def test_empty_hours_are_there_with_zero_and_no_rate() -> None:
    rows = [row("2026-01-05T02:00:00.000Z"), row("2026-01-05T00:00:00.000Z")]
    buckets = hourly(rows, MONDAY, MONDAY + timedelta(hours=4))
    assert [bucket.counts.invocations for bucket in buckets] == [4, 0, 4, 0]
    assert [bucket.counts.completion_rate for bucket in buckets] == [0.75, None, 0.75, None]
    assert [bucket.start for bucket in buckets] == [MONDAY + timedelta(hours=n) for n in range(4)]
    assert all(bucket.end - bucket.start == timedelta(hours=1) for bucket in buckets)


def test_rows_outside_the_span_are_left_out_and_rows_of_one_hour_add() -> None:
    rows = [row(f"2026-01-05T{hour:02}:00:00.000Z") for hour in (0, 1, 1, 2)]
    (bucket,) = hourly(rows, MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2))
    assert bucket.counts == Counts(8, 6, 2, 20, 2)


def test_a_mean_is_over_what_was_timed() -> None:
    """Durations of 10 ms and unknown have a mean of 10 ms, not of 5."""
    assert Counts(2, 2, 0, 10, 1).mean_duration_seconds == 0.010
    assert Counts(2, 2, 0, 0, 0).mean_duration_seconds is None


@pytest.mark.parametrize("timestamp", ["2026-01-05T00:30:00.000Z", "2026-01-05T00:00:00", "yesterday"])
def test_rows_that_begin_on_no_hour_are_refused(timestamp: str) -> None:
    with pytest.raises(InvalidInput):
        hourly([row(timestamp)], MONDAY, MONDAY + timedelta(hours=1))


@pytest.mark.parametrize("start", [MONDAY.replace(tzinfo=None), MONDAY.replace(minute=1)])
def test_spans_that_begin_on_no_hour_are_refused(start: datetime) -> None:
    with pytest.raises(InvalidInput, match="start"):
        hourly([], start, MONDAY + timedelta(hours=2))


def test_rows_are_parted_by_skill() -> None:
    other = row("2026-01-05T00:00:00.000Z") | {"skill_name": "ruff-check"}
    parted = by_skill([row("2026-01-05T00:00:00.000Z"), other, row("2026-01-05T01:00:00.000Z")])
    assert {name: len(rows) for name, rows in parted.items()} == {"pytest-run": 2, "ruff-check": 1}


@settings(deadline=None)
@given(st.lists(any_counts(), max_size=400), st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]))
def test_sums_survive_every_roll_up(counts: list[Counts], zone: str) -> None:
    buckets = hours(counts, datetime(2026, 3, 6, 5, tzinfo=UTC))
    total = sum(counts, Counts())
    for grain in Grain:
        rolled = rolled_up(buckets, grain, zone)
        assert sum((bucket.counts for bucket in rolled), Counts()) == total
        assert all(one.end == other.start for one, other in pairwise(rolled))


def test_rates_are_of_sums_not_means_of_rates() -> None:
    (day,) = rolled_up(hours([outcomes(1, 0), outcomes(0, 99)]), Grain.DAY)
    assert day.counts.completion_rate == 0.01


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-10-26", 24),
        ("America/New_York", "2026-03-08", 23),
        ("America/Havana", "2026-03-08", 23),  # clocks skip midnight itself
    ],
)
def test_days_have_the_hours_that_clocks_give_them(zone: str, day: str, length: int) -> None:
    place = ZoneInfo(zone)
    around = datetime.fromisoformat(day).replace(tzinfo=UTC)
    counted = rolled_up(hours([outcomes(1, 0)] * 72, around - timedelta(hours=24)), Grain.DAY, zone)
    (bucket,) = [each for each in counted if each.start.astimezone(place).date().isoformat() == day]
    assert bucket.end - bucket.start == timedelta(hours=length)
    assert bucket.counts.invocations == length


def test_a_week_begins_on_monday_and_has_the_hours_clocks_give_it() -> None:
    start = datetime(2026, 3, 22, 23, tzinfo=UTC)  # Monday, midnight, in Berlin
    weeks = rolled_up(hours([outcomes(1, 0)] * 24 * 14, start), Grain.WEEK, "Europe/Berlin")
    assert [week.counts.invocations for week in weeks[:2]] == [167, 168]
    assert weeks[0].start == start


def test_a_day_without_hours_is_there() -> None:
    gappy = [*hours([outcomes(1, 0)]), *hours([outcomes(1, 0)], MONDAY + timedelta(days=2))]
    assert [day.counts for day in rolled_up(gappy, Grain.DAY)] == [outcomes(1, 0), Counts(), outcomes(1, 0)]


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_zones_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        zone_named(name)


def test_hours_of_the_week_follow_the_clock_of_the_zone() -> None:
    assert hour_of_week(MONDAY, ZoneInfo("UTC")) == 0
    assert hour_of_week(MONDAY, ZoneInfo("America/New_York")) == 6 * 24 + 19
    assert hour_of_week(MONDAY - timedelta(hours=1), ZoneInfo("UTC")) == 167
