"""Quantiles of outcomes whose users are alike: against gbstats, and by counting how often the truth is held."""

from __future__ import annotations

import numpy as np
import pytest
from gbstats.models.statistics import QuantileClusteredStatistic

from session_buddy.experiments.estimates import Estimate, Unknown
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.quantiles import Quantiles, quantile, ranks


def outcomes(rnd: np.random.Generator, users: int) -> list[np.ndarray]:
    return [np.exp(rnd.normal(level, 0.5, rnd.integers(1, 8))) for level in rnd.normal(0, 0.7, users)]


def estimated(arm: list[np.ndarray], level: float) -> tuple[Estimate, tuple[float, float, float], Moments]:
    whole = np.sort(np.concatenate(arm))
    asked = ranks(len(whole), level)
    assert not isinstance(asked, Unknown)
    values = (whole[asked.low - 1], whole[asked.point - 1], whole[asked.high - 1])
    users = Moments.of([[(one <= values[1]).sum(), len(one)] for one in arm])
    found = quantile(level, Quantiles(values, users))
    assert isinstance(found, Estimate)
    return found, values, users


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_agreement_with_gbstats(level: float) -> None:
    found, (low, point, high), users = estimated(outcomes(np.random.default_rng(2), 900), level)
    n = int(users.sums[1])
    expected = QuantileClusteredStatistic(
        n=n, n_star=n, nu=level, quantile_hat=point, quantile_lower=low, quantile_upper=high,
        main_sum=users.sums[0], main_sum_squares=users.products[0][0], denominator_sum=users.sums[1],
        denominator_sum_squares=users.products[1][1], main_denominator_sum_product=users.products[0][1],
        n_clusters=users.n,
    )  # fmt: skip
    assert found.value == expected.mean
    assert found.squared_error == pytest.approx(expected.variance_init / n, rel=1e-9)


@pytest.mark.long
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rnd = np.random.default_rng(4)
    truth = np.quantile(np.concatenate(outcomes(rnd, 100_000)), 0.9)
    held = 0
    for _ in range(300):
        found, _, _ = estimated(outcomes(rnd, 200), 0.9)
        held += abs(found.value - truth) < 1.96 * found.squared_error**0.5
    # 300 intervals of 95 % hold it 285 times, give or take 11 (three standard errors).
    assert 272 <= held <= 296


@pytest.mark.parametrize(("n", "level"), [(0, 0.5), (3, 0.5), (30, 0.95), (34, 0.9)])
def test_too_few_outcomes_have_a_reason(n: int, level: float) -> None:
    assert ranks(n, level) == Unknown(f"{n} outcomes are too few for their {level:.0%} quantile.")
