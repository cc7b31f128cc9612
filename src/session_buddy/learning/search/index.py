"""Questions to skills: words and meaning fused, and, where wanted, leaned towards what works. No store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.search.embedding import Embedder, Vectors32, embed_question
from session_buddy.learning.search.fusing import fused
from session_buddy.learning.search.reranking import Habits, SkillCard, factor_of, phase_share
from session_buddy.learning.search.terms import Asked, TermIndex
from session_buddy.learning.search.vectors import ExactVectors, NearestVectors
from session_buddy.learning.words import spoken_name
from session_buddy.model import Kind, Phase

__all__ = [
    "SearchFunction",
    "SearchQuestion",
    "SkillHit",
    "SkillIndex",
    "semantic_search",
    "text_of",
    "workflow_aware_search",
]

_BY_WORDS, _BY_MEANING = 1_000, 500
"""So many of each are looked at more closely: all, in most stores."""
_LEAST_RERANKED = 50
_KINDS = (None, *Kind)


class SearchQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for."""

    text: str
    limit: int = 10
    kinds: frozenset[Kind | None] | None = None
    """Only skills of these kinds, ``None`` among them for those that were never used; ``None`` alone: all."""
    phase: Phase | None = None
    """Where in the work somebody stands; only :func:`workflow_aware_search` asks."""
    now: str | None = None
    """The present moment, by which a last use is recent; only :func:`workflow_aware_search` asks."""


class SkillHit(msgspec.Struct, frozen=True, kw_only=True):
    """One skill that was found, and why."""

    card: SkillCard
    score: float
    """What the order follows: ``relevance`` times ``factor``."""
    relevance: float
    """How well it fits, as a part of the best by words and by meaning: 0 to 1.15."""
    factor: float
    """What success, phase and recency make of that, 0.8 to 1.25; 1 where they were not asked."""
    matched: list[str]
    """The words of the question that it has, those that count most first."""
    named: bool
    """Whether the question has all words of its name."""
    likeness: float | None
    """Mean cosine of its text with the parts of the question, up to 1; ``None`` where its text has no vector yet."""
    phase_share: float | None
    """The part of its uses that falls into the phase asked for, few uses leaving it near that of all skills."""


@dataclass(frozen=True, eq=False)
class SkillIndex:
    """Everything that can be found. Threads may share one: nothing in it changes."""

    cards: tuple[SkillCard, ...]
    habits: Habits
    terms: TermIndex
    vectors: NearestVectors
    """One for each of the cards, in their order; zeros where there is none yet."""
    embedder: Embedder

    @classmethod
    def of(cls, cards: Sequence[SkillCard], embedder: Embedder, vectors: NearestVectors | None = None) -> SkillIndex:
        """Return the index of *cards*; without *vectors* their texts are embedded here."""
        terms = TermIndex.of([card.skill for card in cards], [card.description for card in cards])
        made = vectors or ExactVectors(embedder.embed([text_of(card) for card in cards]))
        return cls(tuple(cards), Habits.of(list(cards)), terms, made, embedder)

    def with_cards(self, cards: Sequence[SkillCard]) -> SkillIndex:
        """Return the same with new figures; names and descriptions of *cards* must be those it has, in its order."""
        return replace(self, cards=tuple(cards), habits=Habits.of(list(cards)))

    def allowed(self, kinds: frozenset[Kind | None] | None) -> NDArray[np.bool_] | None:
        """Return which skills are of *kinds*; ``None`` where all are."""
        if kinds is None:
            return None
        found: NDArray[np.bool_] = np.isin(self._kinds, [_KINDS.index(kind) for kind in kinds])
        return None if found.all() else found

    def count(self, kinds: frozenset[Kind | None] | None) -> int:
        """Return how many skills are of *kinds*."""
        allowed = self.allowed(kinds)
        return len(self.cards) if allowed is None else int(allowed.sum())

    @cached_property
    def _kinds(self) -> NDArray[np.int8]:
        places = {kind: place for place, kind in enumerate(_KINDS)}
        return np.array([places[card.kind] for card in self.cards], dtype=np.int8)


SearchFunction = Callable[[SkillIndex, SearchQuestion], list[SkillHit]]
"""Something that searches: a strategy that an experiment can compare with another."""


def text_of(card: SkillCard) -> str:
    """Return what of a skill is embedded: its description, or its name as words where it was never described."""
    return card.description or spoken_name(card.skill)


def semantic_search(index: SkillIndex, question: SearchQuestion) -> list[SkillHit]:
    """Return the skills that fit *question*, by words and meaning alone, the best first; of equals the first given."""
    found = _found(index, question.text, question.kinds)
    return [_hit(index, found, at) for at in found.order[: question.limit]]


def workflow_aware_search(index: SkillIndex, question: SearchQuestion) -> list[SkillHit]:
    """Return the skills that fit *question*, leaned towards those that succeed, fit its phase and are in use.

    The order of :func:`semantic_search` stays where they differ by much: none overtakes another of twice its relevance.
    """
    found = _found(index, question.text, question.kinds)
    factors = {
        at: factor_of(index.cards[found.places[at]], index.habits, phase=question.phase, now=question.now)
        for at in found.order[: max(_LEAST_RERANKED, 4 * question.limit)]
    }
    # Sorting is stable: of equals the more relevant stays first.
    leaned = sorted(factors, key=lambda at: -factors[at] * found.relevance[at])[: question.limit]
    return [_hit(index, found, at, factor=factors[at], phase=question.phase) for at in leaned]


@dataclass(frozen=True, eq=False)
class _Found:
    """Skills that were looked at closely."""

    asked: Asked
    places: NDArray[np.intp]
    """Which of the index."""
    relevance: NDArray[np.float32]
    likeness: Vectors32
    named: NDArray[np.bool_]
    order: list[int]
    """Those that fit, as places in the arrays above, the best first."""


def _found(index: SkillIndex, text: str, kinds: frozenset[Kind | None] | None) -> _Found:
    allowed = index.allowed(kinds)
    asked = index.terms.asked(text)
    vector = embed_question(index.embedder, text)
    words = index.terms.scores(asked)
    if allowed is not None:
        words = np.where(allowed, words, 0)
    places = np.union1d(_best(words, _BY_WORDS), index.vectors.nearest(vector, _BY_MEANING, allowed))
    likeness: Vectors32 = index.vectors.rows[places] @ vector
    named = index.terms.named(asked)[places]
    relevance = fused(words[places], likeness, named, enough=index.terms.enough(asked), unlike=index.embedder.unlike)
    fits = np.flatnonzero((words[places] > 0) | (likeness >= index.embedder.unlike))
    order: list[int] = fits[np.argsort(-relevance[fits], kind="stable")].tolist()
    return _Found(asked, places, relevance, likeness, named, order)


def _hit(index: SkillIndex, found: _Found, at: int, *, factor: float = 1.0, phase: Phase | None = None) -> SkillHit:
    place = int(found.places[at])
    card, relevance = index.cards[place], float(found.relevance[at])
    return SkillHit(
        card=card,
        score=relevance * factor,
        relevance=relevance,
        factor=factor,
        matched=index.terms.matched(found.asked, place),
        named=bool(found.named[at]),
        likeness=float(found.likeness[at]) if index.vectors.rows[place].any() else None,
        phase_share=phase_share(card, index.habits, phase) if phase else None,
    )


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the places of the *count* highest *scores* above 0."""
    found = np.flatnonzero(scores)
    if count >= len(found):
        return found
    return found[np.argpartition(-scores[found], count)[:count]]
