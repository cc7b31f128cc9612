"""Clusters and landscape of a store, brought up to date."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.errors import InvalidInput
from session_buddy.learning.clusters.features import CO_USE_WEIGHT, Vectors, co_use_vectors, joined, nearest, unit
from session_buddy.learning.clusters.landscape import (
    Landscape,
    LandscapeDetails,
    read_landscape,
    read_landscape_version,
    write_landscape,
)
from session_buddy.learning.clusters.matching import Known, matched
from session_buddy.learning.clusters.naming import SkillText, named
from session_buddy.learning.clusters.partition import Partition, centroids, partition
from session_buddy.learning.clusters.projection import projected
from session_buddy.model import Kind
from session_buddy.storage import Clock, Store
from session_buddy.storage.tables import plain_table

__all__ = ["refresh_clusters"]

_CLUSTERS = plain_table("skill_clusters")
_MEMBERSHIP = plain_table("skill_cluster_membership")
_WIDTH = 384
_NEAR = 12
_DECIMALS = 6
"""Of memberships: what differs less is the same, and not written again."""

_CATALOGUE = """
SELECT k.skill_name AS name, k.kind, k.description, m.session_count AS sessions
FROM v_multimodal_skill_catalog k LEFT JOIN skill_metrics m ON m.skill_name = k.skill_name ORDER BY k.skill_name
"""
_PAIRS = "SELECT skill_a, skill_b, co_occurrence_count FROM skill_dependencies ORDER BY skill_a, skill_b"
_SESSIONS = "SELECT value FROM store_counts WHERE name = 'sessions'"


@dataclass(frozen=True, eq=False)
class _Input:
    """All that clusters are made from."""

    skills: list[SkillText]
    texts: Vectors
    sessions: NDArray[np.float64]
    pairs: NDArray[np.int64]
    together: NDArray[np.float64]
    total: float
    unread: int

    def digest(self, *settings: Any) -> str:
        told = hashlib.sha256(
            msgspec.json.encode([[(skill.name, skill.description) for skill in self.skills], settings])
        )
        for array in (self.texts, self.sessions, self.pairs, self.together, np.array([self.total, self.unread])):
            told.update(np.ascontiguousarray(array).tobytes())
        return told.hexdigest()


@dataclass
class _Before:
    """Clusters as they are in the store."""

    rows: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    memberships: dict[tuple[str, int], float | None] = field(default_factory=dict)

    def known(self) -> list[tuple[int, Known]]:
        members: dict[int, set[str]] = {number: set() for number in self.rows}
        for name, number in self.memberships:
            members.setdefault(number, set()).add(name)
        return [
            (number, Known(frozenset(members[number]), None if row[3] is None else np.frombuffer(row[3], dtype="<f4")))
            for number, row in sorted(self.rows.items())
        ]


def refresh_clusters(
    store: Store, names: Sequence[str], vectors: Vectors, *, clock: Clock, seed: int, count: int | None = None
) -> int:
    """Find the clusters of the skills in *store* again, and draw their map; return how many rows were changed.

    *vectors*: one row of 384 for each of *names*, what the skill is for. Skills of the catalogue without one are not on
    the map, nor are an agent's built-in tools. *count*: so many clusters, instead of as many as there are.

    Nothing is written where nothing changed since the last time. A cluster that goes on keeps its id, the time it was
    first found, and its name as long as that is apt. Rows are written before old ones are dropped: killed on the way, a
    skill may be in two clusters, or a cluster empty, until the next time; readers take the surest, and show no empty
    one. Clusters that other programs wrote are taken for earlier ones.

    Raises :class:`~session_buddy.errors.InvalidInput` where *vectors* have another shape.
    """
    if np.shape(vectors) != (len(names), _WIDTH):
        raise InvalidInput(
            "vectors",
            f"{np.shape(vectors)} is no row of {_WIDTH} numbers for each of {len(names)} skills.",
            remedy="Give the embeddings of the skills' texts.",
        )
    given = _read_input(store, names, vectors)
    last = read_landscape(store)
    before = _read_before(store)
    inputs = given.digest(seed, count, CO_USE_WEIGHT)
    if last is not None and last.details.inputs == inputs and _is_whole(before, last.details):
        return 0
    features = joined(
        given.texts,
        co_use_vectors(given.pairs, given.together, given.sessions, total=given.total, seed=seed),
        given.sessions,
    )
    found = partition(features, seed=seed, count=count)
    rows, next_id = _rows(given, found, before, last.details.next_id if last else 1, clock())
    skills = [skill.name for skill in given.skills]
    lay = dict(zip(last.skills, map(tuple, last.positions.tolist()), strict=True)) if last else {}
    drawn = projected(features, skills, lay, seed=seed, last=last.projection if last else None)
    near, likeness = nearest(given.texts, _NEAR)
    ids = [row[0] for row in rows]
    members = {
        (skills[place], ids[label]): round(float(found.memberships[place]), _DECIMALS)
        for place, label in enumerate(found.labels)
        if label >= 0
    }
    written = _put(store, rows, members, before)
    write_landscape(
        store,
        Landscape(
            version=read_landscape_version(store) + 1,
            projection=drawn.algorithm,
            fitted_at=clock(),
            details=LandscapeDetails(
                skills=len(skills),
                clusters=found.count,
                without_cluster=int((found.labels < 0).sum()),
                unread=given.unread,
                method=found.method.value,
                reason=found.reason,
                trustworthiness=drawn.trustworthiness,
                co_use_weight=CO_USE_WEIGHT,
                seed=seed,
                next_id=next_id,
                inputs=inputs,
            ),
            skills=skills,
            positions=drawn.positions,
            near=near,
            likeness=likeness,
        ),
    )
    return written + 1 + _drop(store, ids, members, before)


def _read_input(store: Store, names: Sequence[str], vectors: Vectors) -> _Input:
    places = {name: place for place, name in enumerate(names)}
    # Names of the taxonomy that nobody used or described are no skills of anybody's yet.
    listed = [
        row for row in store.query(_CATALOGUE) if row["kind"] != Kind.TOOL and (row["kind"] or row["description"])
    ]
    kept = [row for row in listed if row["name"] in places and np.any(vectors[places[row["name"]]])]
    numbers = {row["name"]: number for number, row in enumerate(kept)}
    pairs = [
        (numbers[one], numbers[other], both)
        for one, other, both in store.query(_PAIRS).rows
        if one in numbers and other in numbers
    ]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    sessions = store.query(_SESSIONS).rows
    return _Input(
        skills=[SkillText(row["name"], row["description"] or "") for row in kept],
        texts=unit(np.asarray(vectors, dtype=np.float32)[[places[row["name"]] for row in kept]]),
        sessions=np.array([row["sessions"] or 0 for row in kept], dtype=np.float64),
        pairs=table[:, :2],
        together=table[:, 2].astype(np.float64),
        total=float(sessions[0][0]) if sessions else 0.0,
        unread=len(listed) - len(kept),
    )


def _read_before(store: Store) -> _Before:
    clusters = store.query(f"SELECT {_CLUSTERS.selected} FROM {_CLUSTERS.source}").rows
    memberships = store.query(f"SELECT {_MEMBERSHIP.selected} FROM {_MEMBERSHIP.source}").rows
    return _Before(
        {row[0]: _CLUSTERS.row(row) for row in clusters}, {(name, number): score for name, number, score in memberships}
    )


def _is_whole(before: _Before, details: LandscapeDetails) -> bool:
    """Tell whether the tables hold what *details* say: not after a kill, nor where others wrote."""
    members = details.skills - details.without_cluster
    return len(before.rows) == details.clusters and len(before.memberships) == members


def _rows(
    given: _Input, found: Partition, before: _Before, next_id: int, now: str
) -> tuple[list[tuple[Any, ...]], int]:
    """Return the rows of the clusters of *found*, in their order, and the id that comes next."""
    middles = centroids(given.texts, found)
    old = before.known()
    skills = [skill.name for skill in given.skills]
    new = [
        Known(frozenset(skills[place] for place in np.flatnonzero(found.labels == label)), middles[label])
        for label in range(found.count)
    ]
    went_on = [None if place is None else old[place][0] for place in matched(new, [known for _, known in old])]
    names = named(given.skills, found, kept=[None if number is None else before.rows[number][1] for number in went_on])
    next_id = max([next_id, *(number + 1 for number in before.rows)])
    rows: list[tuple[Any, ...]] = []
    for label, number in enumerate(went_on):
        packed = middles[label].astype("<f4").tobytes()
        told = (names[label].name, names[label].description, packed)
        if number is None:
            rows.append((next_id, *told, now))
            next_id += 1
        else:
            rows.append((number, *told, before.rows[number][4]))
    return rows, next_id


def _put(store: Store, rows: Sequence[tuple[Any, ...]], members: dict[tuple[str, int], float], before: _Before) -> int:
    """Write what differs, clusters first: a membership of a cluster that is not there would be none."""
    clusters = [row for row in rows if before.rows.get(row[0]) != row]
    memberships = [(*key, score) for key, score in members.items() if before.memberships.get(key) != score]
    if clusters:
        store.put_rows(_CLUSTERS, clusters)
    if memberships:
        store.put_rows(_MEMBERSHIP, memberships)
    return len(clusters) + len(memberships)


def _drop(store: Store, ids: Sequence[int], members: dict[tuple[str, int], float], before: _Before) -> int:
    """Drop what is over, memberships first: a cluster without members is not shown."""
    memberships = [key for key in before.memberships if key not in members]
    clusters = [(number,) for number in before.rows if number not in set(ids)]
    if memberships:
        store.drop_rows(_MEMBERSHIP, memberships)
    if clusters:
        store.drop_rows(_CLUSTERS, clusters)
    return len(memberships) + len(clusters)
