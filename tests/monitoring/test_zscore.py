from __future__ import annotations

import statistics

import pytest

from session_buddy.monitoring.detector import AnomalyType, Metric, Severity
from session_buddy.monitoring.series import Counts
from session_buddy.monitoring.zscore import BASELINE_HOURS, ZScoreDetector
from tests.monitoring.making import hours, outcomes


def test_one_hour_of_nothing_among_four_is_an_anomaly() -> None:
    """With the hour in its own baseline, its z-score could never exceed 1.5."""
    detector = ZScoreDetector(Metric.COMPLETION_RATE)
    *_, last = [detector.observe(bucket) for bucket in hours([outcomes(20, 0)] * 3 + [outcomes(0, 20)])]
    assert last.anomaly_type is AnomalyType.DROP and last.severity is Severity.CRITICAL
    assert last.expected == 1.0 and last.observed == 0.0


def test_the_score_is_in_standard_deviations_of_the_seven_days_before() -> None:
    rates = [outcomes(n, 20 - n) for n in (18, 15, 17, 19, 12, 16)]
    detector = ZScoreDetector(Metric.COMPLETION_RATE)
    *_, last = [detector.observe(bucket) for bucket in hours([*rates, outcomes(9, 11)])]
    past = [each.completed / 20 for each in rates]
    assert last.score == pytest.approx((0.45 - statistics.mean(past)) / statistics.stdev(past))


def test_what_is_older_than_seven_days_is_forgotten() -> None:
    detector = ZScoreDetector(Metric.VOLUME)
    for bucket in hours([outcomes(500, 0)] * 50 + [outcomes(10, 0), outcomes(12, 0)] * (BASELINE_HOURS // 2)):
        reading = detector.observe(bucket)
    assert reading.expected is not None and reading.expected < 20
    assert len(detector.state()["values"]) == BASELINE_HOURS


@pytest.mark.parametrize(("threshold", "found"), [(2.0, True), (3.0, False)])
def test_the_threshold_is_two_unless_said_otherwise(threshold: float, found: bool) -> None:
    volumes = [8, 12] * 10
    reach = 2.5 * statistics.stdev(volumes)
    detector = ZScoreDetector(Metric.VOLUME, threshold)
    *_, last = [detector.observe(bucket) for bucket in hours([outcomes(n, 0) for n in [*volumes, round(10 + reach)]])]
    assert last.score == pytest.approx(2.5, abs=0.3)
    assert (last.anomaly_type is AnomalyType.SPIKE) == found
    assert ZScoreDetector(Metric.VOLUME).state()["threshold"] == 2.0


def test_counts_of_three_are_noise() -> None:
    detector = ZScoreDetector(Metric.COMPLETION_RATE)
    *_, last = [detector.observe(bucket) for bucket in hours([outcomes(20, 1)] * 30 + [outcomes(0, 3)])]
    assert not last.has_enough_data and "fewer than 5" in last.reason
    assert last.observed == 0.0


def test_silent_hours_say_nothing_of_rates_and_are_volumes_of_zero() -> None:
    silent = [Counts()] * 5
    rate, volume = ZScoreDetector(Metric.COMPLETION_RATE), ZScoreDetector(Metric.VOLUME)
    assert not [rate.observe(bucket) for bucket in hours([outcomes(5, 1)] * 5 + silent)][-1].has_enough_data
    assert [volume.observe(bucket) for bucket in hours([outcomes(5, 1)] * 5 + silent)][5].observed == 0.0


def test_slower_is_worse_and_a_better_rate_only_informs() -> None:
    slow = ZScoreDetector(Metric.DURATION)
    *_, last = [slow.observe(b) for b in hours([outcomes(9, 0, 1.0), outcomes(9, 0, 1.1)] * 4 + [outcomes(9, 0, 60)])]
    assert last.anomaly_type is AnomalyType.SPIKE and last.severity is Severity.CRITICAL
    better = ZScoreDetector(Metric.COMPLETION_RATE)
    *_, last = [better.observe(b) for b in hours([outcomes(9, 9), outcomes(10, 9)] * 4 + [outcomes(20, 0)])]
    assert last.severity is Severity.INFO
