"""Rates of few uses are drawn towards what skills usually reach, as far as skills are alike."""

from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.community.shrinkage import BetaPrior, fitted_prior


@pytest.mark.parametrize(("alpha", "beta"), [(8.0, 2.0), (2.0, 2.0), (40.0, 4.0)])
def test_the_prior_that_made_the_rates_is_found_again(alpha: float, beta: float) -> None:
    rng = np.random.default_rng(3)
    means, strengths = [], []
    for _ in range(60):
        n = rng.integers(5, 400, 300)
        completed = rng.binomial(n, rng.beta(alpha, beta, 300))
        prior = fitted_prior(list(zip(completed.tolist(), n.tolist(), strict=True)))
        assert prior is not None
        means.append(prior.mean)
        strengths.append(1 / (1 + prior.strength))
    assert np.mean(means) == pytest.approx(alpha / (alpha + beta), abs=0.005)
    # Moments estimate 1 / (1 + strength) without bias, not its inverse.
    assert np.mean(strengths) == pytest.approx(1 / (1 + alpha + beta), rel=0.05)


@pytest.mark.long
def test_the_prior_is_found_also_where_every_skill_has_few_uses() -> None:
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(60):
        n = rng.integers(2, 6, 1_000)
        prior = fitted_prior(list(zip(rng.binomial(n, rng.beta(2, 1, 1_000)).tolist(), n.tolist(), strict=True)))
        assert prior is not None
        shares.append(1 / (1 + prior.strength))
    assert np.mean(shares) == pytest.approx(1 / 4, rel=0.05)


def test_shrunken_rates_are_nearer_to_the_truth_than_raw_ones() -> None:
    rng = np.random.default_rng(5)
    truth = rng.beta(8, 2, 400)
    n = rng.integers(1, 30, 400)
    completed = rng.binomial(n, truth)
    prior = fitted_prior(list(zip(completed.tolist(), n.tolist(), strict=True)))
    assert prior is not None
    shrunken = np.array([prior.shrunken(int(c), int(k)) for c, k in zip(completed, n, strict=True)])
    assert np.mean((shrunken - truth) ** 2) < 0.6 * np.mean((completed / n - truth) ** 2)


def test_skills_that_differ_by_chance_alone_are_all_drawn_to_the_mean() -> None:
    prior = fitted_prior([(9, 10), (9, 10), (18, 20), (90, 100)])
    assert prior is not None
    assert prior.strength == 1e6
    assert prior.shrunken(0, 5) == pytest.approx(0.9, abs=1e-4)


def test_skills_that_have_nothing_in_common_keep_their_rates() -> None:
    prior = fitted_prior([(0, 1_000), (1_000, 1_000), (0, 1_000), (1_000, 1_000)])
    assert prior is not None
    assert prior.shrunken(1_000, 1_000) == pytest.approx(1.0, abs=0.001)


def test_one_use_of_each_skill_tells_nothing_of_how_they_differ() -> None:
    prior = fitted_prior([(1, 1), (0, 1), (1, 1), (1, 1)])
    assert prior == BetaPrior(mean=0.75, strength=1e6)


@pytest.mark.parametrize("outcomes", [[], [(3, 4), (1, 2)], [(3, 4), (1, 2), (0, 0)], [(4, 4)] * 9, [(0, 4)] * 9])
def test_too_little_to_go_by_is_no_prior(outcomes: list[tuple[int, int]]) -> None:
    assert fitted_prior(outcomes) is None


def test_the_posterior_mean_is_that_of_the_beta_distribution() -> None:
    prior = BetaPrior(mean=0.8, strength=10)
    assert prior.shrunken(1, 2) == (8 + 1) / (8 + 2 + 2)
