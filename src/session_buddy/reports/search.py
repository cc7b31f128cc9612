"""``search``: the skills that fit what somebody wants to do, and why."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from session_buddy.asking import one_of
from session_buddy.errors import InvalidInput
from session_buddy.formats import count, percent, printable
from session_buddy.learning.search.embedding import ModelChoice, ModelPlace, choose_embedder
from session_buddy.learning.search.index import (
    SearchFunction,
    SearchQuestion,
    SkillHit,
    semantic_search,
    workflow_aware_search,
)
from session_buddy.learning.search.keeping import Standing, embed_missing
from session_buddy.model import Kind, Phase
from session_buddy.monitoring.watch import read_texts
from session_buddy.ordering import SearchStrategy
from session_buddy.reports.ranking import without_tools
from session_buddy.reports.settings import SEARCH_DOWNLOAD, SEARCH_MODEL
from session_buddy.storage import Store

__all__ = [
    "LONGEST_QUESTION",
    "MODEL_VARIABLE",
    "MOST_HITS",
    "SEARCHES",
    "FoundSkill",
    "Search",
    "SearchAnswer",
    "answer_search",
    "ask",
    "model_place",
    "refresh_search",
]

MODEL_VARIABLE = "SESSION_BUDDY_SEARCH_MODEL"
"""A variable of the environment: the folder of the model."""
LONGEST_QUESTION = 10_000
"""Characters."""
MOST_HITS = 1_000
_WORDS_SHOWN = 6

SEARCHES: dict[SearchStrategy, SearchFunction] = {
    SearchStrategy.SEMANTIC: semantic_search,
    SearchStrategy.WORKFLOW_AWARE: workflow_aware_search,
}
"""What each strategy does."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; made by :func:`ask`."""

    question: str
    limit: int
    kind: Kind | None
    phase: Phase | None
    strategy: SearchStrategy


class FoundSkill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill that fits, and why."""

    skill: str
    kind: Kind | None
    """``null`` of a skill that was described and never used."""
    description: str | None
    """``null`` where it was never described."""
    score: float
    """What the order follows: ``relevance`` times ``factor``."""
    relevance: float
    """How well it fits, as a part of the best by words and by meaning; 0 to 1.15."""
    factor: float
    """What success, phase and recency make of that, 0.8 to 1.25; 1 in ``semantic_search``."""
    matched: list[str]
    """The words of the question that its name or description has, those that count most first."""
    named: bool
    """Whether the question has all words of its name."""
    likeness: float | None
    """How alike its description and the question are, up to 1; ``null`` where that is not known yet."""
    success_rate: float | None
    """Completed of completed and failed, 0-1; ``null`` where nothing has either end."""
    judged: int
    """How many uses completed or failed."""
    invocations: int
    last_invoked_at: str | None
    phase_share: float | None
    """The part of its uses in the phase asked for, 0-1, few uses leaving it near that of all skills."""
    why: str
    """The same in words."""


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The skills that fit, the best first."""

    question: str
    strategy: SearchStrategy
    kind: Kind | None
    phase: Phase | None
    model: str
    """What judged likeness: vectors of one model are compared with its own only."""
    total: int
    """How many skills there are of the kinds asked for."""
    notices: list[str]
    """What people should know: that there is no model, that some texts are not embedded yet."""
    skills: list[FoundSkill]


def ask(
    question: str,
    *,
    limit: int = 10,
    kind: str | None = None,
    phase: str | None = None,
    strategy: str = SearchStrategy.WORKFLOW_AWARE,
) -> Search:
    """Return a search for *question*; raises :class:`InvalidInput`, naming the field, for what makes no sense."""
    text = question.encode("utf-8", "replace").decode().strip()
    if not text:
        raise InvalidInput("question", "is empty.", remedy="Say what is to be done, in a few words.")
    if len(text) > LONGEST_QUESTION:
        raise InvalidInput(
            "question",
            f"has {count(len(text))} characters.",
            remedy=f"Say it in up to {count(LONGEST_QUESTION)}.",
        )
    if not 1 <= limit <= MOST_HITS:
        raise InvalidInput("limit", f"{limit} is no number from 1 to {MOST_HITS}.", remedy="Correct it.")
    return Search(
        question=text,
        limit=limit,
        kind=None if kind is None else one_of(Kind, "kind", kind),
        phase=None if phase is None else one_of(Phase, "phase", phase),
        strategy=one_of(SearchStrategy, "strategy", strategy),
    )


def model_place(store: Store) -> ModelPlace:
    """Return where the model comes from: the folder that the environment names, else what the settings of *store* say.

    A store may be shared, and a folder be on one machine only: so the environment of each wins.
    """
    texts = read_texts(store)
    named = os.environ.get(MODEL_VARIABLE) or texts.get(SEARCH_MODEL)
    return ModelPlace(Path(named).expanduser() if named else None, download=texts.get(SEARCH_DOWNLOAD) == "yes")


def answer_search(search: Search, standing: Standing, choice: ModelChoice, *, now: str) -> SearchAnswer:
    """Return what *search* finds in an index as it stands at the moment *now*."""
    question = SearchQuestion(
        text=search.question,
        limit=search.limit,
        kinds=frozenset({search.kind}) if search.kind else frozenset({None, *without_tools()}),
        phase=search.phase,
        now=now,
    )
    hits = SEARCHES[search.strategy](standing.index, question)
    return SearchAnswer(
        question=search.question,
        strategy=search.strategy,
        kind=search.kind,
        phase=search.phase,
        model=standing.index.embedder.model,
        total=standing.index.count(question.kinds),
        notices=_notices(standing, choice),
        skills=[_found(hit, search.phase) for hit in hits],
    )


def refresh_search(store: Store, now: str) -> int:
    """Embed the texts of all skills of *store* that have no vector yet; return how many. Blocks."""
    return embed_missing(store, choose_embedder(model_place(store)).embedder, now=now)


def _notices(standing: Standing, choice: ModelChoice) -> list[str]:
    notices = [choice.notice] if choice.notice else []
    if standing.pending:
        notices.append(
            f"{count(standing.pending)} of {count(len(standing.index.cards))} texts are found by their words only:"
            " they are not embedded yet. Ask again in a moment."
        )
    if standing.unsaved:
        notices.append(f"What was embedded could not be stored: {standing.unsaved}")
    return notices


def _found(hit: SkillHit, phase: Phase | None) -> FoundSkill:
    card = hit.card
    judged = card.completed + card.failed
    return FoundSkill(
        skill=card.skill,
        kind=card.kind,
        description=card.description or None,
        score=hit.score,
        relevance=hit.relevance,
        factor=hit.factor,
        matched=hit.matched,
        named=hit.named,
        likeness=hit.likeness,
        success_rate=card.completed / judged if judged else None,
        judged=judged,
        invocations=card.uses,
        last_invoked_at=card.last_used_at,
        phase_share=hit.phase_share,
        why=_why(hit, judged, phase),
    )


def _why(hit: SkillHit, judged: int, phase: Phase | None) -> str:
    parts = []
    if hit.matched:
        more = " …" if len(hit.matched) > _WORDS_SHOWN else ""
        parts.append(f"has {', '.join(printable(word) for word in hit.matched[:_WORDS_SHOWN])}{more}")
    if hit.named:
        parts.append("is named")
    if hit.likeness is not None:
        parts.append(f"likeness {hit.likeness:.2f}")
    if judged:
        parts.append(f"success {percent(hit.card.completed / judged)} of {count(judged)}")
    if phase and hit.phase_share is not None and hit.card.phases.get(phase):
        parts.append(f"{percent(hit.phase_share)} in {phase}")
    return "; ".join(parts)
