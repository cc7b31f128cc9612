"""Recommenders that are one matrix of weights from skills to skills: item-kNN and EASE."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse  # type: ignore[import-untyped]

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores

__all__ = ["Ease", "ItemKnn"]

_MOST_DENSE = 6_000
"""Rows of the largest matrix that is inverted: 290 MB, half a minute on two cores."""
_BLOCK = 512


class ItemKnn(Recommender):
    """Weights are cosines between the users of two skills; of each skill's row the *neighbours* highest are kept.

    Source: M. Deshpande and G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22 (2004).
    """

    name = "item-kNN"

    def __init__(self, neighbours: int = 50) -> None:
        self._neighbours = neighbours

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        norms = np.sqrt(np.maximum(data.users_of_skills, 1))
        scaled = data.used @ sparse.diags_array(1 / norms)
        cosines = Matrix(scaled.T @ scaled)
        cosines.setdiag(0)
        cosines.eliminate_zeros()
        self._weights = Matrix(_strongest(cosines, self._neighbours).T)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        return np.asarray((profiles @ self._weights).todense(), dtype=np.float64)

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return int(self._weights.shape[0])


class Ease(Recommender):
    """Weights that restore each column from the others with least squares and a *ridge*, in closed form.

    With P = (X'X + ridge I)^-1 the weights are -P_ij / P_jj; the diagonal counts for skills that a profile has, and
    those are not recommended. Where there are fewer users than
    skills, P is had from the users' products (Woodbury) and the weights are not written out, so the smaller side
    decides the cost of a fit. Where both sides are larger than what can be inverted, only the skills with the most
    users take part.
    Source: H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    name = "EASE"

    def __init__(self, ridge: float = 100.0) -> None:
        self._ridge = ridge

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        users, skills = data.used.shape
        self._width, self._part = int(skills), None
        used = data.used
        if min(users, skills) > _MOST_DENSE:
            self._part = np.sort(np.argsort(-data.users_of_skills, kind="stable")[:_MOST_DENSE])
            used = Matrix(used[:, self._part])
        self._weights = _Written(used, self._ridge) if used.shape[1] <= users else _Factored(used, self._ridge)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`. Those of skills that a profile has mean nothing."""
        if self._part is None:
            return self._weights.applied(profiles)
        scores = np.zeros((profiles.shape[0], self._width))
        scores[:, self._part] = self._weights.applied(Matrix(profiles[:, self._part]))
        return scores

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return self._width


class _Written:
    """The weights as a matrix, skills by skills."""

    def __init__(self, used: Matrix, ridge: float) -> None:
        inverse = _inverse(np.asarray((used.T @ used).todense(), dtype=np.float64), ridge)
        self._matrix = (inverse / -np.diag(inverse)).astype(np.float32)

    def applied(self, profiles: Matrix) -> Scores:
        return np.asarray(profiles @ self._matrix, dtype=np.float64)


class _Factored:
    """The weights as what they are made of: ridge P = I - X' (XX' + ridge I)^-1 X."""

    def __init__(self, used: Matrix, ridge: float) -> None:
        self._used = used
        self._inverse = _inverse(np.asarray((used @ used.T).todense(), dtype=np.float64), ridge)
        by_skill = used.tocsc()
        self._diagonal = np.concatenate(
            [
                1 - np.asarray(block.multiply(self._inverse @ block).sum(axis=0)).ravel()
                for block in (by_skill[:, start : start + _BLOCK] for start in range(0, used.shape[1], _BLOCK))
            ]
        )

    def applied(self, profiles: Matrix) -> Scores:
        users = np.asarray((profiles @ self._used.T).todense()) @ self._inverse
        scores: Scores = (self._used.T @ users.T).T / self._diagonal
        return scores


def _inverse(products: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    products[np.diag_indices_from(products)] += ridge
    factor = linalg.cho_factor(products, overwrite_a=True, check_finite=False)
    inverse: NDArray[np.float64] = linalg.cho_solve(factor, np.eye(len(products)), check_finite=False)
    return inverse


def _strongest(rows: Matrix, count: int) -> Matrix:
    """Return *rows* with the *count* highest values of each, or as many as there are; ties are kept."""
    sizes = np.diff(rows.indptr)
    kept = np.ones(rows.nnz, dtype=bool)
    for row in np.flatnonzero(sizes > count):
        values = rows.data[rows.indptr[row] : rows.indptr[row + 1]]
        kept[rows.indptr[row] : rows.indptr[row + 1]] = values >= np.partition(values, -count)[-count]
    owners = np.repeat(np.arange(rows.shape[0]), sizes)[kept]
    return Matrix((rows.data[kept], (owners, rows.indices[kept])), shape=rows.shape)
