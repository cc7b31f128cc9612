"""``up``: what was imported, and what is worth knowing first."""

from __future__ import annotations

import msgspec

from session_buddy.model import Kind
from session_buddy.ordering import RankingOrder
from session_buddy.reports.importing import ImportSummary
from session_buddy.reports.profile import DayCount
from session_buddy.reports.ranking import SkillFigures, first_day, read_ranking, without_tools
from session_buddy.storage import Store

__all__ = ["BrokenSkill", "Holdings", "Overview", "Trouble", "read_holdings", "read_overview"]

_TOP = 10
_BROKEN = 5
_TROUBLE_DAYS = 7
_ACTIVITY_DAYS = 42

_HOLDINGS = """
SELECT (SELECT value FROM store_counts WHERE name = 'sessions') AS sessions, count(*) AS skills,
       ifnull(sum(invocation_count), 0) AS invocations, min(first_invoked_at) AS first_invoked_at,
       max(last_invoked_at) AS last_invoked_at
FROM skill_metrics
"""
_KINDS = "SELECT kind, sum(invocation_count) FROM skill_metrics GROUP BY kind ORDER BY 2 DESC, 1"
_LAST_DAYS = """
SELECT DISTINCT b.day FROM skill_metrics m CROSS JOIN skill_day_buckets b
WHERE m.kind <> 'tool' AND b.skill_name = m.skill_name ORDER BY b.day DESC LIMIT ?
"""
_BROKE = """
SELECT m.skill_name AS skill, m.kind, sum(b.completed_count) AS completed, sum(b.failed_count) AS failed
FROM skill_metrics m CROSS JOIN skill_day_buckets b
WHERE m.kind <> 'tool' AND b.skill_name = m.skill_name AND b.day >= ?
GROUP BY m.skill_name, m.kind HAVING sum(b.failed_count) > 0 ORDER BY 4 DESC, 3, 1 LIMIT ?
"""
# Errors are counted for a skill's whole life; those of some days are read from the log, by its index,
# for the few skills that are shown.
_ERRORS = """
SELECT ifnull(error_type, 'other'), count(*) FROM skill_invocation
WHERE skill_name = ? AND invoked_at >= ? AND outcome = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1
"""
_NEVER_SUCCEEDED = """
SELECT skill_name AS skill, kind, completed_count AS completed, failed_count AS failed FROM skill_metrics
WHERE kind <> 'tool' AND completed_count = 0 AND failed_count > 0 ORDER BY failed_count DESC, skill_name
"""
_DAILY = """
SELECT b.day, sum(b.invocation_count) AS invocations, sum(b.completed_count) AS completed,
       sum(b.failed_count) AS failed
FROM skill_metrics m CROSS JOIN skill_day_buckets b
WHERE m.kind <> 'tool' AND b.skill_name = m.skill_name AND b.day >= ? GROUP BY b.day ORDER BY b.day
"""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds, built-in tools included."""

    sessions: int
    skills: int
    invocations: int
    first_invoked_at: str | None
    last_invoked_at: str | None
    kinds: dict[str, int]
    """Invocations by kind."""


class BrokenSkill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill that failed."""

    skill: str
    kind: Kind
    completed: int
    failed: int
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    """Its failures by type; empty under ``never_succeeded``."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What failed most on the last seven days with uses, which need not follow one another."""

    since: str
    """The first of these days."""
    until: str
    """The last of these days."""
    skills: list[BrokenSkill]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What was imported, and what is worth knowing first. Built-in tools are left out of all lists."""

    imported: ImportSummary
    holdings: Holdings
    daily: list[DayCount]
    """Uses by day (UTC), of the 42 days that end with the last use; days without any are left out."""
    top: list[SkillFigures]
    total_skills: int
    """How many skills there are for ``top`` to choose from."""
    broke: Trouble | None
    """``null`` where no skill was ever used."""
    never_succeeded: list[BrokenSkill]
    """Skills that failed and never once completed, those with most failures first."""


def read_holdings(store: Store) -> Holdings:
    """Return what *store* holds; reads roll-ups only."""
    (row,) = store.query(_HOLDINGS)
    return msgspec.convert(row | {"kinds": dict(store.query(_KINDS).rows)}, Holdings)


def read_overview(store: Store, imported: ImportSummary) -> Overview:
    """Return what is worth knowing first, after an import that did what *imported* says."""
    holdings = read_holdings(store)
    ranking = read_ranking(store, without_tools(), RankingOrder.USES, _TOP)
    last = holdings.last_invoked_at
    daily = list(store.query(_DAILY, [first_day(last, _ACTIVITY_DAYS)])) if last else []
    return Overview(
        imported=imported,
        holdings=holdings,
        daily=msgspec.convert(daily, list[DayCount]),
        top=ranking.skills,
        total_skills=ranking.total,
        broke=_trouble(store),
        never_succeeded=msgspec.convert(list(store.query(_NEVER_SUCCEEDED)), list[BrokenSkill]),
    )


def _trouble(store: Store) -> Trouble | None:
    days = [day for (day,) in store.query(_LAST_DAYS, [_TROUBLE_DAYS]).rows]
    if not days:
        return None
    since = days[-1]
    broken = [
        row | {"errors": dict(store.query(_ERRORS, [row["skill"], since]).rows)}
        for row in store.query(_BROKE, [since, _BROKEN])
    ]
    return Trouble(since=since, until=days[0], skills=msgspec.convert(broken, list[BrokenSkill]))
