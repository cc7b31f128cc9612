"""What would a detector have said? It is run over history exactly as it runs live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from session_buddy.monitoring.detector import Metric
from session_buddy.monitoring.incidents import Incident, Rules
from session_buddy.monitoring.panel import DEFAULT_DETECTOR, Panel
from session_buddy.monitoring.series import Bucket

__all__ = ["Backtest", "SkillBacktest", "backtest", "backtest_skill"]

_MONTH = timedelta(days=30)


class SkillBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in one skill's history."""

    skill_name: str
    incidents: tuple[Incident, ...]
    """In the order in which they opened; the last may still be open."""
    hours: int
    """Length of the history."""
    hours_judged: dict[Metric, int]
    """Hours in which there was enough data for a judgement."""
    hours_flagged: int
    """Hours in which any incident was open."""


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in all skills."""

    detector: str
    skills: tuple[SkillBacktest, ...]

    @property
    def skill_months(self) -> float:
        """Length of all histories together, in months of 30 days."""
        return sum(skill.hours for skill in self.skills) * timedelta(hours=1) / _MONTH

    @property
    def incidents_per_skill_month(self) -> float | None:
        """How often one would have been alerted; ``None`` for no history."""
        months = self.skill_months
        return sum(len(skill.incidents) for skill in self.skills) / months if months else None

    @property
    def share_flagged(self) -> float | None:
        """The part of the time in which an incident was open, 0-1; ``None`` for no history."""
        hours = sum(skill.hours for skill in self.skills)
        return sum(skill.hours_flagged for skill in self.skills) / hours if hours else None


def backtest_skill(
    skill_name: str,
    buckets: Iterable[Bucket],
    *,
    detector: str = DEFAULT_DETECTOR,
    zone: str = "UTC",
    threshold: float | None = None,
    rules: Rules | None = None,
    metrics: Sequence[Metric] = tuple(Metric),
) -> SkillBacktest:
    """Run *detector* over gap-filled hourly *buckets* of one skill."""
    panel = Panel(detector, zone=zone, threshold=threshold, rules=rules, metrics=metrics)
    found: dict[tuple[Metric, str], Incident] = {}
    judged = dict.fromkeys(metrics, 0)
    hours = flagged = 0
    for bucket in buckets:
        seen = panel.observe(bucket)
        hours += 1
        for reading in seen.readings:
            judged[reading.metric] += reading.has_enough_data
        for incident in seen.incidents:
            found[incident.metric, incident.opened_at.isoformat() + incident.anomaly_type] = incident
        flagged += bool(panel.open)
    return SkillBacktest(
        skill_name=skill_name,
        incidents=tuple(sorted(found.values(), key=lambda incident: incident.opened_at)),
        hours=hours,
        hours_judged=judged,
        hours_flagged=flagged,
    )


def backtest(
    history: Mapping[str, Sequence[Bucket]],
    *,
    detector: str = DEFAULT_DETECTOR,
    zone: str = "UTC",
    threshold: float | None = None,
    rules: Rules | None = None,
    metrics: Sequence[Metric] = tuple(Metric),
) -> Backtest:
    """Run *detector* over the gap-filled hourly history of each skill, each by itself."""
    skills = tuple(
        backtest_skill(name, buckets, detector=detector, zone=zone, threshold=threshold, rules=rules, metrics=metrics)
        for name, buckets in history.items()
    )
    return Backtest(detector=detector, skills=skills)
