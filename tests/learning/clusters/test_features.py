from __future__ import annotations

from math import log

import numpy as np
import pytest

from session_buddy.learning.clusters.features import CO_USE_WEIGHT, co_use_vectors, joined, nearest, unit
from tests.learning.clusters.making import grouped


def co_use(pairs: list[tuple[int, int, int]], sessions: list[int], total: int) -> np.ndarray:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    return co_use_vectors(
        table[:, :2], table[:, 2].astype(float), np.array(sessions, dtype=float), total=float(total), seed=1
    )


def test_unit_keeps_zero() -> None:
    found = unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


def test_rows_are_the_positive_mutual_information() -> None:
    # 0 and 1 share all their sessions, 2 meets 0 as chance has it, 3 meets nobody.
    found = co_use([(0, 1, 10), (0, 2, 5)], [10, 10, 50, 7], 100)
    own = log(100 / 10)
    expected = unit(np.array([[own, log(100 * 10 / 100)], [log(100 * 10 / 100), own]]))
    assert np.allclose(found[:2], expected, atol=1e-6)
    assert not found[2:].any()


def test_skills_used_with_the_same_ones_are_alike_though_never_used_together() -> None:
    pairs = [(0, 2, 20), (1, 2, 20), (3, 4, 20)]
    found = co_use(pairs, [20, 20, 40, 20, 20], 200)
    assert found[0] @ found[1] > 0.3
    assert abs(found[0] @ found[3]) < 1e-6


def test_many_skills_are_reduced_and_neighbours_stay_neighbours() -> None:
    groups, each = 10, 6
    pairs = [
        (group * each + one, group * each + other, 8)
        for group in range(groups)
        for one in range(each)
        for other in range(one + 1, each)
    ]
    found = co_use(pairs, [10] * groups * each, 1_000)
    assert found.shape == (60, 32)
    cosines = found @ found.T
    within = [cosines[one, other] for one, other, _ in pairs]
    assert min(within) > 0.9
    assert abs(cosines[0, 6]) < 0.1


def test_nothing_used_together_is_nothing_known() -> None:
    assert not co_use([], [3, 0], 5).any()
    assert not co_use([(0, 1, 2)], [3, 0], 5).any(), "counts that do not fit each other are no evidence"


def test_what_is_used_often_weighs_as_stated_and_what_is_not_less() -> None:
    texts, used = unit(np.eye(2, 4)), unit(np.ones((2, 3)))
    often = joined(texts, used, np.array([1e9, 1e9]))
    assert often[0] @ often[1] == pytest.approx(CO_USE_WEIGHT)
    half = joined(texts, used, np.array([10.0, 10.0]))
    assert half[0] @ half[1] == pytest.approx(CO_USE_WEIGHT / 2)
    never = joined(texts, np.zeros((2, 3), dtype=np.float32), np.array([50.0, 50.0]))
    assert never[0] @ never[1] == pytest.approx(0)
    assert np.allclose(np.linalg.norm(often, axis=1), 1) and np.allclose(np.linalg.norm(never, axis=1), 1)


def test_nearest_are_those_of_a_sorted_list() -> None:
    vectors = grouped(4, 160, seed=3)
    places, cosines = nearest(vectors, 5)
    for row in (0, 511, 512, 639):
        every = vectors @ vectors[row]
        every[row] = -np.inf
        assert places[row].tolist() == np.argsort(-every, kind="stable")[:5].tolist()
        assert np.allclose(cosines[row], np.sort(every)[::-1][:5], atol=1e-5)


def test_nearest_of_few() -> None:
    assert nearest(np.zeros((0, 384), dtype=np.float32), 5)[0].shape == (0, 0)
    places, _ = nearest(grouped(1, 3, seed=1), 5)
    assert places.shape == (3, 2)
    assert all(row not in places[row] for row in range(3))
