from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from session_buddy.catalog.taxonomy.categoriser import Judgement
from session_buddy.catalog.taxonomy.evaluation import calibration_error, folds_of, macro_f1, quality_of


def judgement(category: str, confidence: float, *, is_sure: bool = True) -> Judgement:
    return Judgement(category=category, confidence=confidence, second=None, is_sure=is_sure)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    for _ in range(20):
        wanted, told = random.integers(0, 5, 30), random.integers(0, 6, 30)
        assert macro_f1(wanted, told, 7) == pytest.approx(f1_score(wanted, told, average="macro"))


def test_calibration_error_of_the_certain_and_of_those_who_know() -> None:
    right = np.array([True, False] * 50)
    assert calibration_error(np.ones(100), right) == 0.5
    assert calibration_error(np.full(100, 0.5), np.array([True, False] * 50)) == 0
    assert calibration_error(right.astype(float), right) == 0


def test_a_quality_has_every_figure() -> None:
    truth = ["a"] * 60 + ["b"] * 40
    told = [judgement("a", 0.9, is_sure=True)] * 60 + [judgement("b", 0.6, is_sure=False)] * 20
    told += [judgement("a", 0.6, is_sure=False)] * 20
    found = quality_of(truth, told, np.arange(100))
    assert found.accuracy.value == 0.8 and 0.7 < found.accuracy.low < 0.8 < found.accuracy.high < 0.9
    assert found.macro_f1.value == pytest.approx((2 * 60 / 140 + 2 * 20 / 60) / 2)
    assert found.covered == 0.6 and found.precision == 1.0 and found.skills == 100 and found.categories == 2
    assert [(one.coverage, one.accuracy) for one in found.abstaining] == [
        (0.1, 1.0), (0.25, 1.0), (0.5, 1.0), (0.75, 1.0), (1.0, 0.8)
    ]  # fmt: skip
    assert found.abstaining[-1].threshold == 0.6
    assert found == quality_of(truth, told, np.arange(100))


def test_copies_widen_the_interval() -> None:
    truth = ["a"] * 100
    told = [judgement("a" if place % 5 else "b", 0.9) for place in range(100)]
    alone = quality_of(truth, told, np.arange(100)).accuracy
    together = quality_of(truth, told, np.arange(100) // 20).accuracy
    by_outcome = quality_of(truth, told, np.arange(100) % 5).accuracy
    assert alone.high - alone.low > together.high - together.low
    assert by_outcome.high - by_outcome.low > 2 * (alone.high - alone.low)


def test_nobody_is_sure() -> None:
    assert quality_of(["a", "b"], [judgement("a", 0.3, is_sure=False)] * 2, np.arange(2)).precision is None


def test_every_skill_is_judged_once() -> None:
    folds = folds_of(["a"] * 7 + ["b"] * 20, np.arange(27))
    assert sorted(place for _, test in folds for place in test.tolist()) == list(range(27))
    assert folds[0][1].tolist() == folds_of(["a"] * 7 + ["b"] * 20, np.arange(27))[0][1].tolist()
