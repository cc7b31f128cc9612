from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from bench.detectors import DROP_AT, hours_of_skill, hours_until_found

from session_buddy.monitoring.detector import AnomalyType, Metric, Reading, Severity
from session_buddy.monitoring.evidence import EvidenceDetector
from session_buddy.monitoring.series import Bucket, Counts
from tests.monitoring.making import MONDAY, alarms, hours, outcomes


def watched(metric: Metric, buckets: list[Bucket], zone: str = "UTC") -> list[Reading]:
    detector = EvidenceDetector(metric, zone)
    return [detector.observe(bucket) for bucket in buckets]


def working_week(by_day: Counts, weeks: int) -> list[Counts]:
    """Use from nine to six on weekdays, and none at night and on weekends."""
    return [by_day if at % 24 in range(9, 18) and at // 24 % 7 < 5 else Counts() for at in range(weeks * 168)]


def test_one_hour_of_nothing_among_four_is_a_drop() -> None:
    last = watched(Metric.COMPLETION_RATE, hours([outcomes(20, 0)] * 3 + [outcomes(0, 20)]))[-1]
    assert last.anomaly_type is AnomalyType.DROP and last.severity is Severity.CRITICAL
    assert last.observed == 0.0 and last.expected is not None and last.expected > 0.95
    assert last.reason == "Success fell to 0 % over this hour; 99 % is usual."


def test_a_failure_among_few_is_no_drop_and_many_hours_of_them_are() -> None:
    calm = [outcomes(3, 0), outcomes(2, 1), outcomes(3, 0)] * 60
    one_bad = watched(Metric.COMPLETION_RATE, hours([*calm, outcomes(0, 3), *calm[:6]]))
    assert not alarms(one_bad)
    readings = watched(Metric.COMPLETION_RATE, hours([*calm, *[outcomes(1, 2), outcomes(0, 3)] * 6]))
    first = alarms(readings)[0]
    assert first.hours > 1 and first.hours_observed is not None and first.hours_observed < 0.4
    assert f"over the last {first.hours} hours" in first.reason


def test_a_drop_of_thirty_points_is_found_within_two_hours() -> None:
    took = [hours_until_found("evidence", seed, 0.9) for seed in range(40)]
    assert sum(hours is not None and hours <= 2 for hours in took) >= 34
    assert all(hours is not None for hours in took)


@pytest.mark.long
def test_clean_skills_are_seldom_accused() -> None:
    months, accused = 0.0, 0
    for seed in range(12):
        for metric in Metric:
            accused += len(alarm_starts(watched(metric, hours_of_skill(500 + seed, 60))))
        months += 2
    assert accused <= months


def alarm_starts(readings: list[Reading]) -> list[Reading]:
    return [now for before, now in pairwise(readings) if now.level >= 1 > before.level]


@pytest.mark.parametrize("metric", Metric)
def test_nights_and_weekends_off_are_no_anomaly(metric: Metric) -> None:
    assert not alarms(watched(metric, hours(working_week(outcomes(18, 2), weeks=6))))


def test_silence_in_working_hours_is_a_drop_of_volume() -> None:
    week = working_week(outcomes(18, 2), weeks=4)
    silent = [*week, *[Counts()] * 24]
    found = alarms(watched(Metric.VOLUME, hours(silent)))
    assert found and found[0].anomaly_type is AnomalyType.DROP
    assert MONDAY + timedelta(weeks=4, hours=10) <= found[0].at <= MONDAY + timedelta(weeks=4, hours=14)
    assert found[-1].severity is Severity.CRITICAL


def test_working_hours_follow_the_clock_of_the_zone_through_a_change_of_clocks() -> None:
    """Berlin works from nine to six; in UTC its hours move when the clocks change on 29 March."""
    counts = []
    for number in range(168 * 13):
        utc = MONDAY + timedelta(hours=number)
        local = utc + timedelta(hours=1 if utc < MONDAY.replace(month=3, day=29, hour=1) else 2)
        counts.append(outcomes(30, 1) if local.weekday() < 5 and 9 <= local.hour < 18 else Counts())
    readings = watched(Metric.VOLUME, hours(counts), "Europe/Berlin")
    assert not alarms(readings)
    first_monday_of_summer = readings[12 * 168 : 12 * 168 + 24]
    assert first_monday_of_summer[0].at == MONDAY.replace(month=3, day=30, hour=1)
    expected = [reading.expected or 0 for reading in first_monday_of_summer]
    assert [hour for hour in range(24) if expected[hour] > 10] == list(range(7, 16))


def test_a_flood_is_a_spike_of_volume_and_one_busy_hour_is_none() -> None:
    week = working_week(outcomes(10, 0), weeks=4)
    busy = [*week[: 3 * 168 + 10], outcomes(60, 0), *week[3 * 168 + 11 :]]
    assert not alarms(watched(Metric.VOLUME, hours(busy)))
    flood = week[: 3 * 168 + 10] + [outcomes(100, 0)] * 6
    assert alarms(watched(Metric.VOLUME, hours(flood)))[0].anomaly_type is AnomalyType.SPIKE


def test_four_times_as_slow_is_a_critical_spike_of_duration() -> None:
    calm = hours_of_skill(8, 14, peak=20, rate=0.9)
    slow = [
        Bucket(
            b.start,
            b.end,
            Counts(
                b.counts.invocations,
                b.counts.completed,
                b.counts.failed,
                b.counts.duration_ms_sum * 5,
                b.counts.duration_count,
            ),
        )
        for b in hours_of_skill(8, 15, peak=20, rate=0.9)[14 * 24 :]
    ]
    found = alarms(watched(Metric.DURATION, [*calm, *slow]))
    assert found and found[0].anomaly_type is AnomalyType.SPIKE and found[0].at > calm[-1].end
    assert found[-1].severity is Severity.CRITICAL


def test_the_alarm_ends_within_hours_once_all_is_well() -> None:
    calm = [outcomes(18, 2)] * 100
    readings = watched(Metric.COMPLETION_RATE, hours([*calm, *[outcomes(5, 15)] * 12, *calm]))
    assert all(reading.level >= 1 for reading in readings[101:112])
    assert all(reading.level < 0.4 for reading in readings[116:])


def test_a_fault_of_a_day_does_not_become_the_baseline() -> None:
    calm = [outcomes(18, 2)] * 200
    readings = watched(Metric.COMPLETION_RATE, hours([*calm, *[outcomes(2, 18)] * 20, *[outcomes(18, 2)] * 12]))
    assert readings[-1].level < 0.2 and readings[-1].expected == pytest.approx(0.9, abs=0.02)


def test_a_new_level_that_lasts_is_a_pattern_shift_and_then_the_baseline() -> None:
    old, new = [outcomes(19, 1)] * 24 * 14, [outcomes(15, 5)] * 24 * 10
    readings = watched(Metric.COMPLETION_RATE, hours([*old, *new]))
    (shift,) = [each for each in readings if each.anomaly_type is AnomalyType.PATTERN_SHIFT]
    assert timedelta(days=17) <= shift.at - MONDAY <= timedelta(days=19)
    assert shift.score is not None and shift.score < 0
    after = [each for each in readings if each.at > shift.at]
    assert not alarms(after)
    assert after[-1].expected == pytest.approx(0.75, abs=0.03)


def test_growing_use_of_twice_as_much_becomes_the_baseline() -> None:
    readings = watched(Metric.VOLUME, hours([*working_week(outcomes(20, 0), 4), *working_week(outcomes(44, 0), 3)]))
    shifts = [each for each in readings if each.anomaly_type is AnomalyType.PATTERN_SHIFT]
    assert len(shifts) == 1 and shifts[0].severity is Severity.INFO
    noon = [each for each in readings if each.at - MONDAY == timedelta(weeks=6, hours=13)]
    assert noon[0].expected == pytest.approx(44, rel=0.25)


def test_the_baseline_gets_the_benefit_of_the_doubt() -> None:
    """After 30 outcomes at 100 %, an hour at 85 % is no proof; after 3,000 it is."""
    few = watched(Metric.COMPLETION_RATE, hours([outcomes(15, 0)] * 2 + [outcomes(17, 3)]))[-1]
    many = watched(Metric.COMPLETION_RATE, hours([outcomes(15, 0)] * 200 + [outcomes(17, 3)]))[-1]
    assert few.level < many.level


def test_outcomes_that_go_together_count_less() -> None:
    """Hours of all or nothing: the same rate, and much less sure of it."""
    mixed = [outcomes(16, 4)] * 200
    together = [outcomes(20, 0)] * 160
    for at in range(0, 200, 5):
        together.insert(at, outcomes(0, 20))
    bad = [outcomes(10, 10)]
    even = watched(Metric.COMPLETION_RATE, hours([*mixed, *bad]))[-1]
    lumpy = watched(Metric.COMPLETION_RATE, hours([*together, *bad]))[-1]
    assert lumpy.level < even.level
    assert lumpy.low is not None and even.low is not None and lumpy.low < even.low


def test_the_band_holds_nearly_all_of_a_clean_skill() -> None:
    for metric in Metric:
        readings = [r for r in watched(metric, hours_of_skill(9, 60, peak=25, rate=0.85)) if r.low is not None]
        measured = [r for r in readings if r.observed is not None]
        inside = sum(r.low <= r.observed <= r.high for r in measured)  # type: ignore[operator]
        assert inside >= 0.96 * len(measured)


def test_a_drop_is_found_from_a_monday_at_ten() -> None:
    """The bench counts from there; were it a quiet hour, two hours would say nothing."""
    at = MONDAY + timedelta(hours=DROP_AT)
    assert (at.weekday(), at.hour) == (0, 10)
