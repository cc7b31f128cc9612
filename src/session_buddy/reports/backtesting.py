"""What a detector would have said of the past."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from session_buddy.monitoring.anomalies import moment, severity_of
from session_buddy.monitoring.backtest import Backtest, backtest
from session_buddy.monitoring.incidents import Incident
from session_buddy.monitoring.series import Bucket, Counts
from session_buddy.monitoring.settings import WatchSettings
from session_buddy.monitoring.watch import read_lives
from session_buddy.storage import Store

__all__ = ["BacktestReport", "PastIncident", "SkillPast", "read_backtest"]

_HOUR = timedelta(hours=1)


class PastIncident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that would have been told."""

    opened_at: str
    resolved_at: str | None
    """``null``: it would be open now."""
    metric: str
    anomaly_type: str
    severity: str
    baseline_value: float | None
    """A rate 0-1, invocations an hour, or seconds, by the metric."""
    observed_value: float | None
    deviation_score: float
    reason: str


class SkillPast(msgspec.Struct, frozen=True, kw_only=True):
    """One skill's past."""

    skill: str
    hours: int
    """How long it was looked at: since its first use, at most the days asked for."""
    hours_judged: dict[str, int]
    """Hours in which there was enough data for a judgement, by metric."""
    hours_flagged: int
    """Hours in which anything would have been open."""
    incidents: list[PastIncident]


class BacktestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been told."""

    detector: str
    threshold: float | None
    """``null``: the detector's own."""
    since: str
    until: str
    skills: list[SkillPast]
    """Those with most incidents first."""
    incidents: int
    incidents_per_skill_month: float | None
    """A month has 30 days."""
    share_flagged: float | None
    """The part of all hours in which anything would have been open, 0-1."""


def read_backtest(
    store: Store, settings: WatchSettings, *, now: str, days: int, skill: str | None = None
) -> BacktestReport:
    """Return what the detector of *settings* would have said of the last *days*, of one *skill* or of all.

    It is run over the hours exactly as the watch runs it; of the first weeks it says little, since it learns from them
    what is usual.
    """
    until = datetime.fromisoformat(now).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    since = until - timedelta(days=days)
    lives = read_lives(store, settings.kinds, since, skills=None if skill is None else [skill])
    history: dict[str, list[Bucket]] = {}
    for life in lives:
        hours, start = history.setdefault(life.skill, []), max(since, life.first)
        while start < until:
            hours.append(Bucket(start, start + _HOUR, life.hours.get(start, Counts())))
            start += _HOUR
    found = backtest(
        {name: hours for name, hours in history.items() if any(hour.counts.invocations for hour in hours)},
        detector=settings.detector,
        zone=settings.zone,
        threshold=settings.threshold,
    )
    return _report(found, settings, since, until)


def _report(found: Backtest, settings: WatchSettings, since: datetime, until: datetime) -> BacktestReport:
    skills = [
        SkillPast(
            skill=one.skill_name,
            hours=one.hours,
            hours_judged={metric.value: hours for metric, hours in one.hours_judged.items()},
            hours_flagged=one.hours_flagged,
            incidents=[_figures(incident) for incident in one.incidents],
        )
        for one in found.skills
    ]
    return BacktestReport(
        detector=found.detector,
        threshold=settings.threshold,
        since=moment(since),
        until=moment(until),
        skills=sorted(skills, key=lambda one: (-len(one.incidents), one.skill)),
        incidents=sum(len(one.incidents) for one in skills),
        incidents_per_skill_month=found.incidents_per_skill_month,
        share_flagged=found.share_flagged,
    )


def _figures(incident: Incident) -> PastIncident:
    return PastIncident(
        opened_at=moment(incident.opened_at),
        resolved_at=moment(incident.resolved_at) if incident.resolved_at else None,
        metric=incident.metric.value,
        anomaly_type=incident.anomaly_type.value,
        severity=severity_of(incident).value,
        baseline_value=incident.baseline,
        observed_value=incident.observed,
        deviation_score=incident.score,
        reason=incident.reason,
    )
