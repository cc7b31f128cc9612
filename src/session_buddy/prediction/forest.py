"""Trees as plain arrays: fitted by scikit-learn, kept and read without unpickling anything. Pure.

A store may come from anybody. What is kept in it is numbers, and nothing that is read from it is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.errors import InvalidInput

__all__ = ["Forest", "averaged", "exported"]

Numbers = NDArray[np.float64]
_ROWS_AT_ONCE = 2_000
_LEAF = -1
_DEEPEST = 64


class Forest(msgspec.Struct, frozen=True):
    """A sum of trees. Nodes of all trees stand one behind the other, as little-endian bytes."""

    base: float
    columns: int
    """How many features it may ask about."""
    roots: bytes
    """Where each tree begins, int32."""
    features: bytes
    """The feature that a node asks about, int32; -1 in a leaf."""
    thresholds: bytes
    """Up to this value, the way goes left, float64."""
    lefts: bytes
    """int32; the way right is :attr:`rights`."""
    rights: bytes
    nodes: bytes
    """The value of a leaf, and of any other node the mean of its leaves by how many uses were there, float64."""
    depth: int

    def __post_init__(self) -> None:
        sizes = {len(self.features) // 4, len(self.thresholds) // 8, len(self.lefts) // 4, len(self.rights) // 4}
        count = len(self.nodes) // 8
        places = (self._ints(self.roots), self._ints(self.lefts), self._ints(self.rights))
        asked = self._ints(self.features)
        is_whole = (
            sizes == {count}
            and all(((one >= 0) & (one < count)).all() for one in places)
            and ((asked >= _LEAF) & (asked < self.columns)).all()
            and 0 <= self.depth <= _DEEPEST
        )
        if not is_whole:
            raise InvalidInput("forest", "is damaged.", remedy="Learn it again: 'session-buddy refresh prediction'.")

    def values(self, features: Numbers) -> Numbers:
        """Return the sum of the trees for each row."""
        nodes = np.frombuffer(self.nodes, dtype="<f8")
        return self.base + np.concatenate(
            [nodes[at].sum(axis=1) for at in (self._leaves(part) for part in _parts(features))]
            or [np.empty(0, dtype=np.float64)]
        )

    def contributions(self, features: Numbers) -> tuple[float, Numbers]:
        """Return what all rows begin with, and what each feature adds to each row.

        Each step down a tree changes the mean of the leaves below; the change is put down to the feature asked about.
        What a tree begins with and what its features add make its value, exactly.
        Source: Palczewska and others, "Interpreting random forest classification models", arXiv:1312.1121.
        """
        nodes, roots = np.frombuffer(self.nodes, dtype="<f8"), self._ints(self.roots)
        asked = np.maximum(self._ints(self.features), 0)
        sums = np.zeros(len(features) * self.columns)
        rows = np.arange(len(features))[:, None] * self.columns
        at = np.broadcast_to(roots, (len(features), len(roots)))
        values = nodes[at]
        for below in self._ways_down(features):
            values_below = nodes[below]
            sums += np.bincount((rows + asked[at]).ravel(), (values_below - values).ravel(), minlength=len(sums))
            at, values = below, values_below
        return self.base + float(nodes[roots].sum()), sums.reshape(len(features), self.columns)

    def _leaves(self, features: Numbers) -> NDArray[np.int32]:
        at: NDArray[np.int32] = np.tile(self._ints(self.roots), (len(features), 1))
        for below in self._ways_down(features):
            at = below
        return at

    def _ways_down(self, features: Numbers) -> Iterator[NDArray[np.int32]]:
        """Yield for each row and tree the node below the one before, from the roots on; a leaf is below itself."""
        lefts, rights = self._ints(self.lefts), self._ints(self.rights)
        asked, thresholds = self._ints(self.features), np.frombuffer(self.thresholds, dtype="<f8")
        flat, rows = features.ravel(), np.arange(len(features))[:, None] * features.shape[1]
        at: NDArray[np.int32] = np.tile(self._ints(self.roots), (len(features), 1))
        for _ in range(self.depth):
            # In a leaf, which asks about nothing, both ways are the leaf.
            at = np.where(flat[rows + asked[at]] <= thresholds[at], lefts[at], rights[at])
            yield at

    @staticmethod
    def _ints(numbers: bytes) -> NDArray[np.int32]:
        return np.frombuffer(numbers, dtype="<i4")


def averaged(forests: Sequence[Forest]) -> Forest:
    """Return one forest whose values are the mean of those of *forests*, which ask about the same features."""
    starts = np.cumsum([0, *(len(one.nodes) // 8 for one in forests[:-1])])

    def moved(places: Sequence[bytes]) -> bytes:
        parts = [np.frombuffer(one, dtype="<i4") + start for one, start in zip(places, starts, strict=True)]
        return np.concatenate(parts).astype("<i4").tobytes()

    return Forest(
        sum(one.base for one in forests) / len(forests),
        forests[0].columns,
        moved([one.roots for one in forests]),
        b"".join(one.features for one in forests),
        b"".join(one.thresholds for one in forests),
        moved([one.lefts for one in forests]),
        moved([one.rights for one in forests]),
        (np.concatenate([np.frombuffer(one.nodes, dtype="<f8") for one in forests]) / len(forests)).tobytes(),
        max(one.depth for one in forests),
    )


def exported(model: Any, features: Numbers) -> Forest:
    """Return the trees of a fitted model of scikit-learn's histogram boosting with one output.

    Its nodes have no public name. So what is exported is held against what the model itself says of *features*;
    :class:`InvalidInput` is raised where the two differ, after a change in scikit-learn say.
    """
    trees = [stage[0].nodes for stage in model._predictors]
    sizes = np.array([len(nodes) for nodes in trees])
    roots = np.cumsum(sizes) - sizes
    nodes: Any = np.concatenate(trees)
    offset = np.repeat(roots, sizes)
    is_leaf = nodes["is_leaf"].astype(bool)
    here = np.arange(len(nodes))
    lefts = np.where(is_leaf, here, nodes["left"].astype(np.int64) + offset)
    rights = np.where(is_leaf, here, nodes["right"].astype(np.int64) + offset)
    forest = Forest(
        float(np.ravel(model._baseline_prediction)[0]),
        int(model.n_features_in_),
        roots.astype("<i4").tobytes(),
        np.where(is_leaf, _LEAF, nodes["feature_idx"].astype(np.int64)).astype("<i4").tobytes(),
        nodes["num_threshold"].astype("<f8").tobytes(),
        lefts.astype("<i4").tobytes(),
        rights.astype("<i4").tobytes(),
        _means(nodes, lefts, rights, is_leaf).astype("<f8").tobytes(),
        int(nodes["depth"].max(initial=0)),
    )
    told = model.decision_function(features) if hasattr(model, "decision_function") else model.predict(features)
    if not np.allclose(forest.values(features), told, rtol=0, atol=1e-9):
        raise InvalidInput(
            "model", "does not say the same once it is exported.", remedy="Use a version of scikit-learn below 2."
        )
    return forest


def _means(nodes: Any, lefts: Any, rights: Any, is_leaf: NDArray[np.bool_]) -> Numbers:
    """Return the value of each node: scikit-learn shrinks those of leaves alone, so others are counted from below."""
    values: Numbers = np.where(is_leaf, nodes["value"], 0.0)
    counts = nodes["count"].astype(np.float64)
    for depth in range(int(nodes["depth"].max(initial=0)) - 1, -1, -1):
        (at,) = np.nonzero((nodes["depth"] == depth) & ~is_leaf)
        left, right = lefts[at], rights[at]
        values[at] = (counts[left] * values[left] + counts[right] * values[right]) / (counts[left] + counts[right])
    return values


def _parts(features: Numbers) -> list[Numbers]:
    return [features[start : start + _ROWS_AT_ONCE] for start in range(0, len(features), _ROWS_AT_ONCE)]
