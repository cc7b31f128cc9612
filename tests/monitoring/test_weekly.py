from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind
from statsmodels.stats.proportion import confint_proportions_2indep

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.series import Counts
from session_buddy.monitoring.trend import Direction
from session_buddy.monitoring.weekly import week_over_week
from tests.monitoring.making import days, outcomes


def test_rates_compare_with_newcombes_interval() -> None:
    change = week_over_week(days([*[outcomes(8, 2)] * 7, *[outcomes(5, 6)] * 7]), Metric.COMPLETION_RATE)
    low, high = confint_proportions_2indep(35, 77, 56, 70, compare="diff", method="newcomb")
    assert change.change == pytest.approx(35 / 77 - 0.8)
    assert (change.low, change.high) == (pytest.approx(low), pytest.approx(high))
    assert change.direction is Direction.DECLINING


def test_only_the_last_two_weeks_count() -> None:
    recent = [*[outcomes(8, 2)] * 7, *[outcomes(5, 6)] * 7]
    assert week_over_week(days([*[outcomes(0, 500)] * 9, *recent]), Metric.COMPLETION_RATE) == week_over_week(
        days(recent), Metric.COMPLETION_RATE
    )


@pytest.mark.parametrize("metric", Metric)
def test_too_little_is_said_in_words(metric: Metric) -> None:
    for counts in ([outcomes(8, 2)] * 13, [Counts()] * 14, [*[outcomes(9, 1)] * 7, *[Counts()] * 7]):
        change = week_over_week(days(counts), metric)
        assert change.change is None and change.direction is None
        assert change.reason.startswith("Not enough data")


def test_a_volume_of_half_is_minus_half_and_neither_better_nor_worse() -> None:
    change = week_over_week(days([*[outcomes(40, 0)] * 7, *[outcomes(20, 0)] * 7]), Metric.VOLUME)
    assert change.change == pytest.approx(-0.5)
    assert change.low is not None and change.high is not None and change.low < -0.5 < change.high < 0
    assert change.direction is None


def test_days_that_scatter_widen_the_interval_of_volume_and_a_weekend_does_not() -> None:
    working = [50, 50, 50, 50, 50, 0, 0]
    scattered = [90, 10, 80, 5, 65, 0, 0]
    even = week_over_week(days([outcomes(n, 0) for n in working + working]), Metric.VOLUME)
    wild = week_over_week(days([outcomes(n, 0) for n in working + scattered]), Metric.VOLUME)
    assert even.high is not None and wild.high is not None
    assert even.high < 0.25 < 1 < wild.high


def test_durations_compare_by_welch_on_logs() -> None:
    before, after = [1.0, 1.2, 0.9, 1.1, 1.0, 1.3, 0.8], [2.0, 2.2, 2.1, 1.9, 2.4, 2.0, 1.8]
    change = week_over_week(days([outcomes(10, 0, seconds) for seconds in before + after]), Metric.DURATION)
    oracle = ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(0.95)
    assert change.low == pytest.approx(np.exp(oracle.low) - 1)
    assert change.high == pytest.approx(np.exp(oracle.high) - 1)
    assert change.direction is Direction.DECLINING
