"""Which recommender is the best on somebody's own data. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from session_buddy.learning.evaluation import Quality, Split, judged, temporal_split
from session_buddy.learning.interactions import Interactions
from session_buddy.learning.recommenders.blend import Blend
from session_buddy.learning.recommenders.content import Content
from session_buddy.learning.recommenders.contract import Recommender
from session_buddy.learning.recommenders.linear import Ease, ItemKnn
from session_buddy.learning.recommenders.popularity import Popularity
from session_buddy.learning.recommenders.specified import Specified

__all__ = ["DEFAULT", "NAMED", "Candidate", "Settings", "best_of", "choose", "recommender_of"]

_RIDGES = (10.0, 50.0, 200.0, 500.0)
_CONTENT = (0.3, 1.0)
_MOST_ASKED = 3_000
"""Users that a choice is made by; more tell nothing new."""


class Settings(NamedTuple):
    """What tells one recommender from another."""

    name: str
    ridge: float = 0.0
    """Of EASE; 0 where there is none."""
    content: float = 0.0
    """The weight of content beside EASE's 1."""


NAMED = (
    Settings("popularity"),
    Settings("specification"),
    Settings("specification, summed"),
    Settings("item-kNN"),
    Settings("content"),
)
"""Recommenders that have nothing to choose."""
DEFAULT = Settings("EASE", 200.0)
"""What there is before anything could be chosen."""


@dataclass(frozen=True)
class Candidate:
    """A recommender, and how good it was on what was held out."""

    settings: Settings
    quality: Quality


def recommender_of(settings: Settings) -> Recommender:
    """Return the recommender that *settings* describe, not fitted yet."""
    plain: dict[str, Recommender] = {
        "popularity": Popularity(),
        "specification": Specified(),
        "specification, summed": Specified(summed=True),
        "item-kNN": ItemKnn(),
        "content": Content(),
    }
    if settings.name in plain:
        return plain[settings.name]
    ease = Ease(settings.ridge)
    return Blend(settings.name, [(ease, 1.0), (Content(), settings.content)]) if settings.content else ease


def choose(data: Interactions, *, split: Split | None = None) -> list[Candidate]:
    """Return every candidate with its quality on *split*, the best first.

    Without a split what was taken up last is held out. Best is the highest nDCG@10. Empty where nobody has two skills:
    nothing can be held out.
    """
    split = _thinned(split or temporal_split(data))
    if not split.held_out.nnz:
        return []
    candidates = [Candidate(settings, judged(one, split)) for settings, one in _fitted(split.train)]
    return best_of(candidates)


def best_of(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return *candidates*, the best first; of equal ones EASE, then what is simpler."""
    order = ("EASE", "EASE with content", *(one.name for one in reversed(NAMED)))
    return sorted(candidates, key=lambda one: (-one.quality.ndcg, order.index(one.settings.name)))


def _fitted(train: Interactions) -> Iterator[tuple[Settings, Recommender]]:
    """Yield every candidate fitted to *train*; parts that several have in common are fitted once."""
    for settings in NAMED:
        fitted = recommender_of(settings).fit(train)
        if settings.name == "content":
            content = fitted
        yield settings, fitted
    for ridge in _RIDGES:
        ease = Ease(ridge).fit(train)
        yield Settings("EASE", ridge), ease
        for weight in _CONTENT:
            yield (
                Settings("EASE with content", ridge, weight),
                Blend("EASE with content", [(ease, 1), (content, weight)]),
            )


def _thinned(split: Split) -> Split:
    """Return *split* with no more users asked about than are needed."""
    asked = np.flatnonzero(np.diff(split.held_out.indptr))
    if len(asked) <= _MOST_ASKED:
        return split
    kept = np.zeros(split.held_out.shape[0], dtype=bool)
    kept[np.random.default_rng(0).choice(asked, _MOST_ASKED, replace=False)] = True
    held_out = split.held_out.copy()
    held_out.data = held_out.data * np.repeat(kept, np.diff(held_out.indptr))
    held_out.eliminate_zeros()
    return Split(split.train, held_out)
