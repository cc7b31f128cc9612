from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from session_buddy.experiments.moments import Moments

VALUES = arrays(float, st.tuples(st.integers(2, 40), st.just(3)), elements=st.floats(-1e3, 1e3))


@given(VALUES, st.integers(0, 40))
def test_moments_of_parts_add_up_to_those_of_the_whole(values: np.ndarray, cut: int) -> None:
    added = Moments.of(values[:cut]) + Moments.of(values[cut:])
    whole = Moments.of(values)
    assert added.n == whole.n
    assert added.sums == pytest.approx(whole.sums, rel=1e-9, abs=1e-6)
    assert np.allclose(added.products, whole.products, rtol=1e-9, atol=1e-3)


@given(VALUES, st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_the_scatter_is_the_variance_of_the_weighted_sum(values: np.ndarray, gradient: list[float]) -> None:
    expected = np.var(values @ gradient, ddof=1)
    scale = 1 + np.abs(values).max() ** 2 * max(1.0, max(map(abs, gradient)) ** 2)
    assert Moments.of(values).scatter(gradient) == pytest.approx(expected, rel=1e-6, abs=1e-9 * scale)


def test_the_triangle_is_what_an_engine_sums() -> None:
    values = np.array([[1.0, 5.0, 2.0], [2.0, 1.0, 0.5], [4.0, 4.0, 4.0]])
    whole = Moments.of(values)
    triangle = [whole.products[i][j] for i in range(3) for j in range(i, 3)]
    assert Moments.from_sums(3, whole.sums, triangle) == whole


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 1e6 + 0.1])
def test_what_is_always_the_same_does_not_vary_at_all(value: float) -> None:
    assert Moments.of([[value]] * 1_000).covariance(0, 0) == 0.0
