"""What to use next, as commands, the API and pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.formats import count, percent, plural, shown_name
from session_buddy.intervals import wilson_interval
from session_buddy.learning.advising import Advice, Advised, Advisor, Situation
from session_buddy.learning.choosing import Candidate
from session_buddy.learning.community.baselines import least_users
from session_buddy.learning.keeping import Kept, advisor_of, is_stale, learn, read_kept, read_version
from session_buddy.learning.reading import Unit, read_profile_of_session, read_profile_of_user
from session_buddy.model import Kind, Phase
from session_buddy.reports.ranking import without_tools
from session_buddy.reports.sessions import find_session
from session_buddy.storage import Store

__all__ = [
    "Evaluation",
    "Failing",
    "Learned",
    "Question",
    "Recommendation",
    "Recommendations",
    "RecommenderFigures",
    "read_evaluation",
    "read_learned",
    "recommendations",
]

_LATEST = "SELECT session_id, user_id FROM session_summary ORDER BY last_invoked_at DESC, session_id LIMIT 1"
_FIGURES = "SELECT skill_name, kind, completed_count, failed_count, avg_duration_seconds FROM skill_metrics"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for what; without user, session and skills the latest session asks."""

    user_id: str | None = None
    session: str | None = None
    """A session, or the beginning of its id."""
    skills: tuple[str, ...] = ()
    """Skills used already, besides."""
    phase: Phase | None = None
    words: str = ""
    """Of the work at hand: what is to be done."""
    languages: tuple[str, ...] = ()
    """Of the work at hand, see :func:`~session_buddy.reports.work.languages_at_hand`."""
    limit: int = 10


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """One skill to use next."""

    skill: str
    kind: Kind | None
    """``null`` for a skill that was described and never used."""
    why: str
    """In one line."""
    score: float
    """Comparable within one answer."""
    relevance: float
    """What the recommender says by itself, 0-1."""
    success_rate: float | None
    """Completed of completed and failed, 0-1, all users."""
    success_low: float | None
    """The lower end of its 95 % interval."""
    completed: int
    failed: int
    avg_duration_seconds: float | None
    goes_with: list[str]
    """Skills of the asker that speak for it, the strongest first."""


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """A skill that would be recommended, did it not fail more often than not."""

    skill: str
    completed: int
    failed: int


class Recommendations(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    asked_by: str
    """In words: the session, the user, or the skills named."""
    known: list[str]
    """The skills used already, from which the answer follows; those not recommended."""
    languages: list[str]
    """Of the work at hand: what speaks of them comes sooner."""
    compared: str
    """``user`` or ``session``: whose uses are compared."""
    alike: int
    """How many similar ones there are, of twenty at most."""
    algorithm: str
    version: int
    fitted_at: str
    skills: list[Recommendation]
    left_out: list[Failing]


class RecommenderFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How one recommender fared on what was held out."""

    algorithm: str
    ridge: float
    content: float
    ndcg: float
    """nDCG@10, 0-1."""
    ndcg_margin: float
    """Half of its 95 % interval."""
    recall: float
    """Recall@20, 0-1."""
    recall_margin: float
    coverage: float
    """The part of all skills that anybody was recommended, 0-1."""
    calibration_error: float | None
    """How far the chances that its scores stand for are from what came true, 0-1; ``null`` for too few to say."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Every recommender on this store's uses; of each user's (or session's) skills the newest fifth was held out."""

    compared: str
    asked: int
    """How many users or sessions had something held out."""
    skills: int
    version: int
    chosen_at: str
    candidates: list[RecommenderFigures]
    """The best first; it is the one in use."""


class Learned:
    """What answers, kept in memory with the version of what it was made of."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.advisor: Advisor = advisor_of(kept)


def read_learned(
    store: Store, before: Learned | None = None, *, now: str, is_fresh: bool = False, is_choosing: bool = False
) -> Learned:
    """Return what was learned last: *before*, where that is what is kept; where nothing is, it is learned now.

    With *is_fresh* it is learned anew where something was used since; with *is_choosing* anyway, and the recommender
    chosen anew.
    """
    version = read_version(store)
    if before is not None and before.kept.version == version and not (is_fresh or is_choosing):
        return before
    kept = read_kept(store)
    if kept is None or is_choosing or (is_fresh and is_stale(store)):
        kept = learn(store, without_tools(), now=now, is_choosing=is_choosing)
    return Learned(kept)


def recommendations(store: Store, learned: Learned, question: Question) -> Recommendations:
    """Return what to use next.

    Raises :class:`InvalidInput` for a limit that is none, and for skills that nobody knows;
    :class:`~session_buddy.errors.NotFound` for a session that is not there.
    """
    if question.limit < 1:
        raise InvalidInput("limit", f"{question.limit} is no number of skills.", remedy="Give 1 or more.")
    unit, units = learned.kept.learned.unit, learned.kept.learned.units
    asked_by, skills, who = _asker(store, question, unit)
    unknown = [name for name in question.skills if name not in learned.advisor.data.places]
    if unknown:
        raise InvalidInput(
            "skills", f"{unknown[0]!r} is not known here.", remedy="Name skills as 'session-buddy top' shows them."
        )
    user = units.index(who) if who in units else None
    words = " ".join([question.words, *question.languages])
    situation = Situation(
        frozenset(skills), phase=question.phase, words=words, user=user if not question.skills else None
    )
    answer = learned.advisor.advise(situation, question.limit)
    figures = {name: row for name, *row in store.query(_FIGURES).rows}
    least = least_users(store) if unit is Unit.USER else 1
    return Recommendations(
        asked_by=asked_by,
        known=sorted(skills & learned.advisor.data.places.keys()),
        languages=list(question.languages),
        compared=unit.value,
        alike=answer.neighbours,
        algorithm=learned.kept.chosen.name,
        version=learned.kept.version,
        fitted_at=learned.kept.fitted_at,
        skills=[_shown(one, answer, figures.get(one.skill), unit, least) for one in answer.advice],
        left_out=[Failing(skill=one.skill, completed=one.completed, failed=one.failed) for one in answer.left_out],
    )


def read_evaluation(learned: Learned) -> Evaluation:
    """Return how every recommender fared when one was chosen."""
    kept = learned.kept
    return Evaluation(
        compared=kept.learned.unit.value,
        asked=kept.candidates[0].quality.users if kept.candidates else 0,
        skills=len(kept.learned.data.skills),
        version=kept.version,
        chosen_at=kept.chosen_at,
        candidates=[_figures(one) for one in kept.candidates],
    )


def _asker(store: Store, question: Question, unit: Unit) -> tuple[str, frozenset[str], str | None]:
    """Return who asks in words, the skills used already, and the row's name in what was learned."""
    named = frozenset(question.skills)
    if question.user_id:
        return f"user {question.user_id[:8]}", named | read_profile_of_user(store, question.user_id), question.user_id
    if question.session:
        session = find_session(store, question.session)
        return f"session {session[:8]}", named | read_profile_of_session(store, session), session
    if named:
        return f"whoever uses {_listed(sorted(named))}", named, None
    latest = store.query(_LATEST).rows
    if not latest:
        return "nobody in particular", named, None
    session, user = latest[0]
    if unit is Unit.USER:
        return f"the user of the latest session, {session[:8]}", read_profile_of_user(store, user), user
    return f"the latest session, {session[:8]}", read_profile_of_session(store, session), session


def _shown(advice: Advice, answer: Advised, row: list[Any] | None, unit: Unit, least: int) -> Recommendation:
    kind, completed, failed, seconds = row or (None, 0, 0, None)
    interval = wilson_interval(completed, completed + failed)
    return Recommendation(
        skill=advice.skill,
        kind=None if kind is None else Kind(kind),
        why=_why(advice, answer, completed, failed, unit, least),
        score=advice.score,
        relevance=advice.relevance,
        success_rate=completed / (completed + failed) if completed + failed else None,
        success_low=interval[0] if interval else None,
        completed=completed,
        failed=failed,
        avg_duration_seconds=seconds,
        goes_with=list(advice.because_of),
    )


def _why(advice: Advice, answer: Advised, completed: int, failed: int, unit: Unit, least: int) -> str:
    parts = []
    if advice.because_of:
        parts.append(f"goes with {_listed(map(shown_name, advice.because_of))}")
    elif advice.is_popular_only:
        parts.append("many use it")
    if answer.neighbours >= least and advice.users_alike:
        # Fewer users than may be told of are not told of here either.
        uses = count(advice.users_alike) if advice.users_alike >= least else f"fewer than {least}"
        parts.append(f"used by {uses} of {plural(answer.neighbours, f'similar {unit.value}')}")
    if completed + failed:
        there = f" in all, more than others in {advice.phase}" if advice.phase else ""
        parts.append(f"completed {percent(completed / (completed + failed))} of {count(completed + failed)}{there}")
    elif advice.phase:
        parts.append(f"used in {advice.phase}")
    return "; ".join(parts)


def _figures(candidate: Candidate) -> RecommenderFigures:
    settings, quality = candidate.settings, candidate.quality
    return RecommenderFigures(
        algorithm=settings.name,
        ridge=settings.ridge,
        content=settings.content,
        ndcg=quality.ndcg,
        ndcg_margin=quality.ndcg_margin,
        recall=quality.recall,
        recall_margin=quality.recall_margin,
        coverage=quality.coverage,
        calibration_error=quality.calibration_error,
    )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
