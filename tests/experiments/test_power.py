from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from session_buddy.errors import InvalidInput
from session_buddy.experiments.effects import Effect
from session_buddy.experiments.power import (
    Arms,
    detectable,
    power,
    proportion_power,
    users_needed,
    users_until_decided,
)
from session_buddy.experiments.sequential import always_valid_interval

SHARES = st.floats(0.1, 0.9)


@given(st.floats(0.02, 1.5), SHARES, st.integers(20, 10_000), st.floats(0.01, 0.2))
def test_power_is_that_of_statsmodels(effect: float, share: float, users: int, alpha: float) -> None:
    arms = Arms(control_variance=1.0, treatment_variance=1.0, control_share=share)
    expected = NormalIndPower().power(effect, users * share, alpha, ratio=(1 - share) / share)
    assert power(effect, arms, users, alpha=alpha) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95), SHARES, st.integers(50, 100_000))
def test_power_of_proportions_is_that_of_statsmodels(
    control: float, treatment: float, share: float, users: int
) -> None:
    expected = power_proportions_2indep(
        control - treatment, treatment, users * share, ratio=(1 - share) / share, return_results=False
    )
    found = proportion_power(control, treatment, users, share=share)
    # The oracle leaves out the tail on the other side; it is there only where the difference is next to nothing.
    if abs(treatment - control) > 0.05 and expected > 0.2:
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("effect", [0.05, 0.2, -0.5])
@pytest.mark.parametrize("share", [0.5, 0.3])
@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.99])
def test_users_needed_and_what_they_show_go_together(effect: float, share: float, wanted: float) -> None:
    arms = Arms(control_variance=1.0, treatment_variance=1.0, control_share=share)
    users = users_needed(effect, arms, wanted=wanted)
    assert power(effect, arms, users) == pytest.approx(wanted, rel=1e-9)
    assert detectable(arms, users, wanted=wanted) == pytest.approx(abs(effect), rel=1e-9)
    of_control = NormalIndPower().solve_power(effect, power=wanted, alpha=0.05, ratio=(1 - share) / share)
    assert users * share == pytest.approx(of_control, rel=1e-6)


def test_users_until_decided_is_the_first_number_that_decides() -> None:
    effect = Effect(point=0.02, squared_error=0.02**2, degrees=inf, n=2_000)
    users = users_until_decided(effect, 0.05, planned_units=5_000)
    assert users is not None
    for n, decided in ((users, True), (users - 2, False)):
        later = Effect(point=0.02, squared_error=effect.squared_error * 2_000 / n, degrees=inf, n=n)
        assert always_valid_interval(later, 0.05, planned_units=5_000).excludes_zero is decided
    sure = Effect(point=1.0, squared_error=1e-6, degrees=inf, n=2_000)
    assert users_until_decided(sure, 0.05, planned_units=5_000) == 2_000
    nothing = Effect(point=0.0, squared_error=1.0, degrees=inf, n=2_000)
    assert users_until_decided(nothing, 0.05, planned_units=5_000) is None


def test_bad_input_is_named() -> None:
    arms = Arms(control_variance=1.0, treatment_variance=1.0)
    with pytest.raises(InvalidInput, match="0 cannot be seen"):
        users_needed(0.0, arms)
    with pytest.raises(InvalidInput, match="is not between alpha"):
        detectable(arms, 100, wanted=1.0)
    with pytest.raises(InvalidInput, match="control_share"):
        Arms(control_variance=1.0, treatment_variance=1.0, control_share=1.0)
    with pytest.raises(InvalidInput, match="treatment_variance"):
        Arms(control_variance=1.0, treatment_variance=float("nan"))
    assert users_needed(0.1, Arms(control_variance=0.0, treatment_variance=0.0)) == 4
    assert detectable(Arms(control_variance=0.0, treatment_variance=0.0), 10) == 0
