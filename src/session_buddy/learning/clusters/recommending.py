"""Further skills of the clusters that somebody is at home in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from session_buddy.learning.clusters.features import Vectors, co_use_vectors, joined, unit
from session_buddy.learning.clusters.partition import partition
from session_buddy.learning.interactions import Interactions, Matrix
from session_buddy.learning.recommenders.contract import Recommender, Scores

__all__ = ["Belonging", "ClusterMates", "Mate"]

_DIMENSIONS = 384


class Belonging(NamedTuple):
    """To which cluster a skill belongs, and how surely."""

    cluster: str
    """Its name."""
    membership: float
    """0-1."""


class Mate(NamedTuple):
    """Why a skill is recommended."""

    cluster: str
    membership: float
    """How surely the skill belongs to the cluster, 0-1."""
    used: tuple[str, ...]
    """The skills of the profile in the same cluster, the surest first."""
    success: float
    """The part of the skill's uses that completes, 0-1."""

    def __str__(self) -> str:
        known = ", ".join(self.used[:3]) + (" and others" if len(self.used) > 3 else "")
        return f"in the cluster “{self.cluster}” with {known}, completed {100 * self.success:.0f} %"


class ClusterMates(Recommender):
    """Scores a skill by ``share of the profile in its cluster * membership * success``.

    The share counts each skill of the profile by its own membership. Skills without a cluster have no score, and a
    profile without skills in a cluster is treated as one with a little of each. *known*: to which cluster each skill
    belongs, by name, as a store has it; without it clusters are found in texts and co-use of what it is fitted to.
    """

    name = "clusters"

    def __init__(self, known: Mapping[str, Belonging] | None = None, *, seed: int = 0) -> None:
        self._known, self._seed = known, seed

    def fit(self, data: Interactions) -> Self:
        """See :meth:`Recommender.fit`."""
        known = self._found(data) if self._known is None else self._known
        self._names = sorted({belonging.cluster for belonging in known.values()})
        numbers = {name: number for number, name in enumerate(self._names)}
        inside = [(data.places[skill], belonging) for skill, belonging in known.items() if skill in data.places]
        self._memberships = Matrix(
            (
                np.array([belonging.membership for _, belonging in inside], dtype=np.float64),
                (
                    np.array([place for place, _ in inside], dtype=np.int64),
                    np.array([numbers[belonging.cluster] for _, belonging in inside], dtype=np.int64),
                ),
            ),
            shape=(len(data.skills), max(1, len(self._names))),
        )
        self._skills, self._rates = data.skills, np.asarray(data.rates, dtype=np.float64)
        self._worth = Matrix(sparse.diags_array(self._rates) @ self._memberships)
        return self

    def scores(self, profiles: Matrix) -> Scores:
        """See :meth:`Recommender.scores`."""
        inside = np.asarray((profiles @ self._memberships).todense(), dtype=np.float64)
        totals = inside.sum(axis=1, keepdims=True)
        shares = np.where(totals > 0, inside / np.maximum(totals, 1e-12), 1 / inside.shape[1])
        found: Scores = np.asarray(shares @ self._worth.T, dtype=np.float64)
        return found

    def explain(self, profile: Matrix, skill: int) -> Mate | None:
        """Return why *skill* is recommended for the one row *profile*; None where no cluster speaks for it."""
        row = self._memberships[[skill]]
        if row.nnz == 0:
            return None
        cluster, membership = int(row.indices[0]), float(row.data[0])
        own = self._memberships[profile.indices].tocoo()
        together = sorted(
            (-float(sure), self._skills[profile.indices[place]])
            for place, column, sure in zip(own.coords[0], own.coords[1], own.data, strict=True)
            if column == cluster and profile.indices[place] != skill
        )
        if not together:
            return None
        names = tuple(name for _, name in together)
        return Mate(self._names[cluster], membership, names, float(self._rates[skill]))

    @property
    def width(self) -> int:
        """See :attr:`Recommender.width`."""
        return len(self._skills)

    def _found(self, data: Interactions) -> dict[str, Belonging]:
        counts = Matrix(data.used.T @ data.used).tocoo()
        upper = counts.coords[0] < counts.coords[1]
        pairs = np.stack([counts.coords[0][upper], counts.coords[1][upper]], axis=1).astype(np.int64)
        users = data.users_of_skills.astype(np.float64)
        co_use = co_use_vectors(
            pairs, counts.data[upper].astype(np.float64), users, total=float(data.used.shape[0]), seed=self._seed
        )
        found = partition(joined(_texts(data, self._seed), co_use, users), seed=self._seed)
        return {
            data.skills[place]: Belonging(f"{label + 1}", float(found.memberships[place]))
            for place, label in enumerate(found.labels)
            if label >= 0
        }


def _texts(data: Interactions, seed: int) -> Vectors:
    """Return texts as vectors by words alone (latent semantic analysis): no model is needed, and none is as good."""
    # They take a second to load, and most commands do without.
    from sklearn.decomposition import TruncatedSVD  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    try:
        words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"[^\W_]+").fit_transform(data.texts)
    except ValueError:  # no text has a word
        return np.zeros((len(data.texts), 1), dtype=np.float32)
    kept = min(_DIMENSIONS, *words.shape)
    if kept >= min(words.shape):
        return unit(words.toarray())
    return unit(TruncatedSVD(kept, random_state=seed).fit_transform(words))
