from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from session_buddy.learning.clusters.features import unit
from session_buddy.learning.clusters.partition import Method, centroids, least_size, partition
from tests.learning.clusters.making import grouped, truth


@pytest.mark.parametrize(("groups", "each"), [(3, 8), (6, 20), (12, 60)])
def test_groups_are_found_again(groups: int, each: int) -> None:
    found = partition(grouped(groups, each, seed=5), seed=1)
    assert found.method is Method.HDBSCAN
    assert adjusted_rand_score(truth(groups, each), found.labels) > 0.9
    assert found.count == groups


def test_what_lies_alone_stays_without_and_that_is_said() -> None:
    found = partition(grouped(4, 15, seed=2, alone=6), seed=1)
    assert (found.labels[60:] == -1).all()
    assert (found.memberships[60:] == 0).all()
    alone = int((found.labels < 0).sum())
    assert found.reason == f"{alone} of 66 skills lie too far from every cluster, and stay without."


def test_memberships_are_shares_that_fall_towards_the_border() -> None:
    one, other = np.eye(2, 384)
    middle = unit(np.array([one + other]))[0]
    left, right = unit(one + 0.05 * np.eye(12, 384, 10)), unit(other + 0.05 * np.eye(12, 384, 40))
    found = partition(unit(np.vstack([left, right, [middle]])), seed=1, count=2)
    assert ((found.memberships > 0) & (found.memberships <= 1)).all()
    assert found.memberships[:24].min() > 0.99
    assert found.memberships[24] < 0.9


@pytest.mark.parametrize("skills", [0, 1, 7])
def test_few_are_too_few(skills: int) -> None:
    found = partition(grouped(1, skills, seed=1), seed=1)
    assert found.count == 0 and found.method is Method.NONE
    assert found.reason == f"{skills} skills are too few to cluster; it takes 8."
    assert (found.labels == -1).all()


def test_so_many_as_are_asked_for() -> None:
    found = partition(grouped(4, 10, seed=3, alone=5), seed=1, count=6)
    assert found.count == 6 and found.method is Method.KMEANS
    assert (found.labels >= 0).all()
    assert partition(grouped(2, 5, seed=3), seed=1, count=1_000).count == 10


def test_without_dense_groups_all_are_shared_out() -> None:
    found = partition(unit(np.random.default_rng(4).normal(size=(9, 384))), seed=1)
    assert found.method is Method.KMEANS
    assert (found.labels >= 0).all() and 2 <= found.count <= 4
    assert "best silhouette" in found.reason


def test_where_all_are_alike_there_is_nothing_to_part() -> None:
    for skills in (np.tile(np.eye(1, 384), (20, 1)), np.zeros((20, 384))):
        found = partition(skills.astype(np.float32), seed=1)
        assert found.count == 0 and found.reason.startswith("All skills look alike")


def test_the_same_seed_gives_the_same_and_the_order_of_skills_means_nothing() -> None:
    vectors = grouped(5, 30, seed=8, alone=20)
    first, again = partition(vectors, seed=3), partition(vectors, seed=3)
    assert (first.labels == again.labels).all() and (first.memberships == again.memberships).all()
    order = np.random.default_rng(1).permutation(len(vectors))
    assert adjusted_rand_score(first.labels[order], partition(vectors[order], seed=3).labels) > 0.95


def test_clusters_are_numbered_by_size() -> None:
    vectors = np.vstack([grouped(1, 8, seed=1), grouped(1, 30, seed=2), grouped(1, 15, seed=3)])
    found = partition(vectors, seed=1)
    assert np.bincount(found.labels[found.labels >= 0]).tolist() == [30, 15, 8]


def test_centroids_are_mean_directions_by_membership() -> None:
    vectors = grouped(3, 12, seed=6)
    found = partition(vectors, seed=1)
    found = replace(found, memberships=np.random.default_rng(2).random(len(vectors)))
    for label, middle in enumerate(centroids(vectors, found)):
        own = found.labels == label
        expected = (vectors[own] * found.memberships[own, None]).sum(axis=0)
        assert np.allclose(middle, expected / np.linalg.norm(expected), atol=1e-5)
    assert centroids(vectors[:3], partition(vectors[:3], seed=1)).shape == (0, 384)


def test_the_least_size_grows_slowly() -> None:
    sizes = [least_size(skills) for skills in range(8, 4_000)]
    assert sizes == sorted(sizes) and sizes[0] == 3
