"""The limits of a band and what a detector calls an anomaly are the same thing."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from bench.detectors import hours_of_skill
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.limits import Verdict, calm_range, verdicts
from session_buddy.monitoring.panel import DETECTORS, new_detector
from session_buddy.monitoring.series import Bucket, Counts, Grain, rolled_up
from session_buddy.monitoring.settings import WatchSettings
from tests.monitoring.making import MONDAY, hours, outcomes

WARM = 24 * 21
LONG_AGO = MONDAY
WITH_BANDS = ("evidence", "zscore")


def always(_: datetime) -> datetime:
    return LONG_AGO


def faulty(seed: int, *, peak: float = 20, days: int = 35) -> list[Bucket]:
    """Four weeks as ever, then faults of some hours, some days and none."""
    history = hours_of_skill(seed, days, peak=peak, rate=0.85)
    bad = [*range(WARM + 10, WARM + 16), *range(WARM + 80, WARM + 110), WARM + 160]
    return [
        bucket if place not in bad else Bucket(bucket.start, bucket.end, half_failed(bucket.counts))
        for place, bucket in enumerate(history)
    ]


def half_failed(counts: Counts) -> Counts:
    return outcomes(counts.completed // 2, counts.failed + counts.completed - counts.completed // 2)


def judged(grain: Grain, history: list[Bucket], detector: str = "evidence") -> list[tuple[Bucket, Verdict]]:
    shown = [bucket for bucket in rolled_up(history, grain) if bucket.end > history[WARM].start]
    found = verdicts(shown, history, WatchSettings(detector=detector), begins=always)
    return list(zip(shown, found, strict=True))


def is_outside(bucket: Bucket, verdict: Verdict) -> bool:
    rate, limits = bucket.counts.completion_rate, verdict.limits
    return rate is not None and limits is not None and beyond(rate, limits)


def beyond(rate: float, limits: tuple[float, float]) -> bool:
    """0 and 1 are no limits."""
    low, high = limits
    return (low > 0 and rate <= low) or (high < 1 and rate >= high)


@pytest.mark.parametrize("detector", WITH_BANDS)
@pytest.mark.parametrize("seed", range(4))
def test_an_hour_outside_is_an_anomaly_and_an_anomaly_is_outside(seed: int, detector: str) -> None:
    found = judged(Grain.HOUR, faulty(seed), detector)
    assert sum(is_outside(*each) for each in found) >= 3
    for bucket, verdict in found:
        if verdict.limits:
            assert is_outside(bucket, verdict) == verdict.anomalous, bucket


@pytest.mark.parametrize("name", WITH_BANDS)
def test_limits_are_where_other_outcomes_of_the_hour_would_have_been_an_anomaly(name: str) -> None:
    detector = new_detector(name, Metric.COMPLETION_RATE)
    tried = 0
    for place, bucket in enumerate(faulty(7)):
        before = detector.state()
        _, outlook = detector.observe_with_outlook(bucket)
        uses, limits = bucket.counts.outcomes, calm_range([outlook] if outlook else [], bucket.counts)
        if place < WARM or limits is None or uses < 5:
            continue
        tried += 1
        for completed in range(uses + 1):
            other = type(detector).restored(before)
            reading = other.observe(Bucket(bucket.start, bucket.end, outcomes(completed, uses - completed)))
            assert (reading.anomaly_type is not None) == beyond(completed / uses, limits)
    assert tried > 50


@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK])
@pytest.mark.parametrize("seed", range(6))
def test_a_longer_bucket_outside_always_holds_an_anomaly(seed: int, grain: Grain) -> None:
    history = faulty(seed, days=49)
    found = judged(grain, history)
    assert any(verdict.limits for _, verdict in found)
    hourly = judged(Grain.HOUR, history)
    for bucket, verdict in found:
        assert verdict.anomalous or not is_outside(bucket, verdict)
        inside = [each for each in hourly if bucket.start <= each[0].start < bucket.end]
        assert verdict.anomalous == any(hour.anomalous for _, hour in inside)


def test_a_day_of_failures_is_outside_and_a_good_one_is_not() -> None:
    history = faulty(1)
    days = dict(
        (bucket.start - MONDAY, (bucket.counts.completion_rate, verdict))
        for bucket, verdict in judged(Grain.DAY, history)
    )
    (bad, of_bad), (good, of_good) = days[timedelta(days=24)], days[timedelta(days=22)]
    assert of_bad.anomalous and of_bad.limits and bad is not None and bad < of_bad.limits[0]
    assert not of_good.anomalous and of_good.limits and good is not None and good > of_good.limits[0]


def test_few_outcomes_have_no_limits() -> None:
    history = [*faulty(2)[:WARM], *hours([outcomes(0, 1)], MONDAY + WARM * timedelta(hours=1))]
    assert judged(Grain.HOUR, history)[-1][1] == Verdict()


def test_novelty_tells_no_limits_and_finds_anomalies() -> None:
    found = judged(Grain.HOUR, faulty(3), "novelty")
    assert {verdict.limits for _, verdict in found} == {None}
    assert any(verdict.anomalous for _, verdict in found)


def test_zscore_adds_no_hours_up() -> None:
    for day, verdict in judged(Grain.DAY, faulty(3), "zscore"):
        assert verdict.limits is None or not is_outside(day, verdict) or verdict.anomalous
        assert verdict.limits is None or day.start.weekday() >= 5  # when but one hour has outcomes enough


def test_each_hour_is_judged_by_a_detector_that_began_when_the_watch_would() -> None:
    """From the second week on another beginning counts: what was before it is not known."""
    history = faulty(4)
    moves = MONDAY + timedelta(days=27, hours=5)

    def begins(until: datetime) -> datetime:
        return MONDAY if until < moves else moves - timedelta(days=9)

    shown = history[WARM:]
    found = verdicts(shown, history, WatchSettings(), begins=begins)
    for start in (MONDAY, moves - timedelta(days=9)):
        alone = verdicts(shown, history, WatchSettings(), begins=lambda _, start=start: start)  # type: ignore[misc]
        same = [one == other for one, other, hour in zip(found, alone, shown, strict=True) if begins(hour.end) == start]
        assert same and all(same)
    assert found != verdicts(shown, history, WatchSettings(), begins=always)


def test_hours_before_the_beginning_are_not_judged() -> None:
    history = faulty(5)
    found = verdicts(history, history, WatchSettings(), begins=lambda _: history[WARM].start)
    assert set(found[:WARM]) == {Verdict()}


def test_nothing_to_judge() -> None:
    assert verdicts([], faulty(1), WatchSettings(), begins=always) == []
    assert verdicts(faulty(1)[:3], [], WatchSettings(), begins=always) == [Verdict()] * 3


def test_days_whose_hours_are_not_those_of_utc_hold_the_hours_that_begin_in_them() -> None:
    history = faulty(6)
    shown = rolled_up(history, Grain.DAY, "Asia/Kolkata")
    found = verdicts(shown, history, WatchSettings(), begins=always)
    hourly = verdicts(history, history, WatchSettings(), begins=always)
    for bucket, verdict in zip(shown, found, strict=True):
        inside = [
            one.anomalous for one, hour in zip(hourly, history, strict=True) if bucket.start <= hour.start < bucket.end
        ]
        assert verdict.anomalous == any(inside)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(WARM, 24 * 34), st.integers(2, 20))
def test_limits_do_not_depend_on_what_comes_later(seed: int, place: int, more: int) -> None:
    history = faulty(seed)
    assume(history[place].counts.outcomes)
    short = judged(Grain.HOUR, history[: place + 1])
    assert judged(Grain.HOUR, history[: place + more])[: len(short)] == short


def test_all_detectors_are_tried() -> None:
    assert {*WITH_BANDS, "novelty"} == set(DETECTORS)
    assert all(one.end == two.start for one, two in pairwise(faulty(1)))


def test_hours_without_outcomes_are_no_anomaly_though_one_goes_on() -> None:
    """After a bad evening, the night and a day without use."""
    history = hours_of_skill(8, 35, peak=20, rate=0.85)
    evening = range(WARM + 15, WARM + 21)
    for place in range(WARM + 15, len(history)):
        bucket = history[place]
        counts = half_failed(bucket.counts) if place in evening else Counts()
        history[place] = Bucket(bucket.start, bucket.end, counts)
    by_day = judged(Grain.DAY, history)
    assert [bucket.start - MONDAY for bucket, verdict in by_day if verdict.anomalous] == [timedelta(days=21)]
