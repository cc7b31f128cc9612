"""Clusters of skills and the map they lie on, and who is near whom."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from session_buddy.errors import NotFound
from session_buddy.learning.clusters.landscape import Landscape, read_landscape, read_landscape_details
from session_buddy.model import Kind
from session_buddy.reports.names import matches, suggestions
from session_buddy.reports.profile import Companion
from session_buddy.storage import Store

__all__ = [
    "AlikeSkill",
    "ClusterFigures",
    "ClusterIndex",
    "ClusterMember",
    "ClusterMembers",
    "MapPoint",
    "SkillMap",
    "SkillNeighbours",
    "read_cluster_members",
    "read_clusters",
    "read_neighbours",
    "read_skill_map",
]

_EXAMPLES = 5
_NEAR = 8
_ENOUGH_SESSIONS = 3
_NOT_YET = "Clusters were not looked for yet: 'session-buddy refresh' does it once, a running server now and then."

_CLUSTERS = "SELECT cluster_id, cluster_name, description, created_at FROM skill_clusters FINAL"
# A refresh that was killed may leave a skill in two clusters: the surest counts.
_MEMBERSHIP = """
SELECT skill_name, cluster_id, membership_score FROM skill_cluster_membership FINAL
ORDER BY membership_score DESC, cluster_id, skill_name
"""
_METRICS = "SELECT skill_name, kind, invocation_count, completed_count, failed_count FROM skill_metrics"
_TOGETHER = """
SELECT n.skill_b AS skill, m.kind, n.co_occurrence_count AS sessions, n.lift_score AS lift
FROM v_skill_dependency_network n JOIN skill_metrics m ON m.skill_name = n.skill_b
WHERE n.skill_a = ? AND n.co_occurrence_count >= ? AND n.lift_score > 1 AND m.kind <> 'tool'
ORDER BY n.lift_score DESC, 3 DESC, 1
"""


class ClusterFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster of a list."""

    cluster_id: int
    """Stays as long as the cluster goes on."""
    cluster_name: str
    description: str | None
    """The terms that set it apart, the strongest first, and examples."""
    skills: int
    """How many are in it."""
    invocations: int
    """Uses of all of them."""
    success_rate: float | None
    """Completed of completed and failed, of all of them, 0-1."""
    examples: list[str]
    """The skills that belong to it most surely."""
    created_at: str
    """When it was first found."""


class ClusterIndex(msgspec.Struct, frozen=True, kw_only=True):
    """Which clusters there are, the largest first."""

    clusters: list[ClusterFigures]
    without_cluster: int
    """Skills on the map that lie too far from every cluster."""
    unread: int
    """Skills that are not on the map, since nothing is known of what they are for."""
    refreshed_at: str | None
    """As of when; ``null`` where clusters were not looked for yet."""
    note: str
    """Why there are none, or how they were found, in a sentence; may be empty."""


class ClusterMember(msgspec.Struct, frozen=True, kw_only=True):
    """A skill of a cluster."""

    skill: str
    kind: Kind | None
    """``null`` for one that was never used."""
    membership: float
    """How surely it belongs there: near 1 deep in the cluster, 0.5 on the border of two."""
    invocations: int
    success_rate: float | None
    """Completed of completed and failed, 0-1."""


class ClusterMembers(msgspec.Struct, frozen=True, kw_only=True):
    """One cluster with its skills, the surest first."""

    cluster: ClusterFigures
    members: list[ClusterMember]


class MapPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a skill lies."""

    skill: str
    kind: Kind | None
    """``null`` for one that was never used."""
    x: float
    y: float
    """Between -1 and 1; which way is up means nothing, only what is near means something."""
    cluster_id: int | None
    """``null`` for one that lies too far from every cluster."""
    membership: float | None
    invocations: int
    success_rate: float | None
    """Completed of completed and failed, 0-1."""


class SkillMap(msgspec.Struct, frozen=True, kw_only=True):
    """The skill landscape: skills that are for similar things, and used with the same ones, lie near each other."""

    index: ClusterIndex
    points: list[MapPoint]
    """By name."""
    projection: str
    """How the map was drawn: ``t-SNE``, ``PCA``, or ``none`` where there is none."""
    trustworthiness: float | None
    """How far what is near on the map is near in truth: 1 is perfect, chance gives about 0.5."""


class AlikeSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill that is for something similar."""

    skill: str
    kind: Kind | None
    likeness: float
    """The cosine of the two texts: 1 says the same, 0 nothing alike."""
    invocations: int
    success_rate: float | None
    """Completed of completed and failed, 0-1."""


class SkillNeighbours(msgspec.Struct, frozen=True, kw_only=True):
    """What is near one skill."""

    skill: str
    cluster: ClusterFigures | None
    alike: list[AlikeSkill]
    """Those that are for similar things, the nearest first."""
    together: list[Companion]
    """Those used in the same sessions more often than by chance, in three of them at least; the highest lift first."""


class _Figures(msgspec.Struct, frozen=True):
    kind: Kind | None = None
    invocations: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def success_rate(self) -> float | None:
        settled = self.completed + self.failed
        return self.completed / settled if settled else None

    def __add__(self, other: _Figures) -> _Figures:
        return _Figures(
            None,
            self.invocations + other.invocations,
            self.completed + other.completed,
            self.failed + other.failed,
        )


class _Read(msgspec.Struct, frozen=True):
    index: ClusterIndex
    belongs: dict[str, tuple[int, float]]
    figures: dict[str, _Figures]

    def of(self, skill: str) -> _Figures:
        return self.figures.get(skill, _Figures())

    def members(self, cluster_id: int) -> list[ClusterMember]:
        return [
            ClusterMember(
                skill=skill,
                kind=self.of(skill).kind,
                membership=membership,
                invocations=self.of(skill).invocations,
                success_rate=self.of(skill).success_rate,
            )
            for skill, (own, membership) in self.belongs.items()
            if own == cluster_id
        ]

    def cluster(self, cluster_id: int) -> ClusterFigures | None:
        return next((one for one in self.index.clusters if one.cluster_id == cluster_id), None)


def read_clusters(store: Store) -> ClusterIndex:
    """Return the clusters of *store*, the largest first."""
    return _read(store).index


def read_cluster_members(store: Store, asked: str) -> ClusterMembers:
    """Return the cluster with the id or the name *asked*, with its skills.

    Case does not matter, and a part of a name will do where only one has it. Raises
    :class:`~session_buddy.errors.NotFound`, with suggestions, for none or several.
    """
    read = _read(store)
    cluster = _meant(asked, read.index.clusters)
    return ClusterMembers(cluster=cluster, members=read.members(cluster.cluster_id))


def read_skill_map(store: Store) -> SkillMap:
    """Return the landscape of *store* with what is known of each skill today."""
    read, landscape = _read(store), read_landscape(store)
    return SkillMap(
        index=read.index,
        points=_points(read, landscape) if landscape else [],
        projection=landscape.projection if landscape else "none",
        trustworthiness=landscape.details.trustworthiness if landscape else None,
    )


def read_neighbours(store: Store, skill: str) -> SkillNeighbours:
    """Return what is near the one skill on the map that *skill* means; raises :class:`NotFound` for none or several."""
    landscape = read_landscape(store)
    skills = landscape.skills if landscape else []
    found = matches(skill, skills)
    if landscape is None or len(found) != 1:
        close = found or suggestions(skill, skills)
        remedy = f"Did you mean {', '.join(close)}?" if close else "See 'session-buddy clusters' for those there are."
        raise NotFound(f"No one skill called {skill!r} is on the map.", remedy=remedy, suggestions=close)
    skill = found[0]
    read, place = _read(store), skills.index(skill)
    near = zip(landscape.near[place, :_NEAR].tolist(), landscape.likeness[place, :_NEAR].tolist(), strict=True)
    return SkillNeighbours(
        skill=skill,
        cluster=read.cluster(read.belongs[skill][0]) if skill in read.belongs else None,
        alike=[
            AlikeSkill(
                skill=skills[other],
                kind=read.of(skills[other]).kind,
                likeness=min(1.0, max(0.0, likeness)),
                invocations=read.of(skills[other]).invocations,
                success_rate=read.of(skills[other]).success_rate,
            )
            for other, likeness in near
        ],
        together=[
            msgspec.convert(row, Companion) for row in list(store.query(_TOGETHER, [skill, _ENOUGH_SESSIONS]))[:_NEAR]
        ],
    )


def _read(store: Store) -> _Read:
    figures = {name: _Figures(Kind(kind), *rest) for name, kind, *rest in store.query(_METRICS).rows}
    belongs: dict[str, tuple[int, float]] = {}
    for skill, number, membership in store.query(_MEMBERSHIP).rows:
        belongs.setdefault(skill, (number, membership or 0.0))
    skills_of: dict[int, list[str]] = {}
    for skill, (number, _) in belongs.items():
        skills_of.setdefault(number, []).append(skill)
    told = [
        _cluster_figures(number, name, description, created_at, skills_of[number], figures)
        for number, name, description, created_at in store.query(_CLUSTERS).rows
        if number in skills_of
    ]
    made = read_landscape_details(store)
    index = ClusterIndex(
        clusters=sorted(told, key=lambda one: (-one.skills, one.cluster_name)),
        without_cluster=made[1].without_cluster if made else 0,
        unread=made[1].unread if made else 0,
        refreshed_at=made[0] if made else None,
        note=made[1].reason if made else _NOT_YET,
    )
    return _Read(index, belongs, figures)


def _cluster_figures(
    number: int, name: str, description: str | None, created_at: str, skills: list[str], figures: dict[str, _Figures]
) -> ClusterFigures:
    total = sum((figures.get(skill, _Figures()) for skill in skills), _Figures())
    return ClusterFigures(
        cluster_id=number,
        cluster_name=name,
        description=description,
        skills=len(skills),
        invocations=total.invocations,
        success_rate=total.success_rate,
        examples=skills[:_EXAMPLES],
        created_at=created_at,
    )


def _points(read: _Read, landscape: Landscape) -> list[MapPoint]:
    return [
        MapPoint(
            skill=skill,
            kind=read.of(skill).kind,
            x=round(x, 4),
            y=round(y, 4),
            cluster_id=read.belongs[skill][0] if skill in read.belongs else None,
            membership=read.belongs[skill][1] if skill in read.belongs else None,
            invocations=read.of(skill).invocations,
            success_rate=read.of(skill).success_rate,
        )
        for skill, (x, y) in zip(landscape.skills, landscape.positions.tolist(), strict=True)
    ]


def _meant(asked: str, clusters: Iterable[ClusterFigures]) -> ClusterFigures:
    by_name = {one.cluster_name: one for one in clusters}
    wanted = asked.strip().lower()
    exact = [one for one in by_name.values() if wanted in (str(one.cluster_id), one.cluster_name.lower())]
    found = exact or [one for one in by_name.values() if wanted and wanted in one.cluster_name.lower()]
    if len(found) == 1:
        return found[0]
    names = [one.cluster_name for one in found]
    if names:
        listed = "; ".join(names)
        raise NotFound(f"{asked!r} can mean several clusters: {listed}.", remedy="Give its id.", suggestions=names)
    close = suggestions(asked, list(by_name))
    remedy = f"Did you mean {'; '.join(close)}?" if close else "See 'session-buddy clusters' for those there are."
    raise NotFound(f"No cluster is called {asked!r}.", remedy=remedy, suggestions=close)
