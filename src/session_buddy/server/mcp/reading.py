"""What tools read: the values of reports, as the rows of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from session_buddy.server.mcp.answers import Listed

if TYPE_CHECKING:
    from session_buddy.server.mcp import arguments as asked
    from session_buddy.server.mcp.ground import Ground

__all__ = ["anomalies", "compare", "predict", "profile_of", "recommend", "search", "session", "stats"]

_FOR_CHARTS = ("daily", "daily_until", "hourly")


def search(ground: Ground, wanted: asked.SearchArguments, most: int) -> Listed:
    """Return the skills that fit a question."""
    from session_buddy.reports.search import MOST_HITS, ask

    # One more tells whether there are more.
    limit = min(most + 1, MOST_HITS)
    found = ground.search(ask(wanted.question, limit=limit, kind=wanted.kind, phase=wanted.phase))
    return _listed(found, "skills")


def recommend(ground: Ground, wanted: asked.RecommendArguments, most: int) -> Listed:
    """Return what to use next."""
    from session_buddy.reports.asker import Question

    question = Question(
        session=wanted.session,
        skills=wanted.skills,
        phase=wanted.phase,
        words=wanted.about,
        languages=wanted.languages,
        limit=most + 1,
    )
    return _listed(ground.recommend(question), "skills")


def predict(ground: Ground, wanted: asked.PredictArguments, _: int) -> dict[str, Any]:
    """Return how likely a skill is to complete."""
    from session_buddy.reports import prediction

    context = prediction.Context(session=wanted.session, phase=wanted.phase)
    found = prediction.predict(ground.store, ground.predictor(), wanted.skill, context, now=ground.clock())
    return msgspec.structs.asdict(found)


def stats(ground: Ground, wanted: asked.StatsArguments, most: int) -> Listed | dict[str, Any]:
    """Return the figures of one skill, or of all in order."""
    from session_buddy.model import Kind
    from session_buddy.reports.ranking import first_day, read_ranking, without_tools

    if wanted.skill is not None:
        return profile_of(ground, wanted.skill)
    kinds = {Kind(wanted.kind)} if wanted.kind else without_tools()
    since = first_day(ground.clock(), wanted.days) if wanted.days else None
    ranking = read_ranking(ground.store, kinds, wanted.order, most, since=since)
    return _listed(ranking, "skills", total=ranking.total)


def profile_of(ground: Ground, skill: str) -> dict[str, Any]:
    """Return everything about *skill* but its days and hours, which would cost more to read than all the rest."""
    from session_buddy.reports.profile import find_skill, read_profile

    found = read_profile(ground.store, find_skill(ground.store, skill), now=ground.clock())
    return {name: value for name, value in msgspec.structs.asdict(found).items() if name not in _FOR_CHARTS}


def anomalies(ground: Ground, wanted: asked.AnomalyArguments, most: int) -> Listed:
    """Return what is out of the ordinary, and what was."""
    from session_buddy.reports.anomalies import read_anomalies
    from session_buddy.reports.profile import find_skill

    skill = find_skill(ground.store, wanted.skill) if wanted.skill is not None else None
    found = read_anomalies(ground.store, most, skill=skill)
    rows = [*found.open, *(found.resolved if wanted.resolved else [])]
    total = len(found.open) + (found.total_resolved if wanted.resolved else 0)
    return Listed({"open": len(found.open), "resolved": found.total_resolved}, "anomalies", rows, total)


def compare(ground: Ground, wanted: asked.CompareArguments, _: int) -> Listed:
    """Return some skills side by side."""
    from session_buddy.reports.catalog import compare_skills

    return _listed(compare_skills(ground.store, wanted.skills), "skills")


def session(ground: Ground, wanted: asked.SessionArguments, most: int) -> Listed:
    """Return one session step by step, or the latest."""
    from session_buddy.reports.sessions import find_session, read_sessions, read_timeline

    if wanted.session is None:
        listed = read_sessions(ground.store, most)
        return _listed(listed, "sessions", total=listed.total)
    timeline = read_timeline(ground.store, find_session(ground.store, wanted.session))
    return _listed(timeline, "steps")


def _listed(found: msgspec.Struct, name: str, *, total: int | None = None) -> Listed:
    """Return *found* as an answer whose rows are its field *name*."""
    fields = {key: value for key, value in msgspec.structs.asdict(found).items() if key not in (name, "total")}
    return Listed(fields, name, getattr(found, name), total)
