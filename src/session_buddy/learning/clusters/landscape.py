"""The landscape as it is kept in a store: where skills lie, which are near each other, and how that was found."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.clusters.projection import Positions
from session_buddy.learning.clusters.recommending import Belonging
from session_buddy.storage import Store
from session_buddy.storage.learned import (
    StoredModel,
    read_contents,
    read_model_details,
    read_model_version,
    write_model,
)

__all__ = [
    "LANDSCAPE",
    "Landscape",
    "LandscapeDetails",
    "read_belongings",
    "read_landscape",
    "read_landscape_details",
    "read_landscape_version",
    "write_landscape",
]

LANDSCAPE = "landscape"
"""Its name among the learned models."""
_BELONGINGS = """
SELECT m.skill_name, c.cluster_name, coalesce(m.membership_score, 1)
FROM (SELECT skill_name, cluster_id, membership_score FROM skill_cluster_membership FINAL) m
JOIN (SELECT cluster_id, cluster_name FROM skill_clusters FINAL) c ON c.cluster_id = m.cluster_id
ORDER BY m.skill_name, m.membership_score
"""
_FORM = 1
"""Of the bytes; what a newer program wrote otherwise is made anew."""


class LandscapeDetails(msgspec.Struct, frozen=True, kw_only=True):
    """How a landscape was made, and what it is worth."""

    skills: int
    """On the map."""
    clusters: int
    without_cluster: int
    """Skills that lie too far from every cluster."""
    unread: int
    """Skills of the catalogue that are not on the map, since nothing was known of what they are for."""
    method: str
    """How clusters were found: ``hdbscan``, ``kmeans`` or ``none``."""
    reason: str
    """Why so, or why there are none."""
    trustworthiness: float | None
    """Of the map, 0-1: see :mod:`session_buddy.learning.clusters.projection`."""
    co_use_weight: float
    """The part of co-use in likeness, 0-1, for skills that were used very often."""
    seed: int
    next_id: int
    """What the next new cluster is called; ids of clusters that ended are not given again."""
    inputs: str
    """A digest of all it was made from: the same again need not be made again."""
    form: int = _FORM


class Landscape(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Where skills lie, and which are near each other."""

    version: int
    projection: str
    """``t-SNE``, ``PCA`` or ``none``."""
    fitted_at: str
    details: LandscapeDetails
    skills: list[str]
    positions: Positions
    """One row a skill, between -1 and 1."""
    near: NDArray[np.int32]
    """The numbers of the skills nearest to each by its text, the nearest first."""
    likeness: NDArray[np.float32]
    """Their cosines."""


class _Kept(msgspec.Struct, frozen=True):
    skills: list[str]
    positions: bytes
    near: bytes
    likeness: bytes


def read_landscape(store: Store) -> Landscape | None:
    """Return the landscape of *store*; None where there is none that this program can read, and that is whole."""
    return read_contents(store, LANDSCAPE, _contents)


def read_landscape_details(store: Store) -> tuple[str, LandscapeDetails] | None:
    """Return when the landscape of *store* was made and how, without the map itself; None as above."""
    found = read_model_details(store, LANDSCAPE)
    details = _details(found)
    return None if found is None or details is None else (found.fitted_at, details)


def read_landscape_version(store: Store) -> int:
    """Return the version of the landscape of *store*, damaged or not; 0 where there is none."""
    return read_model_version(store, LANDSCAPE)


def read_belongings(store: Store) -> dict[str, Belonging]:
    """Return to which cluster each skill belongs, by name; skills without one are not there."""
    return {skill: Belonging(cluster, membership) for skill, cluster, membership in store.query(_BELONGINGS).rows}


def write_landscape(store: Store, landscape: Landscape) -> None:
    """Keep *landscape* in *store*, in place of the one before."""
    kept = _Kept(
        landscape.skills,
        landscape.positions.astype("<f4").tobytes(),
        landscape.near.astype("<i4").tobytes(),
        landscape.likeness.astype("<f4").tobytes(),
    )
    details = msgspec.json.encode(landscape.details).decode()
    data = msgspec.msgpack.encode(kept)
    write_model(
        store,
        StoredModel(LANDSCAPE, landscape.version, landscape.projection, landscape.fitted_at, details, data),
    )


def _contents(found: StoredModel) -> Landscape | None:
    details = _details(found)
    if details is None:
        return None
    kept = msgspec.msgpack.decode(found.data, type=_Kept)
    count = len(kept.skills)
    width = len(kept.near) // 4 // max(1, count)
    return Landscape(
        version=found.version,
        projection=found.algorithm,
        fitted_at=found.fitted_at,
        details=details,
        skills=kept.skills,
        positions=np.frombuffer(kept.positions, dtype="<f4").reshape(count, 2).astype(np.float64),
        near=np.frombuffer(kept.near, dtype="<i4").reshape(count, width),
        likeness=np.frombuffer(kept.likeness, dtype="<f4").reshape(count, width),
    )


def _details(found: StoredModel | None) -> LandscapeDetails | None:
    if found is None:
        return None
    try:
        details = msgspec.json.decode(found.details, type=LandscapeDetails)
    except msgspec.ValidationError:
        return None
    return details if details.form == _FORM else None
