"""Welch's test on sums: against scipy, gbstats, and a published experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from session_buddy.experiments.effects import Effect, Interval, difference, lift, pooled_z_test
from session_buddy.experiments.estimates import (
    Estimate,
    Unknown,
    adjusted_means,
    adjusted_ratios,
    mean,
    proportion,
    ratio,
)
from session_buddy.experiments.moments import Moments
from tests.experiments import making_arms as making

Known = TypeVar("Known", Estimate, Effect)
EXACT = {"rel": 1e-9, "abs": 1e-9}


def known(found: Known | Unknown) -> Known:
    assert not isinstance(found, Unknown), found
    return found


def arms(seed: int, n: int = 400) -> tuple[making.Array, making.Array]:
    rnd = np.random.default_rng(seed)
    return making.users(rnd, n, rate=0.6), making.users(rnd, n + 31, rate=0.65)


@given(st.integers(0, 2**32 - 1), st.integers(3, 300), st.integers(3, 300))
def test_welch_on_sums_is_what_scipy_finds_on_all_values(seed: int, n: int, m: int) -> None:
    rnd = np.random.default_rng(seed)
    control, treatment = rnd.random(n), rnd.random(m) * 2
    found = known(difference(known(mean(making.moments(control))), known(mean(making.moments(treatment)))))
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12, abs=1e-12)
    assert found.degrees == pytest.approx(expected.df, rel=1e-12)
    low, high = expected.confidence_interval(0.95)
    assert (found.interval(0.05).low, found.interval(0.05).high) == pytest.approx((low, high), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["mean", "proportion", "ratio", "adjusted"])
@pytest.mark.parametrize("way", ["absolute", "relative"])
def test_agreement_with_gbstats(seed: int, kind: str, way: str) -> None:
    ours, theirs = both_ways(seed, kind)
    found = known((difference if way == "absolute" else lift)(*ours))
    expected = TwoSidedTTest(*theirs, FrequentistConfig(alpha=0.05, difference_type=way)).compute_result()
    assert expected.error_message is None
    assert found.point == pytest.approx(expected.expected, **EXACT)
    assert found.p_value == pytest.approx(expected.p_value, **EXACT)
    interval = found.interval(0.05)
    assert (interval.low, interval.high) == pytest.approx(expected.ci, **EXACT)


def both_ways(seed: int, kind: str) -> tuple[tuple[Estimate, Estimate], tuple[object, object]]:
    """Return the estimates of two arms, and the oracle's statistics of the same."""
    one, other = arms(seed)
    if kind == "mean":
        rates = one[:, 0] / one[:, 1], other[:, 0] / other[:, 1]
        return tuple(known(mean(making.moments(r))) for r in rates), tuple(map(making.oracle_mean, rates))  # type: ignore[return-value]
    if kind == "proportion":
        counts = [(len(arm), int((arm[:, 0] > 3).sum())) for arm in (one, other)]
        return tuple(known(proportion(*c)) for c in counts), tuple(making.oracle_proportion(*c) for c in counts)  # type: ignore[return-value]
    if kind == "ratio":
        return (
            tuple(known(ratio(making.moments(a[:, 0], a[:, 1]))) for a in (one, other)),  # type: ignore[return-value]
            tuple(making.oracle_ratio(a[:, 0], a[:, 1]) for a in (one, other)),
        )
    pairs = [(a[:, 0] / a[:, 1], a[:, 2] / a[:, 3]) for a in (one, other)]
    found = adjusted_means(making.moments(*pairs[0]), making.moments(*pairs[1]))
    assert not isinstance(found, Unknown)
    return found, adjusted_by_oracle(pairs)


def adjusted_by_oracle(pairs: list[tuple[making.Array, making.Array]]) -> tuple[object, object]:
    from gbstats.models.statistics import compute_theta

    theta = compute_theta(*(making.oracle_adjusted(*pair) for pair in pairs))
    first, second = (making.oracle_adjusted(*pair, theta=theta) for pair in pairs)
    return first, second


def test_adjusting_cuts_the_variance_by_the_squared_correlation() -> None:
    rnd = np.random.default_rng(7)
    before = rnd.normal(size=(2, 4_000))
    after = 0.8 * before + 0.6 * rnd.normal(size=(2, 4_000))
    plain = [known(mean(making.moments(arm))) for arm in after]
    adjusted = adjusted_means(*(making.moments(*pair) for pair in zip(after, before, strict=True)))
    assert not isinstance(adjusted, Unknown)
    correlation = np.corrcoef(after.ravel(), before.ravel())[0, 1]
    kept = sum(arm.variance for arm in adjusted) / sum(arm.variance for arm in plain)
    assert kept == pytest.approx(1 - correlation**2, rel=0.01)


def test_a_ratio_is_adjusted_by_the_slope_that_leaves_least_variance() -> None:
    rnd = np.random.default_rng(11)
    one, other = (Moments.of(making.users(rnd, 3_000)) for _ in range(2))
    adjusted = adjusted_ratios(one, other)
    assert not isinstance(adjusted, Unknown)
    plain = [known(ratio(arm)) for arm in (one, other)]
    assert all(less.variance < 0.85 * full.variance for less, full in zip(adjusted, plain, strict=True))
    assert known(difference(*adjusted)).point == pytest.approx(known(difference(*plain)).point, abs=0.02)


def test_a_ratio_that_nothing_is_known_of_beforehand_is_left_as_it_is() -> None:
    one, other = (np.column_stack([arm[:, :2], np.zeros((len(arm), 2))]) for arm in arms(3))
    adjusted = adjusted_ratios(Moments.of(one), Moments.of(other))
    assert adjusted == (known(ratio(Moments.of(one))), known(ratio(Moments.of(other))))


def test_what_users_share_out_makes_no_winner() -> None:
    """Two users with 120 outcomes each: a test on outcomes would say p = 7e-7."""
    control, treatment = Moments.of([[100.0, 120.0]]), Moments.of([[80.0, 120.0]])
    assert ratio(control) == Unknown("An arm has one user only, and one does not vary.")
    assert isinstance(adjusted_ratios(control, treatment), Unknown)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
def test_where_nothing_varies_there_is_a_reason_and_no_p(value: float) -> None:
    arm = known(mean(Moments.of([[value]] * 50)))
    found = difference(arm, arm)
    assert found == Unknown("No two users of an arm differ, so there is nothing to measure chance by.")


def test_empty_arms_have_a_reason() -> None:
    nobody = Moments(0, (0.0, 0.0), ((0.0, 0.0), (0.0, 0.0)))
    assert mean(nobody) == ratio(nobody) == proportion(0, 0) == Unknown("An arm has no user yet.")
    assert ratio(Moments.of([[0.0, 0.0], [0.0, 0.0]])) == Unknown("An arm has users and nothing to divide by yet.")
    assert pooled_z_test(0, 0, 5, 1) == Unknown("An arm has no user yet.")
    assert isinstance(pooled_z_test(5, 5, 5, 5), Unknown)


def test_nothing_is_told_relative_to_what_may_be_zero() -> None:
    nothing = Estimate(value=0.0, variance=1.0, n=10, baseline=0.0)
    something = Estimate(value=0.5, variance=1.0, n=10, baseline=0.5)
    assert lift(nothing, something) == Unknown("Control's value is 0, and nothing is a share of that.")
    assert isinstance(lift(something, something), Unknown)
    assert isinstance(difference(nothing, something), Effect)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_the_pooled_test_is_that_of_statsmodels(n: int, m: int, share: float, other_share: float) -> None:
    successes = round(n * share), round(m * other_share)
    found = pooled_z_test(n, successes[0], m, successes[1])
    if isinstance(found, Unknown):
        assert sum(successes) in (0, n + m)
        return
    z, p = proportions_ztest(successes[::-1], [m, n])
    assert found == pytest.approx((z, p), rel=1e-9, abs=1e-12)


def test_the_published_figures(shared: Path) -> None:
    published = json.loads((shared / "data/experiments/published.json").read_text())["cookie_cats"]["arms"]
    control, treatment = published["gate_30"], published["gate_40"]
    for day, z, p in (("retained_day_1", 1.7841, 0.07441), ("retained_day_7", 3.1644, 0.001554)):
        found = pooled_z_test(control["users"], control[day], treatment["users"], treatment[day])
        assert not isinstance(found, Unknown)
        assert -found[0] == pytest.approx(z, abs=5e-5)
        assert found[1] == pytest.approx(p, rel=5e-4)


def test_intervals_know_which_side_they_are_on() -> None:
    assert Interval(0.1, 0.2).excludes_zero and Interval(-2, -1).excludes_zero and not Interval(-1, 1).excludes_zero
    assert Interval(-0.01, 0.02).within(0.03) and not Interval(-0.01, 0.03).within(0.03)
