"""Chance and lift beside scipy, statsmodels and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests

from session_buddy.catalog.dependencies.significance import (
    FEWEST_SESSIONS,
    LARGE,
    adjusted,
    chance,
    lift_bounds,
    possible_pairs,
)


def table(both: int, first: int, second: int, total: int) -> list[list[int]]:
    return [[both, first - both], [second - both, total - first - second + both]]


@st.composite
def tables(draw: st.DrawFn, largest: int) -> tuple[int, int, int, int]:
    total = draw(st.integers(1, largest))
    first, second = draw(st.integers(1, total)), draw(st.integers(1, total))
    both = draw(st.integers(max(0, first + second - total), min(first, second)))
    return both, first, second, total


def smallest_expected(first: int, second: int, total: int) -> float:
    return min(first, total - first) * min(second, total - second) / total


@given(tables(90))
def test_few_sessions_are_tested_exactly(given: tuple[int, int, int, int]) -> None:
    both, first, second, total = given
    assert smallest_expected(first, second, total) < LARGE
    expected = fisher_exact(table(*given)).pvalue
    assert chance([both], [first], [second], total)[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("total", [500, 20_000, 1_000_000])
def test_rare_skills_among_many_sessions_are_tested_exactly(total: int) -> None:
    random = np.random.default_rng(total)
    first, second = random.integers(1, 60, 400), random.integers(1, 60, 400)
    second[:100] = total - second[:100]
    first[50:150] = total - first[50:150]
    both = random.integers(np.maximum(0, first + second - total), np.minimum(first, second) + 1)
    found = chance(both, first, second, total)
    for row, p in zip(zip(both, first, second, strict=True), found, strict=True):
        assert p == pytest.approx(fisher_exact(table(*map(int, row), total)).pvalue, rel=1e-6)


@given(st.integers(8_000, 60_000), st.floats(0.4, 0.6), st.floats(0.4, 0.6), st.floats(-8, 8))
def test_where_counts_are_large_it_is_the_chi_square_of_scipy(
    total: int, one: float, other: float, away: float
) -> None:
    first, second = int(one * total), int(other * total)
    assert smallest_expected(first, second, total) >= LARGE
    both = int(first * second / total + away * (total * one * other * (1 - one) * (1 - other)) ** 0.5)
    expected = chi2_contingency(table(both, first, second, total)).pvalue
    assert chance([both], [first], [second], total)[0] == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_where_one_takes_over_from_the_other_they_say_nearly_the_same() -> None:
    total, first, second = 20_000, 5_000, 4_100
    assert smallest_expected(first, second, total) > LARGE
    for both in range(930, 1_120, 7):
        exact = fisher_exact(table(both, first, second, total)).pvalue
        assert chance([both], [first], [second], total)[0] == pytest.approx(exact, rel=0.35)


def test_where_counts_are_not_so_large_it_is_exact() -> None:
    total, first, second = 20_000, 5_000, 3_900
    assert 900 < smallest_expected(first, second, total) < LARGE
    for both in range(850, 1_160, 31):
        exact = fisher_exact(table(both, first, second, total)).pvalue
        assert chance([both], [first], [second], total)[0] == pytest.approx(exact, rel=1e-7)


def test_nothing_is_certain_of_what_is_always_there() -> None:
    # A skill of every session is with every other one, and that says nothing.
    assert chance([7], [7], [50], 50).tolist() == pytest.approx([1.0])
    assert chance([], [], [], 0).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 200))
def test_adjusting_is_that_of_statsmodels_with_the_tests_that_were_left_out(p_values: list[float], more: int) -> None:
    expected = multipletests([*p_values, *[1.0] * more], method="fdr_bh")[1][: len(p_values)]
    assert adjusted(p_values, len(p_values) + more) == pytest.approx(expected, rel=1e-12)
    assert adjusted([], 10).tolist() == []


def test_pairs_of_skills_that_have_nothing_to_do_with_each_other_are_not_found() -> None:
    """Counting only the pairs that reached the minimum as tests finds false ones in nearly every store of this kind."""
    random = np.random.default_rng(3)
    sessions, skills, found, careless = 800, 150, 0, 0
    for _ in range(20):
        used = (random.random((sessions, skills)) < 0.012).astype(int)
        together, of_skill = used.T @ used, used.sum(axis=0)
        a, b = np.triu_indices(skills, 1)
        enough = together[a, b] >= FEWEST_SESSIONS
        p_values = chance(together[a, b][enough], of_skill[a][enough], of_skill[b][enough], sessions)
        found += bool((adjusted(p_values, possible_pairs(of_skill)) <= 0.05).any())
        careless += bool((adjusted(p_values) <= 0.05).any())
    assert found <= 3 and careless >= 15


def test_pairs_that_can_be_in_enough_sessions_are_counted() -> None:
    assert possible_pairs([2, 3, 10, 40]) == 3
    assert possible_pairs([]) == 0


@pytest.mark.parametrize(
    ("sessions", "shares"),
    [
        (400, [0.06, 0.09, 0.10]),
        # Hardly ever without the other, which is in half of all sessions.
        (246, [0.02, 0.001, 0.5]),
        (2_000, [0.002, 0.001, 0.3]),
        (20_000, [0.0003, 0.0005, 0.02]),
        (246, [0.2, 0.3, 0.2]),
    ],
)
def test_the_bounds_of_a_lift_hold_in_95_of_100_samples(sessions: int, shares: list[float]) -> None:
    random = np.random.default_rng(5)
    lift = shares[0] / ((shares[0] + shares[1]) * (shares[0] + shares[2]))
    both, only_a, only_b, _ = random.multinomial(sessions, [*shares, 1 - sum(shares)], 20_000).T
    kept = both >= FEWEST_SESSIONS
    low, high = lift_bounds(both[kept], (both + only_a)[kept], (both + only_b)[kept], sessions)
    assert 0.945 < np.mean((low <= lift) & (lift <= high)) < 0.999


def test_few_sessions_do_not_lead() -> None:
    # Two skills that were used once, together, have a lift of 1000; a real pair has 8.
    low, high = lift_bounds([1, 40], [1, 60], [1, 80], 1_000)
    assert low[0] < 1_000 / 5 < high[0] and low[1] > 5
    # Always with a skill of every second session: three times say nothing, 24 times do.
    low, _ = lift_bounds([3, 24], [3, 24], [127, 127], 246)
    assert low[0] < 1 < 1.5 < low[1]
