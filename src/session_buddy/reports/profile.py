"""``skill NAME``: everything about one skill."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import NotFound
from session_buddy.intervals import wilson_interval
from session_buddy.model import Kind
from session_buddy.reports.names import matches, suggestions
from session_buddy.reports.ranking import first_day
from session_buddy.storage import Store

__all__ = [
    "Companion",
    "DayCount",
    "FollowUp",
    "PhaseFigures",
    "SkillProfile",
    "SkillSession",
    "find_skill",
    "read_profile",
    "skill_names",
]

_DAYS = 30
_SHOWN = 8
_ENOUGH_SESSIONS = 3

_METRICS = """
SELECT m.skill_name AS skill, m.kind, m.plugin, m.invocation_count AS invocations, m.completed_count AS completed,
       m.failed_count AS failed, m.abandoned_count AS abandoned, m.completion_rate AS success_rate,
       m.avg_duration_seconds, m.session_count AS sessions, m.first_invoked_at, m.last_invoked_at,
       d.invocation_count_1h, d.invocation_count_24h, t.trend, t.trend_slope, k.category_name AS category,
       k.category_assigned_by, k.category_confidence, k.description
FROM skill_metrics m
LEFT JOIN v_realtime_skill_dashboard d ON d.skill_name = m.skill_name
LEFT JOIN v_skill_effectiveness_trend t ON t.skill_name = m.skill_name
LEFT JOIN v_multimodal_skill_catalog k ON k.skill_name = m.skill_name
WHERE m.skill_name = ?
"""
_ERRORS = "SELECT error_type, failure_count FROM skill_error_counts WHERE skill_name = ? ORDER BY 2 DESC, 1"
_PHASES = """
SELECT workflow_phase AS phase, invocation_count AS invocations, completed_count AS completed, failed_count AS failed
FROM skill_phase_counts WHERE skill_name = ? ORDER BY 2 DESC, 1
"""
_NEXT = """
SELECT f.follow_up AS skill, m.kind, f.follow_up_count AS times
FROM skill_follow_up_counts f LEFT JOIN skill_metrics m ON m.skill_name = f.follow_up
WHERE f.skill_name = ? ORDER BY 3 DESC, 1
"""
_TOGETHER = """
SELECT n.skill_b AS skill, m.kind, n.co_occurrence_count AS sessions, n.lift_score AS lift
FROM v_skill_dependency_network n JOIN skill_metrics m ON m.skill_name = n.skill_b
WHERE n.skill_a = ? AND n.co_occurrence_count >= ? AND n.lift_score > 1 ORDER BY 3 DESC, n.lift_score DESC, 1
"""
# Servers have no uses of their own, and a file that could not be read is no skill.
_UNUSED = """
SELECT skill_name FROM v_multimodal_skill_catalog WHERE invocation_count = 0
UNION ALL
SELECT skill_name FROM skill_sources FINAL WHERE path NOT LIKE '%#' AND (origin <> 'mcp' OR listing_tokens > 0)
"""
# The interactions have one row a session, and an index that begins with the skill.
_SESSIONS = """
SELECT DISTINCT s.session_id, y.project, s.invocation_count AS invocations, s.completed_count AS completed,
       s.failed_count AS failed, s.abandoned_count AS abandoned, s.last_invoked_at
FROM skill_user_interactions u
JOIN session_skills s ON s.session_id = u.session_id AND s.skill_name = u.skill_name
JOIN session_summary y ON y.session_id = u.session_id
WHERE u.skill_name = ? ORDER BY s.last_invoked_at DESC LIMIT 5
"""
_DAILY = """
SELECT day, invocation_count AS invocations, completed_count AS completed, failed_count AS failed
FROM skill_day_buckets WHERE skill_name = ? AND day >= ? AND day <= ? ORDER BY day
"""
_HOURLY = """
SELECT CAST(substr(timestamp, 12, 2) AS INTEGER), sum(invocation_count) FROM skill_time_series
WHERE skill_name = ? GROUP BY 1
"""


class PhaseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a skill fares in one phase of the work."""

    phase: str
    invocations: int
    completed: int
    failed: int


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """What was invoked within the next three uses by the same agent."""

    skill: str
    kind: Kind | None
    times: int
    """Up to three for each use of the skill."""


class Companion(msgspec.Struct, frozen=True, kw_only=True):
    """What is used in the same sessions."""

    skill: str
    kind: Kind
    sessions: int
    """Sessions with both."""
    lift: float
    """How many times as often as if the two had nothing to do with each other."""


class SkillSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session that used the skill."""

    session_id: str
    project: str | None
    invocations: int
    completed: int
    failed: int
    abandoned: int
    last_invoked_at: str


class DayCount(msgspec.Struct, frozen=True, kw_only=True):
    """The uses of one day (UTC)."""

    day: str
    invocations: int
    completed: int
    failed: int


class SkillProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one skill."""

    skill: str
    kind: Kind
    plugin: str | None
    category: str | None
    category_assigned_by: str | None
    """Who put it there: `predefined`, `rules`, `inference` or `person`."""
    category_confidence: float | None
    """0-1; of what was inferred, the chance that it is right."""
    description: str | None
    invocations: int
    completed: int
    failed: int
    abandoned: int
    success_rate: float | None
    """Completed of completed and failed, 0-1."""
    success_interval: tuple[float, float] | None
    """Within this the success rate lies with 95 % confidence (Wilson score)."""
    avg_duration_seconds: float | None
    """From call to result, the user's waits included, unless the tool reports its own."""
    sessions: int
    first_invoked_at: str
    last_invoked_at: str
    invocation_count_1h: int
    invocation_count_24h: int
    trend: str | None
    trend_slope: float | None
    errors: dict[str, int]
    """Failures by type."""
    phases: list[PhaseFigures]
    next: list[FollowUp]
    """What usually comes within the next three uses, the most frequent first."""
    together: list[Companion]
    """What is used in the same sessions more often than by chance (lift above 1), in three of them at least:
    that with most sessions first."""
    last_sessions: list[SkillSession]
    daily: list[DayCount]
    """The days with uses among the 30 that end with ``daily_until``."""
    daily_until: str
    """Today, or the day of the last use where that is more than 30 days ago."""
    hourly: list[int]
    """Uses by hour of the day (UTC), 24 numbers."""


def skill_names(store: Store) -> list[str]:
    """Return the names of all skills that were ever used."""
    return [name for (name,) in store.query("SELECT skill_name FROM skill_metrics ORDER BY skill_name").rows]


def find_skill(store: Store, name: str) -> str:
    """Return the one skill that *name* means; raises :class:`NotFound`, with suggestions, for none or several.

    One that was never used is told from one that nobody knows.
    """
    known = skill_names(store)
    found = matches(name, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{name!r} can mean {', '.join(found)}.", remedy="Give one of them.", suggestions=found)
    unused = matches(name, sorted({skill for (skill,) in store.query(_UNUSED).rows}.difference(known)))
    if len(unused) == 1:
        remedy = f"See what else is known of it: session-buddy catalog compare {unused[0]!r}"
        raise NotFound(f"{unused[0]!r} was never used.", remedy=remedy)
    close = suggestions(name, known)
    remedy = f"Did you mean {', '.join(close)}?" if close else "See 'session-buddy top --all' for those there are."
    raise NotFound(f"No skill is called {name!r}.", remedy=remedy, suggestions=close)


def read_profile(store: Store, skill: str, *, now: str, include_tools: bool = False) -> SkillProfile:
    """Return everything about *skill*, which must have been used.

    Built-in tools are left out of what comes next and what is used together, unless *include_tools*.
    """
    (metrics,) = store.query(_METRICS, [skill])
    start = first_day(now, _DAYS)
    last = now if start <= metrics["last_invoked_at"] <= now else metrics["last_invoked_at"]

    def kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if include_tools or row["kind"] != Kind.TOOL][:_SHOWN]

    hours = dict(store.query(_HOURLY, [skill]).rows)
    return msgspec.convert(
        metrics
        | {
            "success_interval": wilson_interval(metrics["completed"], metrics["completed"] + metrics["failed"]),
            "errors": dict(store.query(_ERRORS, [skill]).rows),
            "phases": list(store.query(_PHASES, [skill])),
            "next": kept(list(store.query(_NEXT, [skill]))),
            "together": kept(list(store.query(_TOGETHER, [skill, _ENOUGH_SESSIONS]))),
            "last_sessions": list(store.query(_SESSIONS, [skill])),
            "daily": list(store.query(_DAILY, [skill, first_day(last, _DAYS), last])),
            "daily_until": first_day(last, 1),
            "hourly": [hours.get(hour, 0) for hour in range(24)],
        },
        SkillProfile,
    )
