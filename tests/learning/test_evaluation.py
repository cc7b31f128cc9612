"""Splits, and the figures of a recommender on what was held out."""

from __future__ import annotations

from typing import Self

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from session_buddy.learning.choosing import choose
from session_buddy.learning.evaluation import Split, calibration_error, judged, random_split, temporal_split
from session_buddy.learning.interactions import Interactions, Matrix, rows_of
from session_buddy.learning.recommenders.contract import Recommender, Scores, best
from session_buddy.learning.recommenders.popularity import Popularity
from tests.learning.making import checkerboard, drawn, interactions


class Given(Recommender):
    """Scores as they are given."""

    name = "given"

    def __init__(self, scores: Scores) -> None:
        self._scores = scores

    def fit(self, data: Interactions) -> Self:
        return self

    def scores(self, profiles: Matrix) -> Scores:
        return self._scores[: profiles.shape[0]]

    @property
    def width(self) -> int:
        return int(self._scores.shape[1])


@given(st.integers(0, 50), st.floats(0.05, 0.9), st.booleans())
def test_a_split_parts_every_users_skills(seed: int, part: float, by_time: bool) -> None:
    data = drawn(10, 12, seed=seed)
    split = temporal_split(data, part=part) if by_time else random_split(data, part=part, seed=seed)
    assert ((split.train.used + split.held_out).toarray() == data.used.toarray()).all()
    for user in range(10):
        size, held_out = data.used[[user]].nnz, split.held_out[[user]].nnz
        assert held_out == (max(round(size * part), 1) if size > 1 else 0)


def test_the_latest_uses_are_held_out() -> None:
    data = interactions("abcde", ages=[9.0, 3.0, 7.0, 1.0, 5.0])
    split = temporal_split(data, part=0.4)
    assert [data.skills[skill] for skill in split.held_out.indices] == ["b", "d"]
    assert split.train.ages.tolist() == [9.0, 7.0, 5.0]


def test_what_was_taken_up_last_is_held_out_and_not_what_is_done_daily() -> None:
    # A habit of a hundred days, used today, and a novelty of ten days.
    data = Interactions.of_pairs(
        np.zeros(3, dtype=int), np.arange(3), shape=(1, 3), ages=np.array([0.0, 9.0, 50.0]),
        since=np.array([100.0, 10.0, 60.0]),
    )  # fmt: skip
    assert temporal_split(data).held_out.indices.tolist() == [1]


def test_a_fifth_is_held_out_unless_told_otherwise() -> None:
    assert temporal_split(interactions("abcdefghij", ages=list(range(10)))).held_out.nnz == 2
    assert random_split(interactions("abcdefghij")).held_out.nnz == 2


@given(st.integers(0, 1_000))
def test_figures_are_those_of_asking_user_by_user(seed: int) -> None:
    data = drawn(9, 30, seed=seed)
    split = random_split(data, seed=seed, part=0.4)
    # Many scores are level, some skills are never to be recommended.
    scores = np.random.default_rng(seed).integers(0, 4, (9, 30)).astype(float)
    quality = judged(Given(scores), split)
    ndcgs, recalls, seen = [], [], set()
    asked = np.flatnonzero(np.diff(split.held_out.indptr))
    for row, user in enumerate(asked):
        left = scores[row].copy()
        left[split.train.used[[user]].indices] = -np.inf
        first, wanted = best(left, 20), split.held_out[[user]].indices
        gains = [1 / np.log2(place + 2) for place, skill in enumerate(first[:10]) if skill in wanted]
        ndcgs.append(sum(gains) / sum(1 / np.log2(place + 2) for place in range(min(len(wanted), 10))))
        recalls.append(len(set(first) & set(wanted)) / len(wanted))
        seen |= set(first[:10])
    assert quality.users == len(asked)
    assert quality.ndcg == pytest.approx(np.mean(ndcgs) if ndcgs else 0)
    assert quality.recall == pytest.approx(np.mean(recalls) if recalls else 0)
    assert quality.coverage == pytest.approx(len(seen) / 30)


def test_ndcg_and_recall_are_those_of_an_oracle() -> None:
    random = np.random.default_rng(3)
    scores, relevant = random.random((30, 40)), random.random((30, 40)) < 0.2
    rows, columns = np.nonzero(relevant)
    train = Interactions.of_pairs(np.array([], dtype=int), np.array([], dtype=int), shape=(30, 40))
    quality = judged(Given(scores), Split(train, rows_of([columns[rows == user] for user in range(30)], 40)))
    assert quality.ndcg == pytest.approx(ndcg_score(relevant, scores, k=10))
    first = np.argsort(-scores, axis=1)[:, :20]
    assert quality.recall == pytest.approx(
        np.mean([relevant[u, first[u]].sum() / relevant[u].sum() for u in range(30)])
    )
    assert quality.coverage == len(set(first[:, :10].ravel())) / 40
    assert (quality.users, quality.ndcg_margin > 0) == (30, True)


def test_known_skills_are_passed_over_and_users_without_held_out_are_not_asked() -> None:
    data = interactions("abc", "a", "abcd")
    split = Split(
        data.with_used(np.array([True, True, False, True, True, True, True, True])), rows_of([[2], [], []], 4)
    )
    quality = judged(Given(np.array([[4.0, 3.0, 2.0, 1.0]])), split)
    assert (quality.users, quality.ndcg, quality.recall, quality.coverage) == (1, 1.0, 1.0, 0.5)


def test_the_best_comes_first_and_beats_popularity() -> None:
    candidates = choose(checkerboard(60, 16), split=random_split(checkerboard(60, 16), seed=1))
    ranked = [one.quality.ndcg for one in candidates]
    assert ranked == sorted(ranked, reverse=True)
    (popularity,) = (one for one in candidates if one.settings.name == "popularity")
    assert candidates[0].quality.ndcg > popularity.quality.ndcg + 0.2


def test_where_nobody_has_two_skills_nothing_is_chosen() -> None:
    assert choose(interactions("a", "b", "a")) == []


def test_no_more_users_are_asked_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("session_buddy.learning.choosing._MOST_ASKED", 7)
    assert {one.quality.users for one in choose(drawn(40, 8, seed=2))} == {7}


def test_a_quality_of_nobody_is_nothing() -> None:
    data = interactions("a")
    assert judged(Popularity().fit(data), random_split(data)).users == 0


def test_chances_that_come_true_as_often_as_they_say_are_calibrated_and_others_are_not() -> None:
    random = np.random.default_rng(5)
    scored = [random.random(10) for _ in range(4_000)]
    as_said = [random.random(10) < scores for scores in scored]
    assert calibration_error(scored, as_said) == pytest.approx(0, abs=0.02)
    # What the one half teaches is wrong for the other.
    turned = [hits if user % 2 == 0 else ~hits for user, hits in enumerate(as_said)]
    assert (calibration_error(scored, turned) or 0) > 0.4


def test_the_calibration_of_few_users_is_not_told() -> None:
    scored, hits = [np.array([0.5])] * 99, [np.array([True])] * 99
    assert calibration_error(scored, hits) is None
    assert calibration_error([*scored, scored[0]], [*hits, hits[0]]) == 0
