"""What every detector guarantees, tried on every detector and metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import msgspec
import numpy as np
import pytest
from bench.detectors import hours_of_skill
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.detector import Detector, Metric, Reading, Severity
from session_buddy.monitoring.incidents import IncidentTracker
from session_buddy.monitoring.panel import DETECTORS, new_detector
from session_buddy.monitoring.series import Bucket, Counts
from tests.monitoring.making import MONDAY, any_counts, hours, outcomes

New = Callable[[], Detector]


@pytest.fixture(params=list(DETECTORS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(Metric))
def new(name: str, request: pytest.FixtureRequest) -> New:
    return lambda: new_detector(name, request.param)


def _with(bucket: Bucket, counts: Counts) -> Bucket:
    return Bucket(bucket.start, bucket.end, counts)


def _obvious(metric: Metric, usual: Counts) -> Counts:
    """Return an hour that nobody would call usual."""
    if metric is Metric.COMPLETION_RATE:
        return outcomes(0, max(40, usual.invocations))
    if metric is Metric.VOLUME:
        return outcomes(40 * (usual.invocations + 10), 0)
    return outcomes(30, 0, seconds=5_000)


def test_an_obvious_anomaly_scores_above_the_usual(new: New) -> None:
    """Area under the ROC curve of 0.9; 0.5 would be chance."""
    detector = new()
    history = hours_of_skill(3, 40, peak=30, rate=0.9)
    strange = {at for at in range(24 * 30 + 10, len(history), 53) if history[at].counts.invocations >= 10}
    levels: dict[bool, list[float]] = {True: [], False: []}
    for number, bucket in enumerate(history):
        if number in strange:
            bucket = _with(bucket, _obvious(detector.metric, bucket.counts))
        reading = detector.observe(bucket)
        if number >= 24 * 30 and reading.has_enough_data:
            levels[number in strange].append(abs(reading.score or 0.0))
    assert len(levels[True]) >= 2 and len(levels[False]) >= 20
    above = np.mean([odd > usual for odd in levels[True] for usual in levels[False]])
    assert above > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_a_brief_look_finds_the_same(new: New, seed: int) -> None:
    """Over calm weeks, faults that open and resolve, a new level, and hours without use."""
    history = hours_of_skill(seed, 60, peak=12, rate=0.9, drop_at=24 * 50)
    usual = history[24 * 30 + 11].counts
    for at in (*range(24 * 30, 24 * 30 + 9), *range(24 * 40, 24 * 41)):
        history[at] = _with(history[at], _obvious(new().metric, usual))
    one, two = new(), new()
    trackers, brief_trackers = IncidentTracker(), IncidentTracker()
    incidents = 0
    for bucket in history:
        full, brief = one.observe(bucket), two.observe_briefly(bucket)
        found = trackers.follow(full)
        incidents += len(found)
        assert brief_trackers.follow(brief) == found
        assert (brief.metric, brief.at, brief.observed) == (full.metric, full.at, full.observed)
        if full.observed is not None:
            assert (brief.anomaly_type, brief.level) == (full.anomaly_type, full.level)
            assert brief.has_enough_data == full.has_enough_data
            assert full.anomaly_type is None or brief == full
    assert one.state() == two.state()
    assert incidents >= 2


def test_the_future_never_changes_past_readings(new: New) -> None:
    history = hours_of_skill(1, 20)
    cut = 24 * 17 + 11
    other = [*history[:cut], *hours([outcomes(0, 500, 9_000)] * (len(history) - cut), history[cut].start)]
    one, two = new(), new()
    readings = [one.observe(bucket) for bucket in history], [two.observe(bucket) for bucket in other]
    assert readings[0][:cut] == readings[1][:cut]
    assert readings[0][cut:] != readings[1][cut:]


def test_the_observed_hour_is_no_part_of_its_own_baseline(new: New) -> None:
    """What is expected of an hour is the same, whatever the hour turns out to be."""
    history = hours_of_skill(2, 20, peak=30)
    at = 24 * 18 + 11
    expected = set()
    for counts in (history[at].counts, outcomes(30, 0, 0.5), outcomes(0, 30, 900)):
        detector = new()
        for bucket in history[:at]:
            detector.observe(bucket)
        reading = detector.observe(_with(history[at], counts))
        if detector.name != "novelty":  # which names the explanation nearest to the value
            expected.add(reading.expected)
    assert len(expected) <= 1


@pytest.mark.parametrize("cut", [0, 1, 30, 24 * 18 + 12])
def test_state_survives_json_exactly(new: New, cut: int) -> None:
    history = hours_of_skill(4, 24, drop_at=24 * 18 + 10)
    whole = new()
    for bucket in history[:cut]:
        whole.observe(bucket)
    restored = type(whole).restored(json.loads(json.dumps(whole.state())))
    assert restored.state() == whole.state()
    assert restored.metric is whole.metric
    assert [whole.observe(bucket) for bucket in history[cut:]] == [restored.observe(bucket) for bucket in history[cut:]]
    assert restored.state() == whole.state()


def test_two_detectors_say_the_same(new: New) -> None:
    history = hours_of_skill(5, 18)
    one, two = new(), new()
    assert [one.observe(bucket) for bucket in history] == [two.observe(bucket) for bucket in history]


def test_memory_does_not_grow_with_history(new: New) -> None:
    detector, sizes = new(), []
    for number, bucket in enumerate(hours_of_skill(6, 90)):
        detector.observe(bucket)
        if number % (24 * 30) == 24 * 30 - 1:
            sizes.append(len(json.dumps(detector.state())))
    assert sizes[2] < 1.1 * sizes[1]
    assert max(sizes) < 40_000


def test_it_says_not_enough_data_at_first_and_then_no_longer(new: New) -> None:
    detector = new()
    first, *_, last = [detector.observe(bucket) for bucket in hours([outcomes(18, 2)] * (24 * 21))]
    assert not first.has_enough_data and first.anomaly_type is None and first.level == 0
    assert first.reason.startswith("Not enough data: ")
    assert last.has_enough_data and last.anomaly_type is None


def test_hours_out_of_order_are_refused(new: New) -> None:
    detector = new()
    bucket, following = hours([outcomes(5, 5)] * 2)
    detector.observe(bucket)
    for wrong in (bucket, Bucket(following.end, following.end + timedelta(hours=1))):
        with pytest.raises(InvalidInput, match="follow"):
            detector.observe(wrong)
    detector.observe(following)


@given(st.lists(any_counts(), min_size=1, max_size=60), st.integers(0, 3), st.sampled_from(list(DETECTORS)))
@settings(deadline=None)
def test_whatever_comes_readings_are_sound(counts: list[Counts], repeat: int, name: str) -> None:
    for metric in Metric:
        detector = new_detector(name, metric)
        for bucket in hours(counts * (1 + 5 * repeat)):
            _check(detector.observe(bucket))
        json.dumps(detector.state(), allow_nan=False)


def _check(reading: Reading) -> None:
    json.loads(msgspec.json.encode(reading))
    numbers = (reading.observed, reading.expected, reading.low, reading.high, reading.score, reading.level)
    assert all(number is None or np.isfinite(number) for number in numbers)
    assert (reading.anomaly_type is not None) == (reading.level >= 1) == (reading.severity is not None)
    if reading.low is not None and reading.high is not None:
        assert 0 <= reading.low <= reading.high
        assert reading.metric is not Metric.COMPLETION_RATE or reading.high <= 1
    assert reading.reason.endswith(".")
    if not reading.has_enough_data:
        assert reading.level == 0 and reading.expected is None


def test_the_reading_of_an_hour_comes_when_the_hour_is_over(new: New) -> None:
    (bucket,) = hours([outcomes(1, 1)])
    assert new().observe(bucket).at == MONDAY + timedelta(hours=1)


def test_severities_are_ordered_from_least_to_worst() -> None:
    assert list(Severity) == [Severity.INFO, Severity.WARNING, Severity.CRITICAL]


def test_an_unknown_detector_or_a_threshold_it_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zscore"):
        new_detector("oracle", Metric.VOLUME)
    for detector, threshold in (("evidence", 2.0), ("zscore", 0.0), ("novelty", -1.0)):
        with pytest.raises(InvalidInput, match="threshold"):
            new_detector(detector, Metric.VOLUME, threshold=threshold)
