"""``top``: all skills with their figures, in the order asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

import msgspec

from session_buddy.intervals import wilson_interval
from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder
from session_buddy.storage import Store

__all__ = ["Ranking", "SkillFigures", "first_day", "rank", "read_ranking", "without_tools"]

_SINCE_EVER = """
SELECT m.skill_name AS skill, m.kind, m.invocation_count AS invocations, m.completed_count AS completed,
       m.failed_count AS failed, m.abandoned_count AS abandoned,
       m.invocation_count - m.completed_count - m.failed_count - m.abandoned_count AS unknown,
       m.completion_rate AS success_rate,
       m.avg_duration_seconds, m.last_invoked_at, d.invocation_count_24h, t.trend, t.trend_slope
FROM skill_metrics m
LEFT JOIN v_realtime_skill_dashboard d ON d.skill_name = m.skill_name
LEFT JOIN v_skill_effectiveness_trend t ON t.skill_name = m.skill_name
"""
_SINCE_A_DAY = """
SELECT p.skill_name AS skill, m.kind, p.invocations, p.completed, p.failed, NULL AS abandoned, NULL AS unknown,
       CASE WHEN p.completed + p.failed > 0 THEN 1.0 * p.completed / (p.completed + p.failed) END AS success_rate,
       CASE WHEN p.duration_count > 0 THEN p.duration_ms_sum / 1000.0 / p.duration_count END AS avg_duration_seconds,
       m.last_invoked_at, d.invocation_count_24h, t.trend, t.trend_slope
FROM (
    SELECT m.skill_name, sum(b.invocation_count) AS invocations, sum(b.completed_count) AS completed,
           sum(b.failed_count) AS failed, sum(b.duration_ms_sum) AS duration_ms_sum,
           sum(b.duration_count) AS duration_count
    FROM skill_metrics m CROSS JOIN skill_day_buckets b
    WHERE b.skill_name = m.skill_name AND b.day >= ?
    GROUP BY m.skill_name
) p
JOIN skill_metrics m ON m.skill_name = p.skill_name
LEFT JOIN v_realtime_skill_dashboard d ON d.skill_name = p.skill_name
LEFT JOIN v_skill_effectiveness_trend t ON t.skill_name = p.skill_name
"""
_LAST_USES = "SELECT kind, max(last_invoked_at) FROM skill_metrics GROUP BY kind"


class SkillFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One skill in figures."""

    skill: str
    kind: Kind
    invocations: int
    """All uses: completed, failed, abandoned, and those whose end is not known."""
    completed: int
    failed: int
    abandoned: int | None
    """Rejected, interrupted or cancelled: no failures of the skill. ``null`` with ``--days``."""
    unknown: int | None
    """Those of which it is not known how they ended: the rest of ``invocations``. ``null`` with ``--days``."""
    success_rate: float | None
    """Completed of completed and failed, 0-1; ``null`` where nothing has either end."""
    avg_duration_seconds: float | None
    """From call to result, the user's waits included, unless the tool reports its own."""
    last_invoked_at: str
    invocation_count_24h: int
    """In the last 24 hours."""
    trend: str | None
    """Of the last 7 days: ``improving``, ``declining``, ``stable``, ``not enough data``; ``null`` if not used."""
    trend_slope: float | None
    """Change of the success rate per day over the last 7 days."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Skills in order."""

    order: RankingOrder
    since: str | None
    """The first day counted, or ``null`` for since ever."""
    total: int
    """How many skills there are of the kinds asked for; ``skills`` may be cut short by ``--limit``."""
    last_invoked_at: str | None
    """The last use of any skill of these kinds, also before ``since``; ``null`` where there is none."""
    skills: list[SkillFigures]


def read_ranking(
    store: Store, kinds: Collection[Kind], order: RankingOrder, limit: int, *, since: str | None = None
) -> Ranking:
    """Return the first *limit* skills of *kinds*, counted from the day *since* on; reads roll-ups only."""
    rows = store.query(_SINCE_A_DAY, [since]) if since else store.query(_SINCE_EVER)
    skills = [skill for skill in msgspec.convert(list(rows), list[SkillFigures]) if skill.kind in kinds]
    last_uses = [moment for kind, moment in store.query(_LAST_USES).rows if kind in kinds]
    return Ranking(
        order=order,
        since=since,
        total=len(skills),
        last_invoked_at=max(last_uses, default=None),
        skills=rank(skills, order)[:limit],
    )


def rank(skills: Iterable[SkillFigures], order: RankingOrder) -> list[SkillFigures]:
    """Return *skills* in *order*; level ones by uses, then by name."""

    def merit(skill: SkillFigures) -> float | str:
        match order:
            case RankingOrder.USES:
                return skill.invocations
            case RankingOrder.FAILURES:
                return skill.failed
            case RankingOrder.SUCCESS:
                interval = wilson_interval(skill.completed, skill.completed + skill.failed)
                return interval[0] if interval else -1.0
            case RankingOrder.DURATION:
                return -1.0 if skill.avg_duration_seconds is None else skill.avg_duration_seconds
            case RankingOrder.RECENT:
                return skill.last_invoked_at

    by_use = sorted(skills, key=lambda skill: (-skill.invocations, skill.skill))
    return sorted(by_use, key=merit, reverse=True)


def without_tools() -> frozenset[Kind]:
    """Return the kinds that people mean when they say skill: all but an agent's built-in tools."""
    return frozenset(Kind) - {Kind.TOOL}


def first_day(last: str, days: int) -> str:
    """Return the start of the first of *days* UTC days of which the last contains the moment *last*.

    >>> first_day("2026-03-02T09:30:00.000Z", 2), first_day("0001-01-02T09:30:00.000Z", 30)
    ('2026-03-01T00:00:00.000Z', '0001-01-01T00:00:00.000Z')
    """
    day = date.fromordinal(max(1, datetime.fromisoformat(last).toordinal() - days + 1))
    return f"{day.isoformat()}T00:00:00.000Z"
