"""Anomalies: what detectors found, open and resolved."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from session_buddy.feed.messages import AnomalyRow
from session_buddy.monitoring.alerts.delivery import Delivery
from session_buddy.storage import Store

__all__ = ["AnomalyFigures", "AnomalyList", "Look", "figures_of", "read_anomalies", "read_skill_anomalies"]

# FINAL: where an engine keeps old states of a row, only the last is wanted; to others it is a name for the table.
_LATEST_FIRST = "ORDER BY detected_at DESC, id DESC"
_IS_OPEN = "FROM skill_anomalies FINAL WHERE resolved_at IS NULL"
_IS_RESOLVED = "FROM skill_anomalies FINAL WHERE resolved_at IS NOT NULL"
_OF_THIS = " AND skill_name = ?"
_OF_SKILL = "SELECT * FROM skill_anomalies FINAL WHERE skill_name = ? ORDER BY detected_at DESC, id DESC LIMIT ?"


class AnomalyFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One anomaly, as the table ``skill_anomalies`` has it."""

    id: int
    skill_name: str
    detected_at: str
    anomaly_type: str
    """``drop``, ``spike`` or ``pattern_shift``."""
    baseline_value: float | None = None
    """What was usual: a rate 0-1, invocations an hour, or seconds, by the metric."""
    observed_value: float | None = None
    deviation_score: float | None = None
    resolved_at: str | None = None
    metric: str | None = None
    """Of what: ``completion_rate`` (success), ``volume`` (uses an hour) or ``duration``."""
    severity: str | None = None
    """``info``, ``warning`` or ``critical``."""
    band_low: float | None = None
    band_high: float | None = None
    reason: str | None = None
    detector: str | None = None


class AnomalyList(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies, the newest first."""

    open: list[AnomalyFigures]
    resolved: list[AnomalyFigures]
    """The latest of them."""
    total_resolved: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking for anomalies once."""

    changed: list[AnomalyFigures]
    """Those that opened, grew worse or were resolved."""
    alerts: list[Delivery]
    """What was told to whom, or could not be."""


def figures_of(rows: Iterable[AnomalyRow]) -> list[AnomalyFigures]:
    """Return *rows* as they are shown."""
    return [AnomalyFigures(**msgspec.structs.asdict(row)) for row in rows]


def read_anomalies(store: Store, limit: int, *, skill: str | None = None) -> AnomalyList:
    """Return all open anomalies and the *limit* resolved ones that were detected last; of *skill*, or of all."""
    also, named = ("", []) if skill is None else (_OF_THIS, [skill])
    ((total,),) = store.query(f"SELECT count(*) {_IS_RESOLVED}{also}", named).rows
    is_open = store.query(f"SELECT * {_IS_OPEN}{also} {_LATEST_FIRST}", named)
    resolved = store.query(f"SELECT * {_IS_RESOLVED}{also} {_LATEST_FIRST} LIMIT ?", [*named, limit])
    return AnomalyList(
        open=msgspec.convert(list(is_open), list[AnomalyFigures]),
        resolved=msgspec.convert(list(resolved), list[AnomalyFigures]),
        total_resolved=total,
    )


def read_skill_anomalies(store: Store, skill: str, limit: int = 50) -> list[AnomalyFigures]:
    """Return the *limit* latest anomalies of *skill*, open and resolved, the newest first."""
    return msgspec.convert(list(store.query(_OF_SKILL, [skill, limit])), list[AnomalyFigures])
