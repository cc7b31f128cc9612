"""Similar users by MinHash beside those found by comparing all."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from session_buddy.errors import MissingExtra
from session_buddy.learning.hashing import HashedNeighbourhood, neighbourhood_of
from session_buddy.learning.interactions import Matrix, rows_of
from session_buddy.learning.neighbours import Neighbourhood


def families(users: int, skills: int = 300) -> Matrix:
    """Return users in families of ten: each has most of its family's twelve skills, and two of their own."""
    random = np.random.default_rng(2)
    rows = []
    for user in range(users):
        of_family = np.random.default_rng(1_000 + user // 10).choice(skills, 12, replace=False)
        rows.append(sorted({*of_family[random.random(12) < 0.85], *random.integers(0, skills, 2)}))
    return rows_of(rows, skills)


def test_nearly_all_who_are_much_alike_are_found_with_their_true_similarity() -> None:
    used = families(1_000)
    exact, hashed = Neighbourhood(used), HashedNeighbourhood(used)
    wanted = found = 0
    for user in range(0, 1_000, 20):
        profile = used[[user]].indices
        users, similarities = hashed.nearest(profile, 9, without=user)
        assert user not in users
        np.testing.assert_allclose(similarities, exact.similarities(profile)[users], rtol=1e-6)
        alike = {int(one) for one, index in zip(*exact.nearest(profile, 9, without=user), strict=True) if index >= 0.4}
        wanted += len(alike)
        found += len(alike & set(users.tolist()))
    assert wanted > 300
    assert found / wanted >= 0.95


def test_the_most_similar_comes_first_and_of_equal_ones_the_first() -> None:
    used = rows_of([[0, 1, 2], [0, 1, 2], [0, 1, 2, 3], [7, 8, 9]], 10)
    users, similarities = HashedNeighbourhood(used).nearest(np.array([0, 1, 2]), 5)
    assert users.tolist()[:2] == [0, 1]
    assert similarities.tolist()[:2] == [1.0, 1.0]
    assert 3 not in users


def test_nothing_is_like_nothing() -> None:
    hashed = HashedNeighbourhood(rows_of([[], [1]], 3))
    assert hashed.nearest(np.array([], dtype=int), 5)[0].tolist() == []
    assert hashed.nearest(np.array([2]), 5)[0].tolist() == []


def test_many_are_hashed_and_few_compared() -> None:
    used = families(20)
    assert isinstance(neighbourhood_of(used, most_compared=19), HashedNeighbourhood)
    assert isinstance(neighbourhood_of(used, most_compared=20), Neighbourhood)


def test_without_the_extra_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasketch", None)
    assert isinstance(neighbourhood_of(rows_of([[1], [2]], 3), most_compared=1), Neighbourhood)
    with pytest.raises(MissingExtra, match=r"session-buddy\[scale\]"):
        HashedNeighbourhood(rows_of([[1]], 3))
