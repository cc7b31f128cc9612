"""What every recommender does, whatever it learns by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from session_buddy.learning.interactions import Interactions, rows_of
from session_buddy.learning.recommenders.blend import Blend
from session_buddy.learning.recommenders.content import Content
from session_buddy.learning.recommenders.contract import Recommender
from session_buddy.learning.recommenders.linear import Ease, ItemKnn
from session_buddy.learning.recommenders.popularity import Popularity
from session_buddy.learning.recommenders.specified import Specified
from tests.learning.making import checkerboard, drawn

MAKERS: dict[str, Callable[[], Recommender]] = {
    "popularity": Popularity,
    "specification": Specified,
    "specification, summed": lambda: Specified(summed=True),
    "item-kNN": ItemKnn,
    "EASE": lambda: Ease(5.0),
    "content": Content,
    "blend": lambda: Blend("both", [(Ease(5.0), 1.0), (Content(), 0.5)]),
}
PERSONAL = sorted(MAKERS.keys() - {"popularity"})


@pytest.fixture(params=MAKERS)
def recommender(request: pytest.FixtureRequest) -> Recommender:
    return MAKERS[request.param]()


@pytest.mark.parametrize("name", PERSONAL)
def test_what_is_missing_from_the_pattern_is_recommended_first(name: str) -> None:
    board = checkerboard()
    fitted = MAKERS[name]().fit(board)
    for user in range(board.used.shape[0]):
        missing = 2 * ((user // 2) % 8) + user % 2
        assert fitted.recommend(board.used[[user]], 1).tolist() == [missing]


def test_scores_are_finite_and_the_same_each_time(recommender: Recommender) -> None:
    data = drawn(12, 9, seed=4)
    first = recommender.fit(data).scores(data.used)
    assert first.shape == (12, 9)
    assert np.isfinite(first).all()
    assert (recommender.fit(data).scores(data.used) == first).all()


def test_a_row_does_not_depend_on_those_beside_it(recommender: Recommender) -> None:
    data = drawn(12, 9, seed=5)
    together = recommender.fit(data).scores(data.used)
    for user in range(12):
        np.testing.assert_allclose(recommender.scores(data.used[[user]])[0], together[user], atol=1e-12)


def test_the_order_of_users_does_not_matter(recommender: Recommender) -> None:
    data = drawn(30, 9, seed=6)
    scores = recommender.fit(data).scores(data.used[:3])
    rows, columns = data.used.nonzero()
    turned = Interactions.of_pairs(29 - rows, columns, shape=(30, 9), ages=data.ages)
    np.testing.assert_allclose(recommender.fit(turned).scores(data.used[:3]), scores, atol=1e-6)


def test_what_a_profile_has_is_not_recommended(recommender: Recommender) -> None:
    data = drawn(15, 8, seed=7)
    recommender.fit(data)
    for user in range(15):
        row = data.used[[user]]
        recommended = recommender.recommend(row, 20)
        assert len(recommended) == 8 - row.nnz
        assert not set(recommended) & set(row.indices)


def test_an_empty_profile_and_nothing_to_learn_from_are_no_error(recommender: Recommender) -> None:
    data = drawn(6, 5, seed=8)
    assert recommender.fit(data).scores(rows_of([[]], 5)).shape == (1, 5)
    nobody = Interactions.of_pairs(np.array([], dtype=np.int64), np.array([], dtype=np.int64), shape=(3, 4))
    assert recommender.fit(nobody).scores(rows_of([[0]], 4)).shape == (1, 4)
    assert np.isfinite(recommender.scores(rows_of([[0]], 4))).all()


def test_fitting_again_forgets_what_was_learned(recommender: Recommender) -> None:
    data, other = drawn(12, 9, seed=9), drawn(14, 9, seed=10)
    expected = recommender.fit(data).scores(data.used)
    recommender.fit(other)
    assert (recommender.fit(data).scores(data.used) == expected).all()


@pytest.mark.parametrize("name", PERSONAL)
def test_skills_of_one_parity_are_alike(name: str) -> None:
    fitted = MAKERS[name]().fit(checkerboard())
    assert {int(skill) % 2 for skill in fitted.similar(3, 5)} == {1}
    assert 3 not in fitted.similar(3, 15)
