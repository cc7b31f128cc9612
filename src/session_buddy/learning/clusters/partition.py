"""From features to clusters: which skills belong together, how surely, and which belong to none. Pure.

HDBSCAN (Campello, Moulavi, Sander 2013) finds where skills lie densely; k-means is for who wants a certain number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.clusters.features import Vectors, unit

__all__ = ["FEWEST_SKILLS", "Method", "Partition", "centroids", "least_size", "partition"]

FEWEST_SKILLS = 8
"""Fewer skills are too few to cluster."""
_DIMENSIONS = 32
"""Distances say little in more: all points are about equally far from each other there."""
_CONCENTRATION = 20.0
_MOST_TRIED = 30
_MOST_JUDGED = 2_000
_MORE_ALIKE = 0.1
"""So much higher is the mean cosine of two skills of a cluster than that of any two, at least."""


class Method(StrEnum):
    """How clusters were found."""

    HDBSCAN = "hdbscan"
    KMEANS = "kmeans"
    NONE = "none"


@dataclass(frozen=True, eq=False)
class Partition:
    """Which skill is in which cluster; clusters are numbered from 0, the largest first."""

    labels: NDArray[np.int64]
    """The cluster of each skill; -1 for one without."""
    memberships: NDArray[np.float64]
    """How surely it belongs there, 0-1; 0 for a skill without a cluster."""
    method: Method
    reason: str
    """Why it was done so, or why there are no clusters; a sentence."""

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max(initial=-1)) + 1


def partition(features: Vectors, *, seed: int, count: int | None = None) -> Partition:
    """Return the clusters of *features*: the same for the same *seed* on the same machine.

    HDBSCAN finds the dense middles of clusters; a skill outside of all joins the cluster whose centroid is nearest, if
    it is as near as the furthest of that middle, and else stays without. With *count* k-means shares all skills out;
    where HDBSCAN finds fewer than two clusters, too, among as many as have the best silhouette.

    Memberships are those of a mixture of von Mises-Fisher distributions around the centroids, all of concentration 20:
    near 1 deep in a cluster, 0.5 on the border of two.
    """
    skills = len(features)
    if skills < FEWEST_SKILLS:
        few = f"{skills} skills are too few to cluster; it takes {FEWEST_SKILLS}."
        return Partition(np.full(skills, -1, dtype=np.int64), np.zeros(skills), Method.NONE, few)
    if len(np.unique(features, axis=0)) < 3:
        alike = "All skills look alike, so there is nothing to part."
        return Partition(np.full(skills, -1, dtype=np.int64), np.zeros(skills), Method.NONE, alike)
    if count is not None:
        number = max(2, min(count, len(np.unique(features, axis=0))))
        return _finished(features, _shared_out(features, number, seed), Method.KMEANS, f"{number} were asked for.")
    labels = _dense(features, seed)
    if labels is None:
        return _by_silhouette(features, seed)
    return _finished(features, labels, Method.HDBSCAN, _told(labels))


def centroids(vectors: Vectors, found: Partition) -> Vectors:
    """Return the mean direction of each cluster's *vectors*, each weighing as much as it belongs there."""
    sums = np.zeros((found.count, vectors.shape[1]))
    inside = found.labels >= 0
    np.add.at(sums, found.labels[inside], vectors[inside] * found.memberships[inside, None])
    return unit(sums)


def least_size(skills: int) -> int:
    """Return how many of *skills* make a cluster at least: a quarter of the root, and three.

    >>> least_size(60), least_size(900), least_size(3_750)
    (3, 8, 15)
    """
    return max(3, round(float(skills**0.5) / 4))


def _dense(features: Vectors, seed: int) -> NDArray[np.int64] | None:
    """Return the better of two ways to cut HDBSCAN's tree; None where neither gives two clusters.

    Its most persistent branches are right where groups are plain, and two halves of everything where they are not; its
    leaves are the reverse. What decides is the silhouette times the part of skills that are in a cluster.
    """
    # It takes a second to load, and most commands do without.
    from sklearn.cluster import HDBSCAN  # type: ignore[import-untyped]
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]

    kept = min(_DIMENSIONS, *features.shape)
    reduced = unit(PCA(kept, svd_solver="full", random_state=seed).fit_transform(features))
    least, best, labels = least_size(len(features)), -np.inf, None
    for cut in ("eom", "leaf"):
        model = HDBSCAN(min_cluster_size=least, min_samples=2, cluster_selection_method=cut, copy=True)
        found = _alike(features, model.fit(reduced).labels_.astype(np.int64))
        if found.max() < 1:
            continue
        found = _joined(features, found)
        worth = _silhouette(features[found >= 0], found[found >= 0], seed) * float((found >= 0).mean())
        if worth > best:
            best, labels = worth, found
    return labels


def _alike(features: Vectors, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return *labels* without clusters whose skills are hardly more alike than any two skills.

    Where skills lie far from each other, those far from all others look like a group of their own.
    """

    def mean_cosine(vectors: Vectors) -> float:
        # The sum of all products is the square of the sum; those of vectors with themselves are taken out.
        count = len(vectors)
        return float(np.square(vectors.sum(axis=0, dtype=np.float64)).sum() - count) / (count * (count - 1))

    least = mean_cosine(features) + _MORE_ALIKE
    kept = [label for label in range(labels.max() + 1) if mean_cosine(features[labels == label]) >= least]
    renamed = np.full(labels.max() + 2, -1, dtype=np.int64)
    renamed[kept] = np.arange(len(kept))
    found: NDArray[np.int64] = renamed[labels]
    return found


def _joined(features: Vectors, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return *labels* with those added that are as near to a centroid as the furthest of its own."""
    middles = _middles(features, labels)
    cosines = features @ middles.T
    reach = np.array([cosines[labels == label, label].min() for label in range(len(middles))])
    best = cosines.argmax(axis=1)
    joins = (labels < 0) & (cosines[np.arange(len(features)), best] >= reach[best])
    return np.where(joins, best, labels)


def _shared_out(features: Vectors, count: int, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    labels: NDArray[np.int64] = KMeans(count, n_init=4, random_state=seed).fit_predict(features).astype(np.int64)
    return labels


def _by_silhouette(features: Vectors, seed: int) -> Partition:
    most = min(_MOST_TRIED, int(len(features) ** 0.5) + 1, len(np.unique(features, axis=0)) - 1)
    tried = {count: _shared_out(features, count, seed) for count in range(2, most + 1)}
    best = max(tried, key=lambda count: (_silhouette(features, tried[count], seed), -count))
    why = (
        f"No dense groups were found, so all skills were shared out among {best}, the number with the best silhouette."
    )
    return _finished(features, tried[best], Method.KMEANS, why)


def _silhouette(features: Vectors, labels: NDArray[np.int64], seed: int) -> float:
    from sklearn.metrics import silhouette_score  # type: ignore[import-untyped]

    if len(features) > _MOST_JUDGED:
        drawn = np.random.default_rng(seed).choice(len(features), _MOST_JUDGED, replace=False)
        features, labels = features[drawn], labels[drawn]
    return float(silhouette_score(features, labels, metric="cosine"))


def _finished(features: Vectors, labels: NDArray[np.int64], method: Method, reason: str) -> Partition:
    """Return the partition with its clusters numbered by size, and how surely each skill belongs to its own."""
    sizes = np.bincount(labels[labels >= 0])
    # Of equally large ones that of the first skill comes first: numbers of an algorithm mean nothing.
    first = np.array(
        [np.flatnonzero(labels == label)[0] if sizes[label] else len(labels) for label in range(len(sizes))]
    )
    order = [label for label in np.lexsort((first, -sizes)) if sizes[label]]
    renamed = np.full(len(sizes) + 1, -1, dtype=np.int64)
    renamed[order] = np.arange(len(order))
    labels = renamed[labels]
    nearness = np.exp(_CONCENTRATION * (features @ _middles(features, labels).T).astype(np.float64))
    own = nearness[np.arange(len(features)), np.maximum(labels, 0)]
    memberships = np.where(labels >= 0, own / nearness.sum(axis=1), 0.0)
    return Partition(labels, memberships, method, reason)


def _middles(features: Vectors, labels: NDArray[np.int64]) -> Vectors:
    return unit(np.stack([features[labels == label].mean(axis=0) for label in range(labels.max() + 1)]))


def _told(labels: NDArray[np.int64]) -> str:
    alone = int((labels < 0).sum())
    return f"{alone} of {len(labels)} skills lie too far from every cluster, and stay without." if alone else ""
