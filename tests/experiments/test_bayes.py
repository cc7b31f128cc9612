from __future__ import annotations

import numpy as np
import pytest
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.experiments.bayes import Prior, belief
from session_buddy.experiments.effects import Effect, difference, lift
from tests.experiments.test_effects import both_ways, known


@pytest.mark.parametrize("kind", ["mean", "proportion", "ratio", "adjusted"])
@pytest.mark.parametrize("way", ["absolute", "relative"])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("prior", [None, Prior(0.01, 0.04)])
def test_agreement_with_gbstats(kind: str, way: str, inverse: bool, prior: Prior | None) -> None:
    ours, theirs = both_ways(5, kind)
    told = GaussianPrior(prior.mean, prior.variance, True) if prior else GaussianPrior(proper=False)
    config = EffectBayesianConfig(difference_type=way, inverse=inverse, prior_type=way, prior_effect=told)
    expected = EffectBayesianABTest(*theirs, config).compute_result()
    effect = known((difference if way == "absolute" else lift)(*ours))
    found = belief(effect, prior=prior, is_higher_better=not inverse)
    assert found.chance_to_win == pytest.approx(expected.chance_to_win, rel=1e-9, abs=1e-9)
    assert (found.mean, found.deviation) == pytest.approx((expected.uplift.mean, expected.uplift.stddev), rel=1e-9)
    # The oracle integrates numerically, and names what choosing control costs first.
    assert (found.loss_of_control, found.loss_of_treatment) == pytest.approx(expected.risk, rel=1e-6, abs=1e-9)


@given(st.floats(-3, 3), st.floats(0.01, 4))
def test_losses_differ_by_the_mean(point: float, squared_error: float) -> None:
    found = belief(Effect(point=point, squared_error=squared_error, degrees=10, n=12))
    assert found.loss_of_control - found.loss_of_treatment == pytest.approx(point, abs=1e-9)
    assert found.loss_of_control >= 0 and found.loss_of_treatment >= 0
    assert np.sign(found.chance_to_win - 0.5) in (0, np.sign(point))
