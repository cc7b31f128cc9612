"""Names and descriptions of skills to numbers whose products tell how alike two skills are. Pure.

Three kinds of features: words and pairs of neighbours; pieces of two to five letters; the same pieces of the name
alone. Each is weighed by how few texts have it, as TF-IDF does, and has length 1 before the three are put together.
Places in the rows follow from a hash, so there is no vocabulary to keep. Where there are vectors of meaning, they join
in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

__all__ = ["PLACES", "WHOLE", "Floats", "Meaning", "SkillText", "Sparse", "Weighing", "Wording", "counted", "likeness"]

Floats = NDArray[np.float64]
Meaning = NDArray[np.float32]
"""A row of length 1 for each text, of a model that puts texts close together that mean alike."""
Sparse = Any
_PLACES = 1 << 18
"""So many places has each kind of features: of 50,000 features about a tenth share theirs."""
_PIECES = (2, 5)
_SHARES = (0.25, 0.25, 0.15)
"""What words, pieces and the name's pieces count."""
WHOLE = sum(_SHARES)
"""The likeness of a text's features with themselves."""
PLACES = _PLACES * len(_SHARES)
"""The width of a row."""
_MEANING = 0.35
_NEARNESS = 2.0
"""Of vectors with cosine c the likeness is exp(-2 (1 - c)): the nearest count most."""


class SkillText(NamedTuple):
    """What is known of a skill in words."""

    name: str
    description: str = ""


class Wording(NamedTuple):
    """How texts are taken apart; given by whoever calls, since a search takes them apart alike."""

    spoken: Callable[[str], str]
    """A name as words."""
    stems: Callable[[str], list[str]]
    """The stems of a text, in its order."""


class Weighing(NamedTuple):
    """How much each feature counts, learned from the texts that somebody put into categories."""

    places: NDArray[np.int32]
    """Those of the features that were seen, in ascending order."""
    weights: NDArray[np.float32]
    unseen: float
    """The weight of every other one: it is like nothing, but a text of such features is like nothing, too."""

    @classmethod
    def of(cls, counts: Sparse) -> Weighing:
        """Return it for the rows of *counts*: 1 + ln((1 + n) / (1 + rows that have the feature))."""
        places, rows = np.unique(counts.indices, return_counts=True)
        total = 1 + counts.shape[0]
        weights = 1 + np.log(total / (1 + rows))
        return cls(places.astype(np.int32), weights.astype(np.float32), float(1 + np.log(total)))

    def weighed(self, counts: Sparse) -> Sparse:
        """Return the rows of *counts* with each kind of features weighed, of length 1, and put together."""
        found = np.searchsorted(self.places, counts.indices)
        found = np.minimum(found, max(0, len(self.places) - 1))
        is_seen = self.places[found] == counts.indices if len(self.places) else np.zeros(len(found), dtype=bool)
        known = self.weights[found] if len(self.places) else np.zeros(len(found))
        data = (1 + np.log(counts.data)) * np.where(is_seen, known, self.unseen)
        kind = counts.indices // _PLACES
        row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        squares = np.zeros((counts.shape[0], len(_SHARES)))
        np.add.at(squares, (row, kind), data * data)
        scale = np.sqrt(np.array(_SHARES))[kind] / np.sqrt(squares[row, kind])
        return sparse.csr_matrix((data * scale, counts.indices, counts.indptr), shape=counts.shape, dtype=np.float32)


def counted(texts: Sequence[SkillText], wording: Wording) -> Sparse:
    """Return how often each feature is in each of *texts*, one row each."""
    from sklearn.feature_extraction.text import HashingVectorizer  # type: ignore[import-untyped]

    names = [wording.spoken(text.name) for text in texts]
    whole = [f"{name} . {text.description}" for name, text in zip(names, texts, strict=True)]
    options: dict[str, Any] = {"n_features": _PLACES, "norm": None, "alternate_sign": False, "dtype": np.float32}
    words = HashingVectorizer(analyzer=lambda text: _with_pairs(wording.stems(text)), **options)
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=_PIECES, **options)
    parts = [words.transform(whole), pieces.transform(whole), pieces.transform(names)] if texts else []
    if not parts:
        return sparse.csr_matrix((0, PLACES), dtype=np.float32)
    joined = sparse.hstack(parts, format="csr")
    joined.sort_indices()
    return joined


def likeness(ours: Sparse, theirs: Sparse, meaning: tuple[Meaning, Meaning] | None = None) -> Floats:
    """Return how alike each row of *ours* is to each of *theirs*, both weighed; 1 means the same."""
    words = np.asarray((ours @ theirs.T).toarray(), dtype=np.float64)
    if meaning is None:
        return words / WHOLE
    ours_mean, theirs_mean = (side.astype(np.float64) for side in meaning)
    return words + _MEANING * np.exp(-_NEARNESS * (1 - ours_mean @ theirs_mean.T))


def _with_pairs(stems: list[str]) -> list[str]:
    return [*stems, *(f"{first} {second}" for first, second in pairwise(stems))]
