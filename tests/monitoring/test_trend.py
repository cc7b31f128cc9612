from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from session_buddy.monitoring.series import Counts
from session_buddy.monitoring.trend import Direction, completion_trend
from tests.monitoring.making import days, outcomes


def test_four_single_successes_after_two_thousand_events_at_half_are_no_improvement() -> None:
    long = [outcomes(100, 100)] * 10
    lucky = [outcomes(1, 0)] * 4
    for gap in (0, 1, 30):
        trend = completion_trend(days([*long, *[Counts()] * gap, *lucky]))
        assert trend.direction is not Direction.IMPROVING
    assert completion_trend(days([outcomes(1000, 1000), *lucky])).direction is None


def test_from_all_to_nothing_is_declining() -> None:
    """The trend of 1.0 to 0.0 was once reported as +0.2."""
    falling = completion_trend(
        days([outcomes(20, 0), outcomes(15, 5), outcomes(10, 10), outcomes(5, 15), outcomes(0, 20)])
    )
    assert falling.direction is Direction.DECLINING
    assert falling.slope_per_day == pytest.approx(-0.25)
    rising = completion_trend(
        days([outcomes(0, 20), outcomes(5, 15), outcomes(10, 10), outcomes(15, 5), outcomes(20, 0)])
    )
    assert rising.direction is Direction.IMPROVING


def test_the_slope_is_that_of_weighted_least_squares() -> None:
    counts = [outcomes(30, 10), outcomes(12, 3), Counts(), outcomes(50, 50), outcomes(11, 20), outcomes(40, 41)]
    trend = completion_trend(days(counts))
    used = [(day, each) for day, each in enumerate(counts) if each.outcomes]
    weights = np.array([each.outcomes for _, each in used])
    fitted = sm.WLS(
        [each.completion_rate for _, each in used], sm.add_constant([float(day) for day, _ in used]), weights=weights
    ).fit()
    assert trend.slope_per_day == pytest.approx(fitted.params[1])


def test_the_interval_is_that_of_a_quasi_binomial_linear_model() -> None:
    counts = [outcomes(35, 5), outcomes(10, 30), outcomes(33, 7), outcomes(12, 28), outcomes(30, 10)]
    trend = completion_trend(days(counts))
    assert trend.slope_per_day is not None and trend.low is not None
    rates, numbers = np.array([each.completion_rate for each in counts]), np.arange(5.0)
    pooled = (sum(each.completed for each in counts) + 1) / (200 + 2)
    fitted = np.polyval(np.polyfit(numbers, rates, 1), numbers)
    widened = float(np.sum(40 * (rates - fitted) ** 2)) / (pooled * (1 - pooled)) / 3
    error = np.sqrt(widened * pooled * (1 - pooled) / (40 * 10))
    assert widened > 1
    assert trend.slope_per_day - trend.low == pytest.approx(t.ppf(0.975, 3) * error)


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ([], "0 outcomes"),
        ([outcomes(10, 9)], "19 outcomes"),
        ([outcomes(40, 40)], "1 points"),
        ([outcomes(40, 40), outcomes(30, 10), outcomes(9, 0)], "2 points"),
        ([Counts()] * 30, "0 outcomes"),
    ],
)
def test_too_little_is_said_in_words_and_has_no_number(counts: list[Counts], why: str) -> None:
    trend = completion_trend(days(counts))
    assert trend.slope_per_day is None and trend.direction is None
    assert trend.reason.startswith("Not enough data") and why in trend.reason


def test_an_unbroken_row_of_completions_is_steady_and_has_an_interval() -> None:
    trend = completion_trend(days([outcomes(20, 0)] * 7))
    assert trend.slope_per_day == 0 and trend.direction is Direction.UNCERTAIN
    assert trend.low is not None and trend.high is not None and trend.low < 0 < trend.high


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=30))
def test_swapping_completed_and_failed_turns_the_slope_round(pairs: list[tuple[int, int]]) -> None:
    one = completion_trend(days([outcomes(a, b) for a, b in pairs]))
    other = completion_trend(days([outcomes(b, a) for a, b in pairs]))
    if one.slope_per_day is None:
        assert other.slope_per_day is None
    else:
        assert other.slope_per_day == pytest.approx(-one.slope_per_day, abs=1e-12)


def test_chance_is_seldom_called_a_trend() -> None:
    random = np.random.default_rng(5)
    called = 0
    for _ in range(400):
        completed = random.binomial(20, 0.8, 14)
        trend = completion_trend(days([outcomes(int(c), 20 - int(c)) for c in completed]))
        called += trend.direction is not Direction.UNCERTAIN
    assert called <= 0.06 * 400
