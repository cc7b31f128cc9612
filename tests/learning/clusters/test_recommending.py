from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.clusters.recommending import Belonging, ClusterMates
from session_buddy.learning.interactions import Interactions
from tests.learning.making import checkerboard, drawn, interactions

KNOWN = {
    "a": Belonging("containers", 1.0),
    "b": Belonging("containers", 0.9),
    "c": Belonging("containers", 0.5),
    "x": Belonging("tests", 1.0),
    "y": Belonging("tests", 0.8),
    "never seen": Belonging("tests", 1.0),
}


def fitted(rates: dict[str, float] | None = None) -> tuple[ClusterMates, Interactions]:
    data = interactions("abcxyz", "a")
    told = [1.0 if rates is None else rates.get(name, 1.0) for name in data.skills]
    data = Interactions(data.skills, data.used, data.ages, data.since, np.array(told), data.texts)
    return ClusterMates(KNOWN).fit(data), data


def test_the_surest_of_the_same_cluster_come_first() -> None:
    recommender, data = fitted()
    found = [data.skills[place] for place in recommender.recommend(data.profile("a"), 3)]
    assert found[:2] == ["b", "c"]
    assert recommender.scores(data.profile("a"))[0][data.places["x"]] == 0


def test_scores_are_share_by_membership_by_success() -> None:
    recommender, data = fitted({"b": 0.4, "y": 0.5})
    scores = recommender.scores(data.profile("ax"))[0]
    assert scores[data.places["b"]] == pytest.approx(0.5 * 0.9 * 0.4)
    assert scores[data.places["c"]] == pytest.approx(0.5 * 0.5)
    assert scores[data.places["y"]] == pytest.approx(0.5 * 0.8 * 0.5)
    assert scores[data.places["z"]] == 0, "in no cluster"
    assert [data.skills[place] for place in recommender.recommend(data.profile("ax"), 1)] == ["c"], "b fails too often"


def test_a_profile_without_clusters_has_scores_of_all() -> None:
    recommender, data = fitted()
    for nothing in (data.profile(""), data.profile("z")):
        assert recommender.scores(nothing)[0][data.places["x"]] == pytest.approx(0.5)


def test_it_says_why() -> None:
    recommender, data = fitted({"c": 0.94})
    why = recommender.explain(data.profile("abx"), data.places["c"])
    assert why is not None
    assert (why.cluster, why.membership, why.used, why.success) == ("containers", 0.5, ("a", "b"), 0.94)
    assert str(why) == "in the cluster “containers” with a, b, completed 94 %"
    assert recommender.explain(data.profile("ab"), data.places["x"]) is None
    assert recommender.explain(data.profile("ab"), data.places["z"]) is None


def test_clusters_are_found_where_none_are_known() -> None:
    data = checkerboard()
    recommender = ClusterMates(seed=1).fit(data)
    profile = data.profile([data.skills[0], data.skills[2]])
    best = recommender.recommend(profile, 6)
    assert {data.skills[place].split()[0] for place in best} == {data.skills[0].split()[0]}


@pytest.mark.parametrize("shape", [(0, 0), (3, 2), (40, 30)])
def test_any_interactions_are_learned_from(shape: tuple[int, int]) -> None:
    data = drawn(*shape, seed=3)
    recommender = ClusterMates(seed=1).fit(data)
    again = ClusterMates(seed=1).fit(data)
    scores = recommender.scores(data.used)
    assert scores.shape == shape and np.isfinite(scores).all()
    assert (scores == again.scores(data.used)).all()
    assert recommender.width == shape[1]
