"""Clusters of a store: what is written, what stays, and what a kill in between leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from session_buddy.errors import InvalidInput
from session_buddy.learning.clusters.features import Vectors
from session_buddy.learning.clusters.landscape import LANDSCAPE, read_landscape, read_landscape_details
from session_buddy.learning.clusters.refreshing import refresh_clusters
from session_buddy.model import Kind, SkillFacts
from session_buddy.storage import Store
from session_buddy.storage.tables import PlainTable, plain_table
from tests.learning.clusters.making import TOPICS, grouped
from tests.making import NOW, FakeClock, invocation, shifted

GROUPS, EACH = 3, 9
NAMES = [f"{TOPICS[group].split()[0]}-{number}" for group in range(GROUPS) for number in range(EACH)]
VECTORS = grouped(GROUPS, EACH, seed=11)
LATER = shifted(NOW, days=1)


@pytest.fixture
def skilled(store: Store) -> Store:
    """A store in which three groups of skills are described, and two of the skills were used."""
    store.describe(described(name, f"{TOPICS[place // EACH]} number {place}") for place, name in enumerate(NAMES))
    store.record(
        [
            *(invocation(f"a{n}", session_id=f"s{n}", skill_name=NAMES[n % 2], kind=Kind.SKILL) for n in range(12)),
            invocation("tool", skill_name="Read", kind=Kind.TOOL),
            invocation("other", skill_name="not described", kind=Kind.SKILL),
        ]
    )
    return store


def described(name: str, text: str) -> SkillFacts:
    return SkillFacts(skill_name=name, category="Other", modality="code", description=text)


def refresh(
    store: Store, names: Sequence[str] = NAMES, vectors: Vectors = VECTORS, now: str = NOW, count: int | None = None
) -> int:
    return refresh_clusters(store, names, vectors, clock=FakeClock(now), seed=1, count=count)


def rows(store: Store, name: str) -> list[tuple[Any, ...]]:
    table = plain_table(name)
    found = store.query(f"SELECT {table.selected} FROM {table.source} ORDER BY 1, 2").rows
    return [table.row(row) for row in found]


def clusters(store: Store) -> list[tuple[Any, ...]]:
    return rows(store, "skill_clusters")


def members(store: Store) -> dict[str, int]:
    return {name: number for name, number, _ in rows(store, "skill_cluster_membership")}


def test_groups_become_clusters_with_names_centroids_and_members(skilled: Store) -> None:
    assert refresh(skilled) == GROUPS + len(NAMES) + 1
    found = clusters(skilled)
    assert [row[0] for row in found] == [1, 2, 3]
    assert [row[4] for row in found] == [NOW] * GROUPS
    assert {row[1].split(", ")[0] for row in found} <= {word for topic in TOPICS for word in topic.split()}
    member_of = members(skilled)
    assert member_of.keys() == set(NAMES)
    for group in range(GROUPS):
        (number,) = {member_of[name] for name in NAMES[group * EACH : (group + 1) * EACH]}
        packed = next(row[3] for row in found if row[0] == number)
        assert len(packed) == 1536
        middle = np.frombuffer(packed, dtype="<f4")
        assert np.linalg.norm(middle) == pytest.approx(1, abs=1e-5)
        cosines = VECTORS @ middle
        assert (
            cosines[group * EACH : (group + 1) * EACH].min()
            > np.delete(cosines, slice(group * EACH, (group + 1) * EACH)).max()
        )
    assert all(0 < score <= 1 for *_, score in rows(skilled, "skill_cluster_membership"))


def test_the_landscape_is_kept_with_the_figures_it_is_judged_by(skilled: Store) -> None:
    refresh(skilled)
    found = read_landscape(skilled)
    assert found is not None
    assert found.skills == sorted(NAMES) and found.positions.shape == (27, 2)
    assert (found.version, found.fitted_at) == (1, NOW) and found.projection in ("PCA", "t-SNE")
    assert found.details.clusters == GROUPS and found.details.method == "hdbscan"
    assert found.details.unread == 1, "the skill without a vector; built-in tools are not meant to be there"
    assert found.details.trustworthiness is not None and found.details.trustworthiness > 0.7
    first = found.skills.index(NAMES[0])
    alike = {found.skills[place].split("-")[0] for place in found.near[first][: EACH - 1]}
    assert alike == {NAMES[0].split("-")[0]}
    assert (np.diff(found.likeness[first]) <= 0).all()
    assert read_landscape_details(skilled) == (NOW, found.details)


def test_nothing_is_written_where_nothing_changed(skilled: Store) -> None:
    refresh(skilled)
    before = [rows(skilled, name) for name in ("skill_clusters", "skill_cluster_membership", "learned_models")]
    assert refresh(skilled, now=LATER) == 0
    assert before == [rows(skilled, name) for name in ("skill_clusters", "skill_cluster_membership", "learned_models")]


def test_clusters_that_go_on_keep_id_time_and_name(skilled: Store) -> None:
    refresh(skilled)
    first, was = clusters(skilled), members(skilled)
    names = [*NAMES, "newcomer"]
    vectors = np.vstack([VECTORS, VECTORS[:1]])
    skilled.describe([described("newcomer", TOPICS[0])])
    seen = Dying(skilled, 9)
    refresh(seen, names, vectors, LATER)  # type: ignore[arg-type]
    assert seen.written[0] == "put_rows skill_clusters" and seen.counts[0] <= 1, "the others are as they were"
    assert [(row[0], row[1], row[4]) for row in clusters(skilled)] == [(row[0], row[1], row[4]) for row in first]
    assert members(skilled) == was | {"newcomer": was[NAMES[0]]}


def test_new_clusters_get_new_ids_and_those_that_end_are_dropped_with_their_members(skilled: Store) -> None:
    refresh(skilled)
    was = members(skilled)
    other = grouped(GROUPS, EACH, seed=77)
    # The first group is no longer told of; another one comes.
    names = [*NAMES[EACH:], *(f"later-{number}" for number in range(EACH))]
    skilled.describe(described(name, "forecast weather") for name in names[-EACH:])
    vectors = np.vstack([VECTORS[EACH:], other[:EACH]])
    refresh(skilled, names, vectors, LATER)
    ended = was[NAMES[0]]
    now = members(skilled)
    assert {row[0] for row in clusters(skilled)} == ({1, 2, 3} - {ended}) | {4}
    assert {now[name] for name in names[-EACH:]} == {4}
    assert now.keys() == set(names)
    # It comes back, as one that is new: the id of what ended is not given again.
    refresh(skilled, NAMES, VECTORS, LATER)
    assert {members(skilled)[name] for name in NAMES[:EACH]} == {5}
    assert {row[0] for row in clusters(skilled)} == ({1, 2, 3} - {ended}) | {5}


def test_ids_are_not_given_again_though_the_highest_ended(skilled: Store) -> None:
    refresh(skilled)
    refresh(skilled, NAMES[:3], VECTORS[:3], LATER)
    assert clusters(skilled) == [] and members(skilled) == {}
    refresh(skilled, now=LATER)
    assert [row[0] for row in clusters(skilled)] == [4, 5, 6]


def test_few_skills_are_on_the_map_without_clusters(skilled: Store) -> None:
    refresh(skilled, NAMES[:3], VECTORS[:3])
    found = read_landscape(skilled)
    assert found is not None and found.details.clusters == 0
    assert found.details.reason == "3 skills are too few to cluster; it takes 8."
    assert found.positions.shape == (3, 2)


def test_a_store_without_skills(store: Store) -> None:
    assert refresh(store, [], np.zeros((0, 384), dtype=np.float32)) == 1
    assert clusters(store) == []
    found = read_landscape(store)
    assert found is not None and found.skills == []


def test_vectors_of_another_shape_are_refused(skilled: Store) -> None:
    with pytest.raises(InvalidInput, match="384 numbers for each of 27"):
        refresh(skilled, NAMES, VECTORS[:, :100])
    assert clusters(skilled) == []


def test_what_is_used_together_draws_together(store: Store) -> None:
    # Texts tell nothing: co-use is all there is.
    rnd = np.random.default_rng(5)
    vectors = np.tile(grouped(1, 1, seed=1), (16, 1)) + rnd.normal(0, 1e-3, (16, 384)).astype(np.float32)
    names = [f"skill-{number:02}" for number in range(16)]
    store.record(
        invocation(f"{session}-{name}", session_id=f"s{session}", skill_name=name, kind=Kind.SKILL)
        for session in range(60)
        for number, name in enumerate(names)
        if number % 2 == session % 2
    )
    refresh(store, names, vectors, count=2)
    member_of = members(store)
    assert {member_of[name] for name in names[::2]} & {member_of[name] for name in names[1::2]} == set()


class Killed(Exception):
    pass


class Dying:
    """A store whose process ends before its write number *last*."""

    def __init__(self, store: Store, last: int) -> None:
        self._store, self.left = store, last
        self.written: list[str] = []
        self.counts: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        self._write(self._store.put_rows, table, rows)

    def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
        self._write(self._store.drop_rows, table, keys)

    def _write(self, write: Callable[..., None], *given: Any) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        self.written.append(f"{write.__name__} {given[0].name}")
        self.counts.append(len(given[1]))
        write(*given)


@pytest.mark.long
def test_killed_before_any_write_it_can_be_read_and_the_next_time_mends_it(skilled: Store) -> None:
    names = [*NAMES[EACH:], *(f"later-{number}" for number in range(EACH))]
    skilled.describe(described(name, "forecast weather") for name in names[-EACH:])
    vectors = np.vstack([VECTORS[EACH:], grouped(GROUPS, EACH, seed=77)[:EACH]])
    for last in range(5):
        refresh(skilled)
        first = {row[0]: row for row in clusters(skilled)}
        with pytest.raises(Killed):
            refresh(Dying(skilled, last), names, vectors, LATER)  # type: ignore[arg-type]
        there = {row[0] for row in clusters(skilled)}
        assert set(members(skilled).values()) <= there, "no membership of a cluster that is not there"
        assert read_landscape(skilled) is not None
        refresh(skilled, names, vectors, LATER)
        assert members(skilled).keys() == set(names), last
        assert len(clusters(skilled)) == GROUPS, last
        went_on = [row for row in clusters(skilled) if row[0] in first]
        assert len(went_on) == 2 and all(first[row[0]][4] == row[4] for row in went_on), last
        assert refresh(skilled, names, vectors, LATER) == 0, last


def test_what_is_new_is_written_before_what_is_old_is_dropped(skilled: Store) -> None:
    refresh(skilled)
    seen = Dying(skilled, 5)
    names = [*NAMES[EACH:], *(f"later-{number}" for number in range(EACH))]
    skilled.describe(described(name, "forecast weather") for name in names[-EACH:])
    vectors = np.vstack([VECTORS[EACH:], grouped(GROUPS, EACH, seed=77)[:EACH]])
    refresh(seen, names, vectors, LATER)  # type: ignore[arg-type]
    assert seen.written == [
        "put_rows skill_clusters",
        "put_rows skill_cluster_membership",
        "put_rows learned_models",
        "drop_rows skill_cluster_membership",
        "drop_rows skill_clusters",
    ]


def test_what_another_program_changed_is_mended(skilled: Store) -> None:
    refresh(skilled)
    was = members(skilled)
    skilled.drop_rows(plain_table("skill_cluster_membership"), [(NAMES[0], was[NAMES[0]])])
    skilled.put_rows(plain_table("skill_clusters"), [(99, "by hand", None, None, NOW)])
    assert refresh(skilled, now=LATER) > 0
    assert members(skilled) == was
    assert 99 not in {row[0] for row in clusters(skilled)}


def test_a_landscape_of_another_form_is_made_anew(skilled: Store) -> None:
    refresh(skilled)
    row = (LANDSCAPE, 7, "other", NOW, '{"form": 99}', b"\x00")
    skilled.put_rows(plain_table("learned_models"), [row])
    assert read_landscape(skilled) is None and read_landscape_details(skilled) is None
    assert refresh(skilled, now=LATER) > 0
    assert [number for number, *_ in clusters(skilled)] == [1, 2, 3]
    assert read_landscape(skilled) is not None
