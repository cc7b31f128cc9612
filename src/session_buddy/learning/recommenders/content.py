"""What reads like the skills one has: for skills that nobody used yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores

__all__ = ["Content"]

_WORDS = re.compile(r"[a-z]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Content(Recommender):
    """Scores a skill by the cosine between its text and the mean text of the profile.

    A text is its words, and pieces of three to five letters, which see that ``pytest-run`` and ``pytests`` are kin;
    each half weighs the same. Rare ones weigh more (tf-idf).
    """

    name = "content"

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        halves = [_vectors(data.texts, analyzer=_words), _vectors([" ".join(_words(text)) for text in data.texts])]
        self._vectors = Matrix(sparse.hstack(halves, format="csr") * np.sqrt(0.5))
        self._transposed = Matrix(self._vectors.T)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        means = profiles @ self._vectors
        lengths = np.sqrt(np.asarray(means.multiply(means).sum(axis=1)).ravel())
        unit = sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ means
        return np.asarray((unit @ self._transposed).todense(), dtype=np.float64)

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return int(self._vectors.shape[0])


def _words(text: str) -> list[str]:
    return _WORDS.findall(_HUMP.sub(" ", text).lower())


def _vectors(texts: Sequence[str], *, analyzer: Callable[[str], list[str]] | None = None) -> Matrix:
    # It takes a second to load, and most commands do without.
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    try:
        if analyzer is not None:
            found = TfidfVectorizer(analyzer=analyzer, sublinear_tf=True).fit_transform(texts)
        else:
            found = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True).fit_transform(texts)
    except ValueError:  # no text has a word
        return Matrix((len(texts), 1))
    return Matrix(found)
