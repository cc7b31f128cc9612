"""Figures of chances, beside those of others; calibration; quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_pinball_loss, roc_auc_score

from session_buddy.prediction.calibration import SAME, chance_of, fit_calibration, log_odds
from session_buddy.prediction.scoring import Sessions, expected_calibration_error, pinball_losses, scored


@pytest.fixture(scope="module")
def told() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    chances = random.beta(3, 1, size=3_000).round(2).clip(0.01, 0.99)
    return random.random(3_000) < chances, chances, np.repeat(np.arange(100), 30)


def test_figures_are_those_of_others(told: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    completed, chances, session = told
    scores = scored(completed, chances, Sessions(session))
    assert scores.log_loss.value == pytest.approx(log_loss(completed, chances))
    assert scores.brier.value == pytest.approx(brier_score_loss(completed, chances))
    assert scores.auc is not None
    assert scores.auc.value == pytest.approx(roc_auc_score(completed, chances))
    for one in (scores.log_loss, scores.brier, scores.auc, scores.calibration_error):
        assert one.low is not None and one.high is not None
        assert one.low <= one.value <= one.high


def test_calibration_error_by_hand() -> None:
    completed = np.array([True] * 5 + [False] * 5)
    assert expected_calibration_error(completed, np.full(10, 0.5)) == pytest.approx(0.5)
    assert expected_calibration_error(completed, completed.astype(float)) == 0
    assert expected_calibration_error(np.ones(20, dtype=bool), np.full(20, 0.9)) == pytest.approx(0.1)


def test_an_interval_is_one_over_sessions() -> None:
    # A hundred uses of one session say no more than one: of twenty sessions, half are wholly good.
    session = np.repeat(np.arange(20), 100)
    values = (session % 2).astype(float)
    estimate = Sessions(session).mean(values)
    assert estimate.value == 0.5
    assert estimate.low is not None and estimate.high is not None
    # 1.96 * sqrt(.25 / 20) is .22; over uses it would be .02.
    assert 0.17 < estimate.high - estimate.value < 0.27
    assert estimate.is_above_zero


def test_few_sessions_have_no_interval() -> None:
    estimate = Sessions(np.repeat(np.arange(9), 50)).mean(np.ones(450))
    assert (estimate.value, estimate.low, estimate.high) == (1.0, None, None)
    assert not estimate.is_above_zero


def test_one_outcome_alone_has_no_auc() -> None:
    scores = scored(np.ones(300, dtype=bool), np.full(300, 0.9), Sessions(np.repeat(np.arange(30), 10)))
    assert scores.auc is None
    assert scores.log_loss.value == pytest.approx(-np.log(0.9))


def test_calibration_finds_the_line() -> None:
    random = np.random.default_rng(4)
    odds = random.normal(1, 2, size=60_000)
    completed = random.random(60_000) < chance_of(0.6 * odds - 0.5)
    found = fit_calibration(completed, odds)
    assert (found.slope, found.intercept) == (pytest.approx(0.6, abs=0.03), pytest.approx(-0.5, abs=0.03))


def test_without_outcomes_a_calibration_changes_nothing() -> None:
    assert fit_calibration(np.empty(0, dtype=bool), np.empty(0)) == SAME
    few = fit_calibration(np.array([False, True]), np.array([2.0, 1.0]))
    assert few.slope == pytest.approx(1, abs=0.2) and few.intercept == pytest.approx(0, abs=0.2)
    all_good = fit_calibration(np.ones(500, dtype=bool), np.full(500, 8.0))
    assert np.isfinite(all_good).all()


def test_odds_and_chances() -> None:
    chances = np.array([1e-9, 0.25, 0.5, 0.92, 1.0])
    np.testing.assert_allclose(chance_of(log_odds(chances)), [1e-6, 0.25, 0.5, 0.92, 1 - 1e-6])
    assert chance_of(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_pinball_loss_is_least_at_the_quantile(level: float) -> None:
    values = np.random.default_rng(5).lognormal(size=4_000)
    best = np.quantile(values, level)

    def loss(at: float) -> float:
        return float(pinball_losses(values, np.full(4_000, at), level).mean())

    assert loss(best) == pytest.approx(mean_pinball_loss(values, np.full(4_000, best), alpha=level))
    assert loss(best) < min(loss(best * 0.9), loss(best * 1.1))
