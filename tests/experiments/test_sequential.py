"""Always-valid intervals: against gbstats, and what makes them valid."""

from __future__ import annotations

import numpy as np
import pytest
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.experiments.effects import Effect, difference, lift
from session_buddy.experiments.sequential import always_valid_interval, always_valid_p
from tests.experiments.test_effects import both_ways, known

EFFECTS = st.builds(
    Effect,
    point=st.floats(-5, 5),
    squared_error=st.floats(1e-4, 10),
    degrees=st.just(100.0),
    n=st.integers(2, 10**7),
)


@pytest.mark.parametrize("kind", ["mean", "proportion", "ratio", "adjusted"])
@pytest.mark.parametrize("way", ["absolute", "relative"])
@pytest.mark.parametrize("planned", [200, 5_000, 10**6])
def test_agreement_with_gbstats(kind: str, way: str, planned: int) -> None:
    ours, theirs = both_ways(3, kind)
    found = known((difference if way == "absolute" else lift)(*ours))
    config = SequentialConfig(alpha=0.05, difference_type=way, sequential_tuning_parameter=planned)
    expected = SequentialTwoSidedTTest(*theirs, config).compute_result()
    interval = always_valid_interval(found, 0.05, planned_units=planned)
    assert (interval.low, interval.high) == pytest.approx(expected.ci, rel=1e-9, abs=1e-9)
    p_value = always_valid_p(found, 0.05, planned_units=planned)
    assert p_value == pytest.approx(expected.p_value, rel=1e-9, abs=1e-9)


@given(EFFECTS, st.floats(0.001, 0.2), st.integers(10, 10**6))
def test_p_is_below_alpha_exactly_where_the_interval_leaves_zero_out(
    effect: Effect, alpha: float, planned: int
) -> None:
    interval = always_valid_interval(effect, alpha, planned_units=planned)
    p_value = always_valid_p(effect, alpha, planned_units=planned)
    if abs(p_value - alpha) > 1e-9:
        assert (p_value < alpha) == interval.excludes_zero


@given(EFFECTS, st.integers(10, 10**6))
def test_it_is_wider_than_the_interval_of_one_look(effect: Effect, planned: int) -> None:
    one_look = Effect(point=effect.point, squared_error=effect.squared_error, degrees=np.inf, n=effect.n)
    always = always_valid_interval(effect, 0.05, planned_units=planned)
    once = one_look.interval(0.05)
    assert always.low < once.low and once.high < always.high
