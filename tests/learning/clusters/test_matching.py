from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from session_buddy.learning.clusters.features import unit
from session_buddy.learning.clusters.matching import LEAST_LIKENESS, Known, likeness, matched

AXES = np.eye(6, 384, dtype=np.float32)


def known(members: str, axis: int | None = 0) -> Known:
    return Known(frozenset(members), None if axis is None else AXES[axis])


def test_likeness_is_the_mean_of_overlap_and_cosine() -> None:
    assert likeness(known("abc"), known("abc")) == 1
    assert likeness(known("abcd", 0), known("cdef", 1)) == pytest.approx((2 / 6 + 0) / 2)
    assert likeness(known("ab", 0), known("cd", 0)) == pytest.approx(0.5)
    opposite = Known(frozenset("ab"), -AXES[0])
    assert likeness(known("ab", 0), opposite) == pytest.approx(0.5)
    assert likeness(known("abc", None), known("abd")) == pytest.approx(0.5)
    assert likeness(known("", None), known("", None)) == 0


def test_those_that_go_on_are_found_whatever_their_order() -> None:
    old = [known("abcde", 0), known("fghij", 1), known("klmno", 2)]
    new = [known("klmnp", 2), known("abcdz", 0), known("xyw", 3), known("fghij", 1)]
    assert matched(new, old) == [2, 0, None, 1]
    assert matched([], old) == [] and matched(new, []) == [None] * 4


def test_one_that_was_split_goes_on_in_the_half_that_is_most_alike() -> None:
    assert matched([known("ab", 0), known("cdefgh", 0)], [known("abcdefgh", 0)]) == [None, 0]


def test_less_alike_ones_are_not_the_same_and_keep_no_others_apart() -> None:
    assert matched([known("ab", 1)], [known("bcdefgh", 0)]) == [None]
    # Two pairs of 0.4 have a higher sum than one of 0.5 and one of 0, and neither would stand.
    old = [known("abcd", None), known("abefg", None)]
    new = [known("ab", None), known("cdh", None)]
    assert matched(new, old) == [0, None]


def test_no_other_pairing_has_a_higher_sum() -> None:
    rnd = np.random.default_rng(7)
    letters = np.array(list("abcdefghijkl"))
    for _ in range(30):
        draw = [
            Known(frozenset(rnd.choice(letters, 5, replace=False)), unit(rnd.normal(size=(1, 384)) + 8 * AXES[:1])[0])
            for _ in range(8)
        ]
        new, old = draw[:4], draw[4:]

        def worth(pairs: list[int | None], new: list[Known] = new, old: list[Known] = old) -> float:
            alike = [likeness(new[row], old[place]) for row, place in enumerate(pairs) if place is not None]
            return sum(one for one in alike if one >= LEAST_LIKENESS)

        assert worth(matched(new, old)) == pytest.approx(max(worth(list(one)) for one in permutations(range(4))))
