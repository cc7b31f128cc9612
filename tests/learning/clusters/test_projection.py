from __future__ import annotations

import numpy as np
import pytest

from session_buddy.learning.clusters import projection
from session_buddy.learning.clusters.projection import projected
from tests.learning.clusters.making import grouped, truth


def names(count: int) -> list[str]:
    return [f"s{number}" for number in range(count)]


def as_before(skills: list[str], positions: np.ndarray) -> dict[str, tuple[float, float]]:
    return {skill: (float(x), float(y)) for skill, (x, y) in zip(skills, positions, strict=True)}


def test_groups_lie_apart_and_the_map_fits_its_frame() -> None:
    found = projected(grouped(4, 20, seed=1), names(80), {}, seed=1)
    assert found.algorithm == "t-SNE"
    assert found.trustworthiness is not None and found.trustworthiness > 0.85
    assert np.abs(found.positions).max() == pytest.approx(1)
    groups = np.array(truth(4, 20))
    middles = np.array([found.positions[groups == group].mean(axis=0) for group in range(4)])
    nearest = np.linalg.norm(found.positions[:, None] - middles[None], axis=2).argmin(axis=1)
    assert (nearest == groups).all()


def test_the_same_again_is_the_same() -> None:
    vectors = grouped(4, 20, seed=2)
    first, again = (projected(vectors, names(80), {}, seed=3) for _ in range(2))
    assert (first.positions == again.positions).all()


def test_with_some_new_skills_the_old_ones_stay_about_where_they_were() -> None:
    vectors = grouped(5, 30, seed=4)
    skills = names(150)
    old = [place for place in range(150) if place % 10]
    first = projected(vectors[old], [skills[place] for place in old], {}, seed=1)
    before = as_before([skills[place] for place in old], first.positions)
    further = projected(vectors, skills, before, seed=1)
    moved = np.linalg.norm(further.positions[old] - first.positions, axis=1)
    assert np.median(moved) < 0.15
    anew = projected(vectors, skills, {}, seed=99)
    assert np.median(np.linalg.norm(anew.positions[old] - first.positions, axis=1)) > 2 * np.median(moved)
    assert further.trustworthiness == pytest.approx(anew.trustworthiness, abs=0.05)


def test_a_map_begun_anew_is_turned_to_where_skills_lay() -> None:
    vectors, skills = grouped(3, 12, seed=5), names(36)
    first = projected(vectors, skills, {}, seed=1)
    # A quarter turn, mirrored, of only some of them: too few to go on from.
    before = as_before(skills[:12], first.positions[:12][:, ::-1])
    again = projected(vectors, skills, before, seed=1)
    assert np.linalg.norm(again.positions[:12] - first.positions[:12][:, ::-1], axis=1).max() < 0.5


@pytest.mark.parametrize(
    ("count", "algorithm"), [(0, "none"), (1, "none"), (2, "PCA"), (3, "PCA"), (7, "PCA"), (8, "t-SNE")]
)
def test_few_skills_are_drawn_too(count: int, algorithm: str) -> None:
    found = projected(grouped(1, count, seed=1), names(count), {}, seed=1)
    assert found.positions.shape == (count, 2) and np.isfinite(found.positions).all()
    assert algorithm in (found.algorithm, "t-SNE")


def test_skills_that_are_all_alike_lie_in_one_place() -> None:
    found = projected(np.tile(np.eye(1, 384, dtype=np.float32), (20, 1)), names(20), {}, seed=1)
    assert found.algorithm == "none" and not found.positions.any()


@pytest.mark.parametrize(
    ("pca", "tsne", "last", "drawn"),
    [
        (0.90, 0.92, None, "t-SNE"),
        (0.90, 0.92, "PCA", "PCA"),
        (0.90, 0.94, "PCA", "t-SNE"),
        (0.92, 0.90, "t-SNE", "t-SNE"),
        (0.94, 0.90, "t-SNE", "PCA"),
        (0.90, 0.92, "another", "t-SNE"),
    ],
)
def test_the_algorithm_of_the_last_map_stays_where_the_other_is_hardly_better(
    monkeypatch: pytest.MonkeyPatch, pca: float, tsne: float, last: str | None, drawn: str
) -> None:
    judged = iter([pca, tsne])
    monkeypatch.setattr(projection, "_trustworthiness", lambda *_: next(judged))
    found = projected(grouped(2, 6, seed=1), names(12), {}, seed=1, last=last)
    assert (found.algorithm, found.trustworthiness) == (drawn, pca if drawn == "PCA" else tsne)
