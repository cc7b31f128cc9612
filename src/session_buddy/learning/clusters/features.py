"""How alike skills are: by what they are for, and by what they are used with. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

__all__ = ["CO_USE_WEIGHT", "Vectors", "co_use_vectors", "joined", "nearest", "unit"]

Vectors = NDArray[np.float32]
"""Skills in rows. Of unit length, or all zero where nothing is known; so a product of two rows is a cosine."""

CO_USE_WEIGHT = 0.3
"""The part of co-use in the likeness of two skills that were both used in very many sessions; texts have the rest."""
_HALF_SESSIONS = 10.0
"""With so many sessions a skill's co-use has half the weight."""
_DIMENSIONS = 32
_EMPTY = 1e-12
_ROWS_AT_ONCE = 512


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Return *vectors* with each row of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.where(lengths > _EMPTY, lengths, 1)).astype(np.float32)
    return scaled


def co_use_vectors(
    pairs: NDArray[np.int64], together: NDArray[np.float64], sessions: NDArray[np.float64], *, total: float, seed: int
) -> Vectors:
    """Return one row a skill, alike for skills that are used with the same ones.

    *pairs*: two skills by number a row, each pair once; *together*: the sessions with both; *sessions*: those of each
    skill, of *total*. Positive pointwise mutual information, ``max(0, ln(total * both / (a * b)))``, with a skill's
    own information on the diagonal, in at most 32 dimensions by a truncated SVD. Without partners a row is zero.
    """
    count = len(sessions)
    known = (together > 0) & (sessions[pairs[:, 0]] > 0) & (sessions[pairs[:, 1]] > 0)
    pairs, together = pairs[known], together[known]
    expected = sessions[pairs[:, 0]] * sessions[pairs[:, 1]]
    surprise = np.log(np.maximum(total * together / expected, 1.0))
    apart = surprise > 0
    rows, columns, surprise = pairs[apart, 0], pairs[apart, 1], surprise[apart]
    partnered = np.unique(np.concatenate([rows, columns]))
    if len(partnered) == 0:
        return np.zeros((count, 1), dtype=np.float32)
    own = np.log(np.maximum(total / sessions[partnered], 1.0))
    matrix = sparse.csr_array(
        (
            np.concatenate([surprise, surprise, own]),
            (np.concatenate([rows, columns, partnered]), np.concatenate([columns, rows, partnered])),
        ),
        shape=(count, count),
    )
    return unit(_reduced(matrix, partnered, seed))


def joined(texts: Vectors, co_use: Vectors, sessions: NDArray[np.float64], *, weight: float = CO_USE_WEIGHT) -> Vectors:
    """Return features whose cosine is ``(1 - w) * cosine of texts + w * cosine of co-use``.

    ``w`` is *weight* for skills with very many *sessions*, half of it for those with ten, and none for a skill that is
    used with nothing: what was seen a few times says little. Of two skills with different ``w`` the roots count.
    """
    told = weight * sessions / (sessions + _HALF_SESSIONS) * np.any(co_use != 0, axis=1)
    halves = [np.sqrt(1 - told)[:, None] * texts, np.sqrt(told)[:, None] * co_use]
    return unit(np.hstack(halves))


def nearest(vectors: Vectors, count: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return, for each row, the numbers of the up to *count* other rows with the highest cosine, and that cosine.

    The nearest first; of equally near ones the first comes first.
    """
    kept = max(0, min(count, len(vectors) - 1))
    places = np.zeros((len(vectors), kept), dtype=np.int32)
    cosines = np.zeros((len(vectors), kept), dtype=np.float32)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        block = vectors[start : start + _ROWS_AT_ONCE] @ vectors.T
        inside = np.arange(len(block))
        block[inside, inside + start] = -np.inf
        order = np.argsort(-block, axis=1, kind="stable")[:, :kept]
        places[start : start + len(block)] = order
        cosines[start : start + len(block)] = np.take_along_axis(block, order, axis=1)
    return places, cosines


def _reduced(matrix: sparse.csr_array, partnered: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    count, some = matrix.shape[0], len(partnered)
    found = np.zeros((count, min(_DIMENSIONS, some)))
    if some <= _DIMENSIONS:
        # So few dimensions need no reducing: each skill is its row.
        found[partnered] = matrix[partnered][:, partnered].toarray()
        return found
    # It takes a second to load, and most commands do without.
    from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]

    model = TruncatedSVD(_DIMENSIONS, random_state=seed)
    found[partnered] = model.fit_transform(matrix[partnered][:, partnered])
    # Skills are compared on both sides of a symmetric matrix, so each side takes half of the singular values.
    found /= np.sqrt(np.maximum(model.singular_values_, _EMPTY))
    return found
