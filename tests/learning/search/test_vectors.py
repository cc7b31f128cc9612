from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.search.embedding import Vectors32
from session_buddy.learning.search.vectors import ExactVectors, GraphVectors, NearestVectors, vectors_of


def clustered(count: int, *, seed: int) -> Vectors32:
    """Return unit vectors in clusters, as descriptions of skills lie."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(max(1, count // 50), 384))
    rows = centres[chance.integers(len(centres), size=count)] + 0.7 * chance.normal(size=(count, 384))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def recall(found: NearestVectors, exact: ExactVectors, questions: Vectors32) -> float:
    shares = [len(set(found.nearest(one, 10)) & set(exact.nearest(one, 10))) / 10 for one in questions]
    return float(np.mean(shares))


def test_exact_is_what_a_sort_of_all_products_gives() -> None:
    rows = clustered(500, seed=1)
    for one in clustered(5, seed=2):
        for count in (7, 300):
            sorted_out = np.argsort(-(rows @ one), kind="stable")[:count]
            assert ExactVectors(rows).nearest(one, count).tolist() == sorted_out.tolist()
    assert len(ExactVectors(rows).nearest(rows[0], 10_000)) == 500


def test_of_equals_the_first_comes_first() -> None:
    rows = np.ones((9, 4), dtype=np.float32)
    assert ExactVectors(rows).nearest(rows[0], 9).tolist() == list(range(9))


@pytest.mark.parametrize("kind", [ExactVectors, GraphVectors])
def test_only_what_is_allowed_is_found(kind: type[ExactVectors] | type[GraphVectors]) -> None:
    pytest.importorskip("usearch", reason="usearch is not installed: pip install 'session-buddy[semantic]'")
    rows = clustered(2_000, seed=3)
    for step in (2, 400):
        allowed = np.arange(2_000) % step == 1
        found = kind(rows).nearest(rows[0], 4, allowed)
        assert len(found) == 4
        assert (found % step == 1).all()
    assert len(kind(rows).nearest(rows[0], 4, np.zeros(2_000, dtype=bool))) == 0


@pytest.mark.long
def test_the_graph_misses_at_most_two_of_a_hundred() -> None:
    pytest.importorskip("usearch", reason="usearch is not installed: pip install 'session-buddy[semantic]'")
    rows = clustered(6_000, seed=4)
    graph = vectors_of(rows, most_exact=1_000)
    assert isinstance(graph, GraphVectors)
    exact = vectors_of(rows, most_exact=10_000)
    assert isinstance(exact, ExactVectors)
    chance = np.random.default_rng(5)
    noise = chance.normal(size=(100, 384)) * 0.02
    questions = (rows[chance.integers(len(rows), size=100)] + noise).astype(np.float32)
    assert recall(graph, exact, questions) >= 0.98


def test_without_usearch_all_are_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "usearch.index", None)
    assert isinstance(vectors_of(clustered(100, seed=6), most_exact=10), ExactVectors)
