"""What to use next, as commands, the API and pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput, NotFound
from session_buddy.formats import count, percent, plural, shown_name
from session_buddy.intervals import wilson_interval
from session_buddy.learning.advising import Advice, Advised, Advisor, Basis, Situation
from session_buddy.learning.community.baselines import least_users
from session_buddy.learning.keeping import Kept, advisor_of, is_stale, learn, read_kept, read_version
from session_buddy.learning.reading import Unit
from session_buddy.learning.recommenders.contract import Recommender
from session_buddy.model import Kind
from session_buddy.reports.asker import Asker, Question, asker_of, listed
from session_buddy.reports.prediction import Chances, Context
from session_buddy.reports.ranking import without_tools
from session_buddy.storage import Store

__all__ = [
    "Failing",
    "Learned",
    "Recommendation",
    "Recommendations",
    "read_learned",
    "recommendations",
    "situation_of",
]

_TIMES_AS_MANY = 3
_FIGURES = """
SELECT skill_name, kind, completed_count, failed_count, avg_duration_seconds FROM skill_metrics WHERE skill_name IN ({})
"""


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
    chance: float | None = None
    """Of completing here and now, 0-1; ``null`` where that is known no better than by rates."""


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


class Learned:
    """What answers, kept in memory with the version of what it was made of."""

    def __init__(self, kept: Kept, recommender: Recommender | None = None) -> None:
        self.kept = kept
        self.advisor: Advisor = advisor_of(kept, recommender)
        self.rows = {who: row for row, who in enumerate(kept.learned.units)}
        """The row of each user, or session, that is compared."""


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


def recommendations(
    store: Store, learned: Learned, question: Question, *, chances: Chances | None = None
) -> Recommendations:
    """Return what to use next; with *chances*, their order leans on those here and now in place of rates so far.

    Raises :class:`InvalidInput` for a limit that is none, :class:`NotFound` for a session that is not there, and for
    skills that nobody knows.
    """
    asker, situation = situation_of(store, learned, question)
    answer = learned.advisor.advise(situation, question.limit)
    likely: Mapping[str, float] = {}
    if chances is not None:
        # The order changes among those that come first by rates, and a few times as many.
        wider = learned.advisor.advise(situation, _TIMES_AS_MANY * question.limit)
        likely = chances(
            Context(session=question.session, user_id=question.user_id, phase=question.phase),
            [one.skill for one in wider.advice],
        )
        answer = learned.advisor.advise(situation, question.limit, chances=likely)
    figures = _figures(store, [one.skill for one in answer.advice])
    unit, places = learned.kept.learned.unit, learned.advisor.data.places
    least = least_users(store) if unit is Unit.USER else 1
    users = learned.advisor.data.users_of_skills
    return Recommendations(
        asked_by=asker.words,
        known=sorted(asker.skills & places.keys()),
        languages=list(question.languages),
        compared=unit.value,
        alike=answer.neighbours,
        algorithm=learned.kept.chosen.name,
        version=learned.kept.version,
        fitted_at=learned.kept.fitted_at,
        skills=[
            _shown(
                one,
                answer,
                figures.get(one.skill),
                unit,
                least,
                int(users[places[one.skill]]),
                likely.get(one.skill),
            )
            for one in answer.advice
        ],
        left_out=[Failing(skill=one.skill, completed=one.completed, failed=one.failed) for one in answer.left_out],
    )


def situation_of(store: Store, learned: Learned, question: Question) -> tuple[Asker, Situation]:
    """Return who asks *question*, and what follows for an answer; raises what :func:`recommendations` does."""
    if question.limit < 1:
        raise InvalidInput("limit", f"{question.limit} is no number of skills.", remedy="Give 1 or more.")
    places = learned.advisor.data.places
    unknown = [name for name in question.skills if name not in places]
    if unknown:
        raise NotFound(
            f"{unknown[0]!r} is not known here.",
            remedy="Name skills as 'session-buddy top' shows them.",
            suggestions=get_close_matches(unknown[0], places),
        )
    asker = asker_of(store, question, learned.kept.learned.unit)
    situation = Situation(
        asker.skills,
        phase=question.phase,
        words=question.words,
        languages=" ".join(question.languages),
        known=asker.known,
        user=learned.rows.get(asker.who) if asker.who else None,
    )
    return asker, situation


def _figures(store: Store, skills: list[str]) -> dict[str, list[Any]]:
    """Return kind, outcomes and duration of those of *skills* that were ever used."""
    if not skills:
        return {}
    return {name: row for name, *row in store.query(_FIGURES.format(", ".join("?" * len(skills))), skills).rows}


def _shown(
    advice: Advice, answer: Advised, row: list[Any] | None, unit: Unit, least: int, users: int, chance: float | None
) -> Recommendation:
    kind, completed, failed, seconds = row or (None, 0, 0, None)
    interval = wilson_interval(completed, completed + failed)
    return Recommendation(
        skill=advice.skill,
        kind=None if kind is None else Kind(kind),
        why=_why(advice, answer, completed, failed, unit, least, users),
        score=advice.score,
        relevance=advice.relevance,
        success_rate=completed / (completed + failed) if completed + failed else None,
        success_low=interval[0] if interval else None,
        completed=completed,
        failed=failed,
        avg_duration_seconds=seconds,
        goes_with=list(advice.because_of),
        chance=chance,
    )


def _why(advice: Advice, answer: Advised, completed: int, failed: int, unit: Unit, least: int, users: int) -> str:
    parts = []
    if advice.because_of:
        parts.append(f"goes with {listed(map(shown_name, advice.because_of))}")
    elif advice.basis is Basis.WORDS:
        parts.append("its description fits what is to be done")
    elif advice.basis is Basis.READING:
        parts.append("reads like skills in use")
    if answer.neighbours >= least and advice.users_alike:
        # Fewer users than may be told of are not told of here either.
        uses = count(advice.users_alike) if advice.users_alike >= least else f"fewer than {least}"
        parts.append(f"used by {uses} of {plural(answer.neighbours, f'similar {unit.value}')}")
    elif advice.basis is Basis.POPULARITY and users >= least:
        parts.append(f"used by {plural(users, unit.value)}")
    if completed + failed:
        there = f" in all, more than others in {advice.phase}" if advice.phase else ""
        parts.append(f"completed {percent(completed / (completed + failed))} of {count(completed + failed)}{there}")
    elif advice.phase:
        parts.append(f"used in {advice.phase}")
    return "; ".join(parts)
