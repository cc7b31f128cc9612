"""Questions to skills: words and meaning fused, and, where wanted, leaned towards what works. No store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.search.embedding import Embedder, Vectors32, embed_question
from session_buddy.learning.search.fusing import fused
from session_buddy.learning.search.reranking import Habits, SkillCard, factor_of, phase_share
from session_buddy.learning.search.terms import TermIndex
from session_buddy.learning.search.vectors import ExactVectors, NearestVectors
from session_buddy.learning.search.words import spoken_name
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
        return np.fromiter((card.kind in kinds for card in self.cards), dtype=bool, count=len(self.cards))


SearchFunction = Callable[[SkillIndex, SearchQuestion], list[SkillHit]]
"""Something that searches: a strategy that an experiment can compare with another."""


def text_of(card: SkillCard) -> str:
    """Return what of a skill is embedded: its description, or its name as words where it was never described."""
    return card.description or spoken_name(card.skill)


def semantic_search(index: SkillIndex, question: SearchQuestion) -> list[SkillHit]:
    """Return the skills that fit *question*, by words and meaning alone, the best first."""
    return _found(index, question, question.limit)


def workflow_aware_search(index: SkillIndex, question: SearchQuestion) -> list[SkillHit]:
    """Return the skills that fit *question*, leaned towards those that succeed, fit its phase and are in use.

    The order of :func:`semantic_search` stays where they differ by much: none overtakes another of twice its relevance.
    """
    hits = [_leaned(index, question, hit) for hit in _found(index, question, max(_LEAST_RERANKED, 4 * question.limit))]
    return sorted(hits, key=lambda hit: (-hit.score, hit.card.skill))[: question.limit]


def _found(index: SkillIndex, question: SearchQuestion, limit: int) -> list[SkillHit]:
    if not index.cards:
        return []
    allowed = index.allowed(question.kinds)
    asked = index.terms.asked(question.text)
    vector = embed_question(index.embedder, question.text)
    words, named = index.terms.scores(asked), index.terms.named(asked)
    if allowed is not None:
        words = np.where(allowed, words, 0)
    near = index.vectors.nearest(vector, _BY_MEANING, allowed)
    looked_at = np.union1d(_best(words, _BY_WORDS), near)
    rows = index.vectors.rows[looked_at]
    likeness: Vectors32 = rows @ vector
    relevance = fused(words[looked_at], likeness, named[looked_at], unlike=index.embedder.unlike)
    fits = (words[looked_at] > 0) | (likeness >= index.embedder.unlike)
    order = sorted(np.flatnonzero(fits), key=lambda at: (-relevance[at], index.cards[looked_at[at]].skill))
    return [
        SkillHit(
            card=index.cards[looked_at[at]],
            score=float(relevance[at]),
            relevance=float(relevance[at]),
            factor=1.0,
            matched=index.terms.matched(asked, int(looked_at[at])),
            named=bool(named[looked_at[at]]),
            likeness=float(likeness[at]) if rows[at].any() else None,
            phase_share=None,
        )
        for at in order[:limit]
    ]


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return the places of the *count* highest *scores* above 0."""
    found = np.flatnonzero(scores)
    if count >= len(found):
        return found
    return found[np.argpartition(-scores[found], count)[:count]]


def _leaned(index: SkillIndex, question: SearchQuestion, hit: SkillHit) -> SkillHit:
    factor = factor_of(hit.card, index.habits, phase=question.phase, now=question.now)
    share = phase_share(hit.card, index.habits, question.phase) if question.phase else None
    return msgspec.structs.replace(hit, score=hit.relevance * factor, factor=factor, phase_share=share)
