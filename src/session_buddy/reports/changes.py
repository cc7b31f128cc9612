"""What changed this week: seven days beside the seven days before them, skill by skill."""

from __future__ import annotations

from math import hypot

import msgspec

from session_buddy.intervals import wilson_interval
from session_buddy.model import Kind
from session_buddy.reports.ranking import first_day
from session_buddy.storage import Store

__all__ = ["SkillChange", "WeekChanges", "WeekFigures", "difference_interval", "read_changes"]

_WEEK = 7
_Z_95, _Z_99 = 1.959963984540054, 2.5758293035489004
_REGULAR = 5
"""Uses in a week without which a skill's silence in the next is no news."""

_LAST_USE = "SELECT max(last_invoked_at) FROM skill_metrics WHERE kind <> 'tool' AND last_invoked_at <= ?"
_LAST_OF_ALL = "SELECT max(last_invoked_at) FROM skill_metrics WHERE kind <> 'tool'"
_WEEKS = """
SELECT m.skill_name AS skill, m.kind, m.first_invoked_at,
       sum(CASE WHEN b.day >= :since THEN b.invocation_count ELSE 0 END) AS invocations,
       sum(CASE WHEN b.day >= :since THEN b.completed_count ELSE 0 END) AS completed,
       sum(CASE WHEN b.day >= :since THEN b.failed_count ELSE 0 END) AS failed,
       sum(CASE WHEN b.day < :since THEN b.invocation_count ELSE 0 END) AS invocations_before,
       sum(CASE WHEN b.day < :since THEN b.completed_count ELSE 0 END) AS completed_before,
       sum(CASE WHEN b.day < :since THEN b.failed_count ELSE 0 END) AS failed_before
FROM skill_metrics m CROSS JOIN skill_day_buckets b
WHERE m.kind <> 'tool' AND b.skill_name = m.skill_name AND b.day >= :before AND b.day <= :until
GROUP BY m.skill_name, m.kind, m.first_invoked_at
"""


class WeekFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One week of all skills together."""

    invocations: int
    completed: int
    failed: int

    @property
    def success_rate(self) -> float | None:
        """Completed of completed and failed, 0-1."""
        settled = self.completed + self.failed
        return self.completed / settled if settled else None


class SkillChange(msgspec.Struct, frozen=True, kw_only=True):
    """One skill this week and in the week before."""

    skill: str
    kind: Kind
    first_invoked_at: str
    invocations: int
    completed: int
    failed: int
    invocations_before: int
    completed_before: int
    failed_before: int

    @property
    def now(self) -> WeekFigures:
        """The week in question."""
        return WeekFigures(invocations=self.invocations, completed=self.completed, failed=self.failed)

    @property
    def before(self) -> WeekFigures:
        """The week before."""
        return WeekFigures(
            invocations=self.invocations_before, completed=self.completed_before, failed=self.failed_before
        )


class WeekChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What changed this week; an agent's built-in tools are left out."""

    since: str
    """The first day of the week."""
    until: str
    """Its last moment: now, or the last use where that is more than a week ago."""
    quiet: bool
    """Whether the last use is more than a week ago, so that the week ends with it and not now."""
    now: WeekFigures
    before: WeekFigures
    worse: list[SkillChange]
    """Skills whose success rate fell, beyond chance (99 % interval of the difference, since many skills are
    compared); the steepest first."""
    better: list[SkillChange]
    """Skills whose success rate rose, beyond chance."""
    new: list[SkillChange]
    """Skills used for the first time ever; the most used first."""
    silent: list[SkillChange]
    """Skills used five times or more in the week before and not at all in this one."""


def read_changes(store: Store, *, now: str) -> WeekChanges | None:
    """Return what changed in the seven days (UTC) that end now; ``None`` where no skill was ever used."""
    ((last_of_all,),) = store.query(_LAST_OF_ALL).rows
    if not last_of_all:
        return None
    ((last,),) = store.query(_LAST_USE, [now]).rows
    last = last or last_of_all
    quiet = not first_day(now, _WEEK) <= last <= now
    until = last if quiet else now
    since = first_day(until, _WEEK)
    rows = store.query(_WEEKS, {"since": since, "before": first_day(until, 2 * _WEEK), "until": until})
    skills = msgspec.convert(list(rows), list[SkillChange])
    drops = {skill.skill: _certain_change(skill) for skill in skills}
    return WeekChanges(
        since=since,
        until=until,
        quiet=quiet,
        now=_together([skill.now for skill in skills]),
        before=_together([skill.before for skill in skills]),
        worse=sorted((s for s in skills if drops[s.skill] < 0), key=lambda s: (drops[s.skill], s.skill)),
        better=sorted((s for s in skills if drops[s.skill] > 0), key=lambda s: (-drops[s.skill], s.skill)),
        new=sorted((s for s in skills if s.first_invoked_at >= since), key=lambda s: (-s.invocations, s.skill)),
        silent=sorted(
            (s for s in skills if not s.invocations and s.invocations_before >= _REGULAR),
            key=lambda s: (-s.invocations_before, s.skill),
        ),
    )


def difference_interval(now: WeekFigures, before: WeekFigures, z: float = _Z_95) -> tuple[float, float] | None:
    """Return the interval of the change of the success rate (95 % unless *z* says otherwise).

    ``None`` where either week has no outcome.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998), method 10: from two Wilson intervals.
    """
    ranges = [wilson_interval(week.completed, week.completed + week.failed, z) for week in (now, before)]
    if now.success_rate is None or before.success_rate is None or ranges[0] is None or ranges[1] is None:
        return None
    (low, high), (low_before, high_before) = ranges[0], ranges[1]
    change = now.success_rate - before.success_rate
    return (
        change - hypot(now.success_rate - low, high_before - before.success_rate),
        change + hypot(high - now.success_rate, before.success_rate - low_before),
    )


def _certain_change(skill: SkillChange) -> float:
    """Return the change of the success rate if it is beyond chance, else 0."""
    interval = difference_interval(skill.now, skill.before, _Z_99)
    rate, rate_before = skill.now.success_rate, skill.before.success_rate
    if interval is None or rate is None or rate_before is None or interval[0] <= 0 <= interval[1]:
        return 0.0
    return rate - rate_before


def _together(weeks: list[WeekFigures]) -> WeekFigures:
    return WeekFigures(
        invocations=sum(week.invocations for week in weeks),
        completed=sum(week.completed for week in weeks),
        failed=sum(week.failed for week in weeks),
    )
