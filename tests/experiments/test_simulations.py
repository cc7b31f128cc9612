"""Experiments whose truth is known: the short form of ``./dev bench experiments``."""

from __future__ import annotations

import pytest
from bench import simulations

RUNS = 400
WIDE = 3.3 * (0.05 * 0.95 / RUNS) ** 0.5
"""Over three standard errors of a share of 5 %: seeds are fixed, so it either always passes or never."""


def test_a_test_on_users_is_wrong_as_often_as_it_says_and_one_on_outcomes_is_not() -> None:
    by_ratio, by_mean, by_outcome = simulations.no_effect(RUNS).values()
    assert by_ratio == pytest.approx(simulations.ALPHA, abs=WIDE)
    assert by_mean == pytest.approx(simulations.ALPHA, abs=WIDE)
    assert by_outcome > 0.15


def test_peeking_inflates_the_plain_test_and_not_the_always_valid_one() -> None:
    looked = simulations.peeking(RUNS // 4, most=1_000, every=30)
    assert looked.sequential <= simulations.ALPHA + WIDE
    assert looked.plain > 0.15


def test_intervals_hold_what_they_say() -> None:
    assert simulations.coverage(RUNS) == pytest.approx({"difference": 0.95, "lift": 0.95}, abs=WIDE)


def test_adjusting_leaves_what_is_not_explained() -> None:
    kept, expected = simulations.adjusting(RUNS)
    assert kept == pytest.approx(expected, rel=0.15)
