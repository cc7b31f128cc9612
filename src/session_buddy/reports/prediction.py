"""How likely a skill is to complete here and now, as commands, the API and pages show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from session_buddy.errors import NotFound
from session_buddy.model import Kind, Phase
from session_buddy.prediction.card import ModelCard
from session_buddy.prediction.features import GROUPS
from session_buddy.prediction.keeping import Kept, Told, is_stale, learn, read_kept, read_version, told, unlearned
from session_buddy.prediction.reading import Situation, read_moment
from session_buddy.prediction.uses import KINDS, PHASES
from session_buddy.reports.asker import find_user
from session_buddy.reports.profile import find_skill
from session_buddy.reports.sessions import find_session
from session_buddy.storage import Store

__all__ = [
    "Chances",
    "Context",
    "FactorFigures",
    "Prediction",
    "chances_of",
    "predict",
    "read_model_card",
    "read_predictor",
    "refresh_prediction",
]

SEED = 1
"""Of what is drawn by lot while learning: the same uses teach the same."""
_OPEN_HOURS = 6
"""A session that fell silent for longer is over: what comes next is a new one."""
_LATEST = """
SELECT session_id, user_id, last_invoked_at FROM session_summary {} ORDER BY last_invoked_at DESC, session_id LIMIT 1
"""
_MEANINGS = {group.name: group.meaning for group in GROUPS}

Chances = Callable[["Context", Sequence[str]], Mapping[str, float]]
"""Returns the chance of each of some skills in a context; skills that were never used are left out."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is to be used; what is left out follows from the latest session."""

    session: str | None = None
    """A session, or the beginning of its id."""
    user_id: str | None = None
    """A user; for :func:`predict` the beginning of the keyed hash will do."""
    phase: Phase | None = None
    """``None``: of each skill the one in which it was most often."""


class FactorFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one thing adds to the chance."""

    factor: str
    meaning: str
    points: float
    """By how much the chance would be less without it, -1 to 1."""
    log_odds: float
    """What it adds to the log-odds; these add up."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """How likely a skill is to complete, and why."""

    skill: str
    kind: Kind
    asked_by: str
    """In words: the session, or whose new one."""
    session: str | None
    """``null``: one that has not begun."""
    user_id: str
    phase: Phase | None
    """Of the work; where none was named, the one in which the skill was most often."""
    is_usual_phase: bool
    """Whether none was named."""
    chance: float
    """Of completing, among completing and failing, 0-1."""
    success_rate: float | None
    """Of all its uses so far, for comparison, 0-1."""
    completed: int
    failed: int
    low_seconds: float | None
    """One use of ten is likely to be quicker; ``null`` where nothing was learned of durations."""
    median_seconds: float | None
    high_seconds: float | None
    """One use of ten is likely to take longer."""
    factors: list[FactorFigures]
    """What the chance comes from, the strongest first."""
    algorithm: str
    is_fallback: bool
    """Whether a plain rate, or logistic regression, answers, since nothing learned certainly beat it."""
    reason: str
    version: int
    fitted_at: str


def read_predictor(
    store: Store, before: Kept | None = None, *, now: str, is_learning: bool = False, is_choosing: bool = False
) -> Kept:
    """Return what was learned last: *before*, where that is what is kept; plain rates, where nothing was.

    With *is_learning* it is learned where nothing was yet; with *is_choosing* anyway, and the best way chosen anew.
    What was learned a while ago sees what was used since: it holds no rates, it says what follows from them.
    """
    if before is not None and before.card.version and not is_choosing and read_version(store) == before.card.version:
        return before
    kept = read_kept(store)
    if is_choosing or (kept is None and is_learning):
        return learn(store, now=now, seed=SEED, is_choosing=is_choosing)
    return kept or unlearned(now)


def refresh_prediction(store: Store, now: str) -> int:
    """Learn anew where something was used since; return from how many outcomes, 0 where nothing was to be done."""
    return learn(store, now=now, seed=SEED).card.data.outcomes if is_stale(store) else 0


def predict(store: Store, kept: Kept, skill: str, context: Context, *, now: str) -> Prediction:
    """Return how likely *skill* is to complete in *context*.

    Raises :class:`NotFound` for a skill, a session or a user that is not there.
    """
    name = find_skill(store, skill)
    if context.user_id:
        context = msgspec.structs.replace(context, user_id=find_user(store, context.user_id))
    asked_by, situation = _situation(store, context, now)
    moment = read_moment(store, situation, [name], now=now)
    answer, phase = told(kept, moment, [name])[name], PHASES[moment.uses[name].phase]
    completed, failed = moment.records.skills[name].outcomes
    low, median, high = answer.seconds or (None, None, None)
    card = kept.card
    return Prediction(
        skill=name,
        kind=Kind(KINDS[moment.uses[name].kind]),
        asked_by=asked_by,
        session=situation.session,
        user_id=situation.user,
        phase=Phase(phase) if phase else None,
        is_usual_phase=context.phase is None,
        chance=answer.chance,
        success_rate=completed / (completed + failed) if completed + failed else None,
        completed=completed,
        failed=failed,
        low_seconds=low,
        median_seconds=median,
        high_seconds=high,
        factors=_factors(answer),
        algorithm=card.algorithm,
        is_fallback=card.is_fallback,
        reason=card.reason,
        version=card.version,
        fitted_at=card.fitted_at,
    )


def read_model_card(kept: Kept) -> ModelCard:
    """Return the card of what was learned; raises :class:`NotFound` where nothing was."""
    if not kept.card.version:
        raise NotFound("Nothing was learned yet.", remedy="Learn with 'session-buddy refresh prediction'.")
    return kept.card


def chances_of(store: Store, kept: Kept, *, now: str) -> Chances | None:
    """Return what tells the chances of many skills; ``None`` where they are not certainly better than plain rates."""
    if not kept.card.beats_plain_rates:
        return None

    def chances(context: Context, skills: Sequence[str]) -> dict[str, float]:
        _, situation = _situation(store, context, now)
        moment = read_moment(store, situation, skills, now=now)
        return {skill: one.chance for skill, one in told(kept, moment, skills).items()}

    return chances


def _situation(store: Store, context: Context, now: str) -> tuple[str, Situation]:
    """Return who is about to use something, in words and as it is looked up."""
    if context.session:
        session = find_session(store, context.session)
        ((_, user, _),) = store.query(_LATEST.format("WHERE session_id = ?"), [session]).rows
        return f"session {session[:8]}", Situation(context.user_id or str(user), session, context.phase)
    if context.user_id:
        return f"a new session of user {context.user_id[:8]}", Situation(context.user_id, None, context.phase)
    latest = store.query(_LATEST.format("")).rows
    if not latest:
        return "a new session", Situation("local", None, context.phase)
    session, user, last = latest[0]
    if datetime.fromisoformat(now) - datetime.fromisoformat(last) <= timedelta(hours=_OPEN_HOURS):
        return f"the latest session, {session[:8]}", Situation(user, session, context.phase)
    return f"a new session of user {user[:8]}", Situation(user, None, context.phase)


def _factors(answer: Told) -> list[FactorFigures]:
    return [
        FactorFigures(factor=one.group, meaning=_MEANINGS[one.group], points=one.points, log_odds=one.log_odds)
        for one in answer.factors
    ]
