"""What reads like the skills one has: for skills that nobody used yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores
from session_buddy.learning.words import spoken_name

__all__ = ["Content"]


class Content(Recommender):
    """Scores a skill by the cosine between its text and the mean text of the profile.

    A text is its words, and their pieces of three to five letters, which see that ``pytest-run`` and
    ``pytester`` are kin; each half weighs the same. Rare ones weigh more (tf-idf).
    """

    name = "content"

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        # It takes a second to load, and most commands do without.
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

        self._halves: tuple[Any, ...] = (
            TfidfVectorizer(analyzer=_words, sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", preprocessor=_plain, ngram_range=(3, 5), sublinear_tf=True),
        )
        try:
            self._vectors = _side_by_side([half.fit_transform(data.texts) for half in self._halves])
        except ValueError:  # no text has a word
            self._halves, self._vectors = (), Matrix((len(data.texts), 1))
        self._transposed = Matrix(self._vectors.T)
        return self

    def likeness(self, text: str) -> NDArray[np.float64]:
        """Return how much each skill's text is like *text*, 0-1."""
        if not self._halves:
            return np.zeros(self.width)
        asked = _side_by_side([half.transform([text]) for half in self._halves])
        likeness: NDArray[np.float64] = np.asarray((asked @ self._transposed).todense()).ravel()
        return likeness

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
    return [word for word in spoken_name(text).casefold().split() if word[0].isalnum()]


def _plain(text: str) -> str:
    return " ".join(_words(text))


def _side_by_side(halves: Sequence[Matrix]) -> Matrix:
    """Return vectors of length 1 of two halves of length 1."""
    return Matrix(sparse.hstack(halves, format="csr") * np.sqrt(0.5))
