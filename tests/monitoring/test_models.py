"""The distributions, against scipy's."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binom, nbinom, norm

from session_buddy.monitoring.cusum import Cusum, Spread, Temper
from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.models import MODELS
from session_buddy.monitoring.series import Counts
from session_buddy.monitoring.shift import Day, find_shift

RATE, VOLUME, DURATION = MODELS[Metric.COMPLETION_RATE], MODELS[Metric.VOLUME], MODELS[Metric.DURATION]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.3, 0.97))
def test_evidence_of_a_rate_is_a_binomial_likelihood_ratio(completed: int, failed: int, rate: float) -> None:
    total = completed + failed
    drop, _ = RATE.evidence(completed, total, rate, 0.0, 0.0)
    odds = exp(log(rate / (1 - rate)) - 1.2)
    fallen = min(odds / (1 + odds), max(rate - 0.1, rate / 2))
    assert drop == pytest.approx(
        binom.logpmf(completed, total, fallen) - binom.logpmf(completed, total, rate), abs=1e-9
    )


@settings(deadline=None)
@given(st.integers(0, 300), st.floats(0.1, 100), st.floats(0.05, 2))
def test_evidence_of_a_volume_is_a_negative_binomial_likelihood_ratio(uses: int, mean: float, spread: float) -> None:
    drop, spike = VOLUME.evidence(uses, 1.0, mean, spread, 0.0)
    size = 1 / spread

    def logpmf(of: float) -> float:
        return float(nbinom.logpmf(uses, size, size / (size + of)))

    assert drop == pytest.approx(min(2.0, logpmf(mean / 3) - logpmf(mean)), abs=1e-6)
    assert spike == pytest.approx(min(2.0, logpmf(mean * 3) - logpmf(mean)), abs=1e-6)


@settings(deadline=None)
@given(st.floats(-3, 3), st.floats(0.5, 19), st.floats(0.1, 3))
def test_evidence_of_a_duration_is_a_normal_likelihood_ratio(off: float, weight: float, spread: float) -> None:
    _, spike = DURATION.evidence((1.0 + off) * weight, weight, 1.0, spread, 0.0)
    error = (spread / weight) ** 0.5
    ratio = norm.logpdf(off, log(2), error) - norm.logpdf(off, 0, error)
    assert spike == pytest.approx(min(2.0, float(ratio)), abs=1e-9)


@pytest.mark.parametrize("metric", Metric)
def test_doubt_of_the_baseline_weakens_evidence(metric: Metric) -> None:
    amount, exposure, mean = {
        Metric.COMPLETION_RATE: (8.0, 20.0, 0.8),
        Metric.VOLUME: (6.0, 1.0, 20.0),
        Metric.DURATION: (-4.0, 10.0, 0.0),
    }[metric]
    sure, _ = MODELS[metric].evidence(amount, exposure, mean, 1.0, 0.0)
    unsure, _ = MODELS[metric].evidence(amount, exposure, mean, 1.0, 0.1 * (1 + mean))
    assert unsure < sure


@settings(deadline=None)
@given(st.floats(0.05, 80), st.floats(0.05, 1))
def test_the_band_of_volume_holds_about_99_in_100(mean: float, spread: float) -> None:
    low, high = VOLUME.band(mean, 1.0, spread)
    size = 1 / spread
    inside = nbinom.cdf(high, size, size / (size + mean)) - nbinom.cdf(low - 1e-9, size, size / (size + mean))
    assert inside > 0.95


@pytest.mark.parametrize(("rate", "total"), [(0.9, 20), (0.7, 50), (0.98, 200)])
def test_the_band_of_a_rate_holds_about_99_in_100(rate: float, total: int) -> None:
    low, high = RATE.band(rate, total, 0.0)
    inside = sum(binom.pmf(k, total, rate) for k in range(total + 1) if low <= k / total <= high)
    assert inside > 0.975


def test_a_duration_too_short_to_measure_is_no_error_and_none_is_no_measure() -> None:
    assert DURATION.measure(Counts(3, 3, 0, 0, 3))[1] > 0
    assert DURATION.measure(Counts(3, 3, 0, 0, 0)) == (0.0, 0.0)


def test_a_cusum_rests_at_zero_rises_is_capped_and_drains() -> None:
    cusum = Cusum(4.0)
    cusum.add(-3.0, 10, 9, 9, 1)
    assert cusum.level == 0 and cusum.score == 0 and cusum.hours == 0
    for _ in range(50):
        cusum.add(1.0, 10, 4, 9, 1)
    assert cusum.level == 1.5 and cusum.hours == 50
    assert cusum.score == pytest.approx(-5 * 50 / 50**0.5)
    for _ in range(3):
        cusum.add(-2.0, 10, 9, 9, 1)
    assert cusum.level == 0 and cusum.exposure == 0


def test_a_spread_begins_at_its_prior_and_never_falls_below_its_least() -> None:
    spread = Spread(prior=2.0, prior_weight=10.0, keep=1.0, least=1.0)
    assert spread.value == 2.0
    for _ in range(1000):
        spread.learn(0.1, 1.0)
    assert spread.value == 1.0
    for _ in range(10_000):
        spread.learn(7.0, 1.0)
    assert spread.value == pytest.approx(7.0, rel=0.15)


@settings(deadline=None)
@given(st.floats(0.05, 0.95), st.integers(2, 200), st.floats(0.01, 0.5))
def test_the_variance_of_a_rate_is_that_of_a_beta_binomial(rate: float, total: int, correlation: float) -> None:
    sure = 1 / correlation - 1
    expected = betabinom.var(total, rate * sure, (1 - rate) * sure)
    assert RATE.variance(rate, total, correlation) == pytest.approx(expected, rel=1e-6)


def test_the_correlation_of_outcomes_is_learned_from_their_scatter() -> None:
    random = np.random.default_rng(3)
    for correlation in (0.0, 0.15):
        spread = RATE.spread()
        for _ in range(3000):
            rate = random.beta(0.8 * (1 / 0.15 - 1), 0.2 * (1 / 0.15 - 1)) if correlation else 0.8
            total = int(random.integers(2, 30))
            spread.learn(*RATE.scatter(float(random.binomial(total, rate)), float(total), 0.8, spread.value))
        assert spread.value == pytest.approx(correlation, abs=0.04)


def test_evidence_that_is_worth_what_it_says_is_taken_as_it_is() -> None:
    """A likelihood ratio has a mean of 1 where nothing changed: here of 20 outcomes a day, 90 % against 73 %."""
    random, temper = np.random.default_rng(4), Temper()
    for completed in random.binomial(20, 0.9, 300):
        temper.learn(float(binom.logpmf(completed, 20, 0.73) - binom.logpmf(completed, 20, 0.9)))
        assert temper.divisor <= 1.25


def test_one_bad_day_dulls_nothing_and_every_fifth_does() -> None:
    once, often = Temper(), Temper()
    for day in range(60):
        once.learn(20.0 if day == 30 else -5.0)
        often.learn(20.0 if day % 5 == 0 else -5.0)
        assert once.divisor == 1.0
    assert often.divisor == 3.2


def test_a_change_point_is_found_where_it_is() -> None:
    days = [Day(0.01 * (-1) ** n, 1000.0) for n in range(12)] + [Day(-0.2 + 0.01 * (-1) ** n, 1000.0) for n in range(4)]
    shift = find_shift(days, 0.07)
    assert shift is not None and shift.first == 12
    assert shift.before == pytest.approx(0.0) and shift.after == pytest.approx(-0.2)
    assert shift.score < 0


@pytest.mark.parametrize(
    "days",
    [
        [],
        [Day(0.0, 1000.0)] * 28,
        [Day(0.0, 1000.0)] * 12 + [Day(-0.2, 1000.0)] * 2,  # two days do not last
        [Day(0.0, 1000.0)] * 5 + [Day(-0.2, 1000.0)] * 5,  # five days are no baseline
        [Day(0.0, 1e9)] * 12 + [Day(-0.01, 1e9)] * 8,  # clear, and too small to matter
        [Day(0.0, 1.0)] * 12 + [Day(-0.2, 1.0)] * 8,  # large, and not clear
        [Day(0.3 * (-1) ** n, 1e4) for n in range(12)] + [Day(-0.2 + 0.3 * (-1) ** n, 1e4) for n in range(8)],
        [Day(0.0, 0.0)] * 28,
    ],
)
def test_what_is_no_lasting_change_is_none(days: list[Day]) -> None:
    assert find_shift(days, 0.07) is None
