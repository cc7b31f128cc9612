"""Who comes first, and how long after: beside a plain count."""

from __future__ import annotations

from itertools import combinations
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from session_buddy.catalog.dependencies.order import RESOLUTION, OrderCounts, order_chance

FirstUses = dict[tuple[int, int], int]
"""Milliseconds by session and skill."""

first_uses = st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 4)), st.integers(0, 10**5), max_size=30)


def counted(uses: FirstUses, **bounds: int) -> OrderCounts:
    columns = np.array([(*key, moment) for key, moment in uses.items()], dtype=np.int64).reshape(-1, 3).T
    return OrderCounts.of_first_uses(columns[0], columns[1], columns[2], **bounds)


def gaps(uses: FirstUses) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for (one, a), (other, b) in combinations(uses, 2):
        if one == other and uses[one, a] != uses[other, b]:
            first, second = (a, b) if uses[one, a] < uses[other, b] else (b, a)
            found.setdefault((first, second), []).append(abs(uses[one, a] - uses[other, b]))
    return found


@given(first_uses)
def test_counts_are_exact_and_medians_within_their_resolution(uses: FirstUses) -> None:
    expected = gaps(uses)
    pairs = list(combinations(range(6), 2))
    found = counted(uses).of_pairs(*zip(*pairs, strict=True))
    for place, (a, b) in enumerate(pairs):
        for way, many, seconds in (
            ((a, b), found.a_first, found.a_to_b_seconds),
            ((b, a), found.b_first, found.b_to_a_seconds),
        ):
            told = expected.get(way, [])
            assert many[place] == len(told)
            if told:
                assert seconds[place] * 1_000 == pytest.approx(median(told), rel=RESOLUTION + 1e-9)
            else:
                assert np.isnan(seconds[place])


@given(first_uses, st.integers(0, 10**5))
def test_what_came_before_and_what_came_after_add_up_to_all(uses: FirstUses, moment: int) -> None:
    both = counted(uses, until=moment) + counted(uses, since=moment)
    whole = counted(uses)
    assert both.keys.tolist() == whole.keys.tolist() and both.counts.tolist() == whole.counts.tolist()


@given(first_uses, first_uses)
def test_sessions_add(some: FirstUses, others: FirstUses) -> None:
    moved = {(session + 10, skill): moment for (session, skill), moment in others.items()}
    added, whole = counted(some) + counted(moved), counted(some | moved)
    assert added.keys.tolist() == whole.keys.tolist() and added.counts.tolist() == whole.counts.tolist()


def test_what_begins_at_once_has_no_order() -> None:
    found = counted({(1, 0): 500, (1, 1): 500, (1, 2): 900}).of_pairs([0, 0, 1], [1, 2, 2])
    assert found.a_first.tolist() == [0, 1, 1] and found.b_first.tolist() == [0, 0, 0]


def test_long_gaps_are_told_too() -> None:
    year = 365 * 86_400_000
    found = counted({(1, 0): 0, (1, 1): 30 * year}).of_pairs([0], [1])
    assert found.a_to_b_seconds[0] == pytest.approx(30 * year / 1_000, rel=RESOLUTION)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_chance_of_an_order_is_that_of_scipys_sign_test(one: int, other: int) -> None:
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert order_chance([one], [other])[0] == pytest.approx(expected, rel=1e-9)
