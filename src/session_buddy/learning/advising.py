"""What to use next: a recommender's scores, made fit for one user and moment, each with its reasons. Pure.

score = (relevance + words / 2) x success x phase x duration x (1 + words). Relevance is the recommender's, 1 for its
best. Words is how much a skill's text is like what is to be done, 0-1; the language of the work only multiplies.
Success is the skill's rate, drawn towards that of all by ten uses, or a chance that was foretold. Phase and duration
are factors within bounds, 1 where nothing is known. What none of these speaks for comes behind, popular skills before
those that read like what is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.intervals import wilson_interval
from session_buddy.learning.hashing import neighbourhood_of
from session_buddy.learning.interactions import Interactions, rows_of
from session_buddy.learning.recommenders.content import Content
from session_buddy.learning.recommenders.contract import Recommender, best, unit_scaled
from session_buddy.learning.recommenders.popularity import Popularity

__all__ = ["Advice", "Advised", "Advisor", "Alike", "Basis", "LeftOut", "Situation", "SkillRecord"]

_DRAW = 10
"""Uses that a rate of all counts beside a skill's own."""
_NEIGHBOURS = 20
_PHASE_BOUNDS = (0.5, 2.0)
_DURATION_BOUNDS = (0.8, 1.25)
_DURATION_POWER = 0.1
_POPULAR = 0.01
"""How much popularity says beside the recommender: it orders what that knows nothing of."""
_WORDS = 0.5
"""How much words say beside the recommender: a skill that nobody used is found by its text."""
_READING = 0.001
"""How much it says that a skill reads like those in use."""
_READS_ALIKE = 0.1
"""Below that it is chance: any two texts have some letters in common."""
_FEWEST_OUTCOMES = 5
_FAILS_BELOW = 0.5
_MOST_REASONS = 2
_WORTH_NAMING = 0.2
"""A skill is named as a reason where it alone brings this part of what the best reason brings."""


class SkillRecord(NamedTuple):
    """What is known of one skill, all users together."""

    completed: int = 0
    failed: int = 0
    seconds: float | None = None
    """Mean duration."""
    phases: dict[str, int] = {}  # noqa: RUF012 (never changed)
    """Uses by workflow phase."""


class Basis(StrEnum):
    """What speaks for a skill."""

    USES = "uses"
    """What the asker uses."""
    WORDS = "words"
    """What is to be done, which its text is like."""
    POPULARITY = "popularity"
    """Nothing but its users."""
    READING = "reading"
    """That its text is like those of skills in use, and nothing else."""


class Situation(NamedTuple):
    """Who asks, and when."""

    skills: frozenset[str]
    """What is used already: it is not recommended, and everything follows from it."""
    phase: str | None = None
    words: str = ""
    """Of the work at hand: what is to be done."""
    languages: str = ""
    """Of the work at hand, too."""
    known: frozenset[str] = frozenset()
    """What is used already besides: it is not recommended, but nothing follows from it."""
    user: int | None = None
    """The row of whoever asks, who is no neighbour of their own."""


class Advice(NamedTuple):
    """One recommended skill, and why."""

    skill: str
    score: float
    """Comparable within one answer."""
    relevance: float
    """What the recommender says, 0-1."""
    users_alike: int
    """How many of the most similar users use it; those are :attr:`Advised.neighbours`."""
    phase: str | None
    """The phase asked for, where the skill is used there more than others."""
    because_of: tuple[str, ...]
    """Skills of the asker that it goes with, the strongest first."""
    basis: Basis
    """The strongest of what speaks for it."""


class LeftOut(NamedTuple):
    """A skill that would have been recommended, had it worked."""

    skill: str
    completed: int
    failed: int


class Alike(NamedTuple):
    """A user like the asker."""

    user: int
    """Its row."""
    similarity: float
    """The Jaccard index, 0-1."""
    in_common: int
    """Skills that both use."""
    skills: int
    """Skills that the user uses."""


class Advised(NamedTuple):
    """An answer."""

    advice: list[Advice]
    left_out: list[LeftOut]
    neighbours: int
    """How many similar users there are, of twenty at most."""


class Advisor:
    """Answers from what was learned; the recommender is fitted to the same interactions."""

    def __init__(self, data: Interactions, facts: Sequence[SkillRecord], recommender: Recommender) -> None:
        self.data = data
        self.facts = tuple(facts)
        self._recommender = recommender
        self._popular = unit_scaled(Popularity().fit(data).scores(rows_of([[]], len(data.skills))))[0]
        self._near = neighbourhood_of(data.used)
        self._success, self._failing = _success(self.facts), np.array([_fails(one) for one in self.facts], dtype=bool)
        self._quickness = _quickness(self.facts)

    def advise(
        self, situation: Situation, count: int, *, chances: Mapping[str, float] = MappingProxyType({})
    ) -> Advised:
        """Return up to *count* skills that the asker does not use, the best first.

        *chances* are what is known of success here and now, 0-1: they take the place of rates.
        """
        profile = self.data.profile(situation.skills)
        used = profile.indices.astype(np.int64)
        known = np.union1d(used, self.data.profile(situation.known).indices)
        relevance = np.zeros(len(self.data.skills))
        if len(used):
            scores = np.array(self._recommender.scores(profile))
            scores[0, known] = 0
            relevance = unit_scaled(scores)[0]
        words = self._likeness(situation.words)
        grounds = np.stack([relevance, _WORDS * words, _POPULAR * self._popular, np.zeros(len(words))])
        success = self._success.copy()
        for skill, chance in chances.items():
            success[self.data.places[skill]] = chance
        factors = success * self._quickness * self._phase_factor(situation.phase)
        factors *= 1 + self._likeness(f"{situation.words} {situation.languages}")
        grounds[:, known] = 0
        if np.count_nonzero(grounds.any(axis=0)) < count and len(used):
            likeness = self._content.scores(profile)[0]
            grounds[3] = _READING * np.where(likeness >= _READS_ALIKE, likeness, 0)
            grounds[:, known] = 0
        worth = grounds.sum(axis=0) * factors
        worth[worth <= 0] = -np.inf
        without_failing = np.where(self._failing, -np.inf, worth)
        first = best(without_failing, count)
        nearest, _ = self._near.nearest(used, _NEIGHBOURS, without=situation.user)
        theirs = np.bincount(self.data.used[nearest].indices, minlength=len(self.data.skills))
        lifts = self._phase_factor(situation.phase)
        reasons = self._reasons(used, first)
        bases = tuple(Basis)
        return Advised(
            [
                Advice(
                    skill=self.data.skills[place],
                    score=float(worth[place]),
                    relevance=float(relevance[place]),
                    users_alike=int(theirs[place]),
                    phase=situation.phase if lifts[place] > 1 else None,
                    because_of=reasons[at],
                    basis=bases[int(grounds[:, place].argmax())],
                )
                for at, place in enumerate(first)
            ],
            [
                LeftOut(self.data.skills[one], self.facts[one].completed, self.facts[one].failed)
                for one in best(worth, count)
                if self._failing[one]
            ],
            len(nearest),
        )

    def alike(self, situation: Situation, count: int) -> list[Alike]:
        """Return up to *count* users who share skills with the asker, the most similar first."""
        used = self.data.profile(situation.skills).indices.astype(np.int64)
        nearest, similarities = self._near.nearest(used, count, without=situation.user)
        rows = self.data.used[nearest]
        sizes = np.diff(rows.indptr)
        common = np.add.reduceat(np.isin(rows.indices, used), rows.indptr[:-1]) if len(nearest) else sizes
        columns = (nearest.tolist(), similarities.tolist(), common.tolist(), sizes.tolist())
        return [Alike(*one) for one in zip(*columns, strict=True)]

    def _reasons(self, known: NDArray[np.int64], first: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """Return for each of *first* the known skills that speak for it most when asked for alone."""
        if not len(known):
            return [()] * len(first)
        alone = self._recommender.scores(rows_of([[int(skill)] for skill in known], len(self.data.skills)))[:, first]
        reasons = []
        for column in alone.T:
            strongest = best(column, _MOST_REASONS)
            floor = max(column.max() * _WORTH_NAMING, 1e-9)
            reasons.append(tuple(self.data.skills[known[place]] for place in strongest if column[place] >= floor))
        return reasons

    def _phase_factor(self, phase: str | None) -> NDArray[np.float64]:
        if phase is None:
            return np.ones(len(self.facts))
        there = np.array([one.phases.get(phase, 0) for one in self.facts], dtype=float)
        uses = np.array([sum(one.phases.values()) for one in self.facts], dtype=float)
        share = there.sum() / max(uses.sum(), 1)
        if not share:
            return np.ones(len(self.facts))
        lifts: NDArray[np.float64] = (there + _DRAW * share) / (uses + _DRAW) / share
        return np.clip(lifts, *_PHASE_BOUNDS)

    def _likeness(self, words: str) -> NDArray[np.float64]:
        return self._content.likeness(words) if words.strip() else np.zeros(len(self.facts))

    @cached_property
    def _content(self) -> Content:
        return Content().fit(self.data)


def _success(facts: Sequence[SkillRecord]) -> NDArray[np.float64]:
    completed = np.array([one.completed for one in facts], dtype=float)
    ended = completed + np.array([one.failed for one in facts], dtype=float)
    # One success and one failure are added, so that no rate is 0.
    of_all = (completed.sum() + 1) / (ended.sum() + 2)
    rates: NDArray[np.float64] = (completed + _DRAW * of_all) / (ended + _DRAW)
    return rates


def _quickness(facts: Sequence[SkillRecord]) -> NDArray[np.float64]:
    seconds = np.array([np.nan if one.seconds is None else max(one.seconds, 0.1) for one in facts])
    if np.isnan(seconds).all():
        return np.ones(len(facts))
    factors = (np.nanmedian(seconds) / seconds) ** _DURATION_POWER
    return np.where(np.isnan(factors), 1.0, np.clip(factors, *_DURATION_BOUNDS))


def _fails(facts: SkillRecord) -> bool:
    """Tell whether it is certain (95 %) that less than half of the uses complete."""
    ended = facts.completed + facts.failed
    interval = wilson_interval(facts.completed, ended)
    return interval is not None and ended >= _FEWEST_OUTCOMES and interval[1] < _FAILS_BELOW
