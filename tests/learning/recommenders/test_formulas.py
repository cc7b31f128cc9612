"""Each recommender beside its formula, written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.learning import choosing
from session_buddy.learning.interactions import rows_of
from session_buddy.learning.neighbours import Neighbourhood
from session_buddy.learning.recommenders import linear
from session_buddy.learning.recommenders.blend import Blend
from session_buddy.learning.recommenders.content import Content
from session_buddy.learning.recommenders.linear import Ease, ItemKnn
from session_buddy.learning.recommenders.popularity import Popularity
from session_buddy.learning.recommenders.specified import Specified
from tests.learning.making import drawn, interactions


@pytest.mark.parametrize(("users", "skills"), [(40, 12), (12, 40)])
def test_ease(users: int, skills: int) -> None:
    data = drawn(users, skills, seed=users)
    used = data.used.toarray().astype(float)
    inverse = np.linalg.inv(used.T @ used + 7.0 * np.eye(skills))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    expected, found = used @ weights, Ease(7.0).fit(data).scores(data.used)
    unknown = used == 0
    np.testing.assert_allclose(found[unknown], expected[unknown], rtol=1e-5, atol=1e-6)


def test_ease_of_the_most_used_skills_where_all_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn(30, 20, seed=3)
    monkeypatch.setattr(linear, "_MOST_DENSE", 10)
    part = Ease(5.0).fit(data).scores(data.used)
    taking_part = np.argsort(-data.users_of_skills, kind="stable")[:10]
    others = np.setdiff1d(np.arange(20), taking_part)
    assert (part[:, others] == 0).all()
    used = data.used.toarray()[:, taking_part].astype(float)
    inverse = np.linalg.inv(used.T @ used + 5.0 * np.eye(10))
    unknown = used == 0
    expected = (used @ (-inverse / np.diag(inverse)))[unknown]
    np.testing.assert_allclose(part[:, taking_part][unknown], expected, rtol=1e-5, atol=1e-6)


def test_item_knn() -> None:
    data = drawn(40, 12, seed=11)
    used = data.used.toarray().astype(float)
    norms = np.sqrt(np.maximum(used.sum(axis=0), 1))
    cosines = used.T @ used / norms / norms[:, None]
    np.fill_diagonal(cosines, 0)
    kept = np.where(cosines >= np.sort(cosines, axis=1)[:, -4:][:, :1], cosines, 0)
    np.testing.assert_allclose(ItemKnn(4).fit(data).scores(data.used), used @ kept.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("summed", [False, True])
def test_the_specification(summed: bool) -> None:
    data = drawn(25, 10, seed=12)
    rates = np.linspace(0.1, 1.0, 10)
    data = type(data)(data.skills, data.used, data.ages, data.since, rates, data.texts)
    sets = [set(data.used[[user]].indices.tolist()) for user in range(25)]
    profile = {1, 4, 5}
    expected = []
    for skill in range(10):
        similarities = [len(profile & one) / len(profile | one) for one in sets if skill in one]
        expected.append((sum(similarities) if summed else max(similarities, default=0)) * rates[skill])
    found = Specified(summed=summed).fit(data).scores(rows_of([sorted(profile)], 10))[0]
    np.testing.assert_allclose(found, expected)


def test_popularity_halves_with_every_half_life() -> None:
    data = interactions("ab", "b", ages=[0.0, 30.0, 60.0])
    assert Popularity(30.0).fit(data).scores(data.used[[0]])[0].tolist() == [1.0, 0.75]
    season = interactions("a", ages=[90.0])
    assert Popularity().fit(season).scores(season.used)[0].tolist() == [0.5], "90 days, unless told otherwise"


def test_content_finds_kin_by_name_and_by_text() -> None:
    texts = ("pytest-run", "pytest-watch runs tests", "dockerBuild", "docker-push", "mypy")
    data = interactions("abcde", texts=texts)
    content = Content().fit(data)
    assert content.similar(0, 1).tolist() == [1]
    assert content.similar(2, 1).tolist() == [3]
    scores = content.scores(rows_of([[0]], 5))[0]
    assert scores[0] == pytest.approx(1)
    assert scores[4] == 0


def test_content_without_any_word_knows_nothing() -> None:
    data = interactions("ab", texts=("…", "!"))
    assert (Content().fit(data).scores(data.used) == 0).all()


def test_a_blend_scales_its_parts_by_what_is_not_known_yet() -> None:
    data = interactions("ab", "bc", "bc", "acd", texts=("xx", "xx", "xx", "yy"))
    popular = Popularity()
    blend = Blend("twice", [(popular, 1.0), (Content(), 0.5)]).fit(data)
    # Of a profile with b and c, the most popular that is left is a.
    assert blend.scores(rows_of([[1, 2]], 4))[0].tolist() == [1.5, 0.0, 0.0, 0.5]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=12), st.sets(st.integers(0, 7)))
def test_jaccard(users: list[set[int]], profile: set[int]) -> None:
    found = Neighbourhood(rows_of([sorted(one) for one in users], 8)).similarities(np.array(sorted(profile), dtype=int))
    assert found.tolist() == [len(profile & one) / len(profile | one) if profile | one else 0 for one in users]


def test_a_twin_outranks_whoever_used_one_skill_very_often() -> None:
    rows = ["abc", "a", "abcdef"]
    data = interactions(*rows)
    nearest, similarities = Neighbourhood(data.used).nearest(np.array([0, 1, 2]), 5)
    assert nearest.tolist() == [0, 2, 1]
    assert similarities.tolist() == [1.0, 0.5, 1 / 3]


def test_whoever_asks_is_no_neighbour_and_of_those_alike_the_first_comes_first() -> None:
    data = interactions("ab", "ab", "ab", "c", "bd")
    nearest, _ = Neighbourhood(data.used).nearest(np.array([0, 1]), 2, without=0)
    assert nearest.tolist() == [1, 2]
    assert Neighbourhood(data.used).nearest(np.array([], dtype=int), 2)[0].tolist() == []


def test_every_name_has_its_recommender() -> None:
    for settings in (*choosing.NAMED, choosing.DEFAULT, choosing.Settings("EASE with content", 10.0, 0.3)):
        assert choosing.recommender_of(settings).name == settings.name
