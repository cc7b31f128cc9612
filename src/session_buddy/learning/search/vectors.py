"""The nearest of many vectors: all of them met, or a graph walked where there are too many for that."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.search.embedding import Vectors32

__all__ = ["MOST_EXACT", "ExactVectors", "GraphVectors", "NearestVectors", "vectors_of"]

Mask = NDArray[np.bool_]

MOST_EXACT = 50_000
"""Above that many vectors a graph is walked."""
_CONNECTIVITY = 16
_EXPANSION_ADD = 64
_EXPANSION_SEARCH = 128
"""How far the graph is built and walked: recall@10 stays above 0.99 at 100,000 vectors in clusters."""


class NearestVectors(Protocol):
    """Vectors of length 1 (or 0), numbered from 0."""

    @property
    def rows(self) -> Vectors32:
        """All of them."""
        ...

    def nearest(self, question: Vectors32, count: int, allowed: Mask | None = None) -> NDArray[np.intp]:
        """Return the numbers of the *count* nearest to *question* of those *allowed* (or all), the nearest first."""
        ...


class ExactVectors:
    """Meets every vector: one product of matrix and vector, and a partial sort."""

    def __init__(self, rows: Vectors32) -> None:
        self.rows = rows

    def nearest(self, question: Vectors32, count: int, allowed: Mask | None = None) -> NDArray[np.intp]:
        """See :meth:`NearestVectors.nearest`; exact, and of equals the first comes first."""
        if allowed is None:
            return _first(self.rows @ question, np.arange(len(self.rows), dtype=np.intp), count)
        places = np.flatnonzero(allowed)
        return _first((self.rows @ question)[places], places, count)


class GraphVectors:
    """Walks a navigable graph (HNSW, Malkov and Yashunin 2018) and may miss two of a hundred."""

    def __init__(self, rows: Vectors32) -> None:
        """Build it, which takes some tens of seconds for 100,000; raises :class:`ImportError` without ``usearch``."""
        from usearch.index import Index

        self.rows = rows
        self._graph: Any = Index(
            ndim=rows.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
        )
        self._graph.add(np.arange(len(rows), dtype=np.uint64), rows)

    def nearest(self, question: Vectors32, count: int, allowed: Mask | None = None) -> NDArray[np.intp]:
        """See :meth:`NearestVectors.nearest`; the order is exact, the choice need not be."""
        wanted = min(count if allowed is None else 2 * count, len(self.rows))
        places = np.asarray(self._graph.search(question, wanted).keys, dtype=np.intp)
        if allowed is not None:
            places = places[allowed[places]]
            if len(places) < count and wanted < len(self.rows):
                # Few are allowed: the graph would be walked to its end.
                return ExactVectors(self.rows).nearest(question, count, allowed)
        return _first(self.rows[places] @ question, places, count)


def vectors_of(rows: Vectors32, *, most_exact: int = MOST_EXACT) -> NearestVectors:
    """Return *rows* in the form that is quick to ask: a graph above *most_exact*, where ``usearch`` is installed."""
    if len(rows) > most_exact:
        try:
            return GraphVectors(rows)
        except ImportError:
            # Slower by some milliseconds, and right.
            return ExactVectors(rows)
    return ExactVectors(rows)


def _first(products: Vectors32, places: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    if count < len(products):
        kept = np.argpartition(-products, count)[:count]
        products, places = products[kept], places[kept]
    return places[np.lexsort((places, -products))]
