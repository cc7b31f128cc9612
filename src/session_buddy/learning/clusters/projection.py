"""Skills on a map of two dimensions, which stays where it was as far as it can. Pure.

t-SNE (van der Maaten, Hinton 2008) keeps neighbours together, a principal component analysis keeps distances; which
of the two is drawn is decided by trustworthiness (Venna, Kaski 2001): 1 less a penalty for each neighbour on the map
that is none in truth, by how far away it is there; 1 is perfect, and chance gives about a half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.clusters.features import Vectors

__all__ = ["Positions", "Projection", "projected"]

Positions = NDArray[np.float64]
"""Skills in rows; both coordinates lie between -1 and 1."""

_DIMENSIONS = 32
_NEIGHBOURS = 10
_PERPLEXITY = 30.0
_MOST_FOR_TSNE = 10_000
"""More skills would take minutes."""
_FEWEST_FOR_TSNE = 8
_MOST_JUDGED = 1_500
_FEWEST_IN_COMMON = 4
_FIRST_STEPS, _FURTHER_STEPS = 750, 250
_GENTLE = 100.0
"""A learning rate at which a map that is right already moves by a hundredth of its size."""
_FAVOUR = 0.03
_SPREAD = 10.0
"""What t-SNE makes of a map in its own units, about; a map that goes on begins with it."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A map, and how far it can be trusted."""

    positions: Positions
    algorithm: str
    """``t-SNE``, ``PCA``, or ``none`` where there is at most one place."""
    trustworthiness: float | None
    """Of ten neighbours, 0-1; None where there are too few skills to tell."""


def projected(
    features: Vectors,
    names: Sequence[str],
    before: Mapping[str, tuple[float, float]],
    *,
    seed: int,
    last: str | None = None,
) -> Projection:
    """Return where the skills called *names* lie: the same for the same arguments on the same machine.

    *before*: where skills lay on the last map. Where half of these skills were on it, it goes on from there: new ones
    begin among their neighbours, and all move a little. *last*: its algorithm, which stays unless the other can be
    trusted more by 0.03.
    """
    count = len(features)
    if count < 2 or len(np.unique(features, axis=0)) < 2:
        return Projection(np.zeros((count, 2)), "none", None)
    # They take a second to load, and most commands do without.
    from sklearn.decomposition import PCA  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    kept = min(_DIMENSIONS, *features.shape)
    # With several threads sums come in any order, and the map would not be the same again.
    with threadpool_limits(limits=1):
        reduced = PCA(kept, svd_solver="full", random_state=seed).fit_transform(features.astype(np.float64))
        flat = np.hstack([reduced, np.zeros((count, 1))])[:, :2]
        maps = {"PCA": flat}
        if _FEWEST_FOR_TSNE <= count <= _MOST_FOR_TSNE:
            maps["t-SNE"] = _spread(reduced, _start(features, names, before), seed)
    judged = {name: _trustworthiness(features, found, seed) for name, found in maps.items()}
    best = max(maps, key=lambda name: (judged[name] or 0.0) + (_FAVOUR if name == last else 0.0))
    return Projection(_laid(maps[best], names, before), best, judged[best])


def _start(features: Vectors, names: Sequence[str], before: Mapping[str, tuple[float, float]]) -> Positions | None:
    """Return where the map goes on from, or None where it is begun anew."""
    known = np.array([name in before for name in names])
    if known.sum() < max(_FEWEST_IN_COMMON, len(names) / 2):
        return None
    places = np.array([before.get(name, (0.0, 0.0)) for name in names], dtype=np.float64)
    old, new = np.flatnonzero(known), np.flatnonzero(~known)
    for place in new:
        near = old[np.argsort(-(features[old] @ features[place]), kind="stable")[:3]]
        places[place] = places[near].mean(axis=0)
    return places


def _spread(reduced: NDArray[np.float64], start: Positions | None, seed: int) -> Positions:
    from sklearn.manifold import TSNE  # type: ignore[import-untyped]

    perplexity = min(_PERPLEXITY, (len(reduced) - 1) / 3)
    if start is None:
        model = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=_FIRST_STEPS)
    else:
        model = TSNE(
            perplexity=perplexity,
            init=(start * _SPREAD / max(start.std(), 1e-9)).astype(np.float32),
            learning_rate=_GENTLE,
            early_exaggeration=1.0,
            random_state=seed,
            max_iter=_FURTHER_STEPS,
        )
    found: Positions = model.fit_transform(reduced).astype(np.float64)
    return found


def _trustworthiness(features: Vectors, positions: Positions, seed: int) -> float | None:
    from sklearn.manifold import trustworthiness

    count = len(features)
    if count > _MOST_JUDGED:
        drawn = np.sort(np.random.default_rng(seed).choice(count, _MOST_JUDGED, replace=False))
        features, positions, count = features[drawn], positions[drawn], _MOST_JUDGED
    neighbours = min(_NEIGHBOURS, (count - 1) // 2)
    if neighbours < 2 or neighbours >= count / 2:
        return None
    return float(trustworthiness(features, positions, n_neighbors=neighbours))


def _laid(positions: Positions, names: Sequence[str], before: Mapping[str, tuple[float, float]]) -> Positions:
    """Return *positions* turned and mirrored so that skills lie where they lay *before*, between -1 and 1.

    The rotation with the least squares of distances (Schönemann 1966, orthogonal Procrustes).
    """
    centred = positions - (positions.max(axis=0) + positions.min(axis=0)) / 2
    common = [place for place, name in enumerate(names) if name in before]
    if len(common) >= _FEWEST_IN_COMMON:
        ours = centred[common] - centred[common].mean(axis=0)
        theirs = np.array([before[names[place]] for place in common])
        left, _, right = np.linalg.svd(ours.T @ (theirs - theirs.mean(axis=0)))
        centred = centred @ (left @ right)
        centred -= (centred.max(axis=0) + centred.min(axis=0)) / 2
    laid: Positions = centred / max(float(np.abs(centred).max()), 1e-12)
    return laid
