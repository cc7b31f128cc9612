"""From incidents to rows of ``skill_anomalies``: the same incident is the same row, whoever found it. Pure.

A row is told once: it opens, may grow worse, is resolved, and never opens again. What a replay of the hours no
longer shows (data came late) is resolved, not deleted: somebody may have been alerted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from session_buddy.feed.messages import AnomalyRow
from session_buddy.monitoring.detector import Metric, Severity
from session_buddy.monitoring.incidents import Incident

__all__ = ["Found", "anomaly_id", "moment", "reconciled", "severity_of"]

_STEADY_USE = 1.0
"""Uses an hour from which on silence is more than somebody doing something else."""
_ID_BITS = 53
"""Ids are whole numbers that JavaScript, too, can tell apart."""


class Found(msgspec.Struct, frozen=True):
    """An incident, and the band of the hour in which it opened, or got more severe."""

    incident: Incident
    low: float | None = None
    high: float | None = None


def anomaly_id(skill: str, metric: str, detector: str, detected_at: str) -> int:
    """Return the id of a row: the same for the same incident, on whatever server, whenever."""
    told = "\0".join((skill, metric, detector, detected_at)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big") >> (64 - _ID_BITS)


def moment(at: datetime) -> str:
    """Return *at* in the canonical form."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def severity_of(incident: Incident) -> Severity:
    """Return how much *incident* matters to people.

    Whether a skill is used is their own choice: of one that is used now and then, neither silence nor a busy
    day is trouble. Where it is used hour after hour, by a team or by a machine, silence is.
    """
    by_choice = incident.metric is Metric.VOLUME and (incident.baseline or 0.0) < _STEADY_USE
    return Severity.INFO if by_choice else incident.severity


def reconciled(
    skill: str, detector: str, found: Sequence[Found], stored: Sequence[AnomalyRow], *, until: datetime, since: datetime
) -> list[AnomalyRow]:
    """Return the rows to write so that *stored*, those of *skill* and *detector*, say what was *found*.

    *found* are the incidents up to *until*, in the order in which they opened. Those that were over before *since*,
    when the baseline was young, make no new row.
    """
    now, changed = moment(until), []
    unclaimed = {row.id: row for row in stored}
    for one in found:
        made = _row(skill, detector, one, moment(one.incident.opened_at))
        row = _same(made, unclaimed.values())
        if row is not None:
            del unclaimed[row.id]
            if row.resolved_at is None:
                changed.append(_merged(row, made))
                continue
            if made.resolved_at is None:
                # It was told that this is over. It is not: that is news as of now.
                changed.append(_row(skill, detector, one, now))
        elif made.resolved_at is None or _is_news(made, stored, moment(since)):
            changed.append(made)
    for row in unclaimed.values():
        if row.resolved_at is None:
            changed.append(msgspec.structs.replace(row, resolved_at=max(now, row.detected_at)))
    before = {row.id: row for row in stored}
    return [row for row in changed if before.get(row.id) != row]


def _row(skill: str, detector: str, found: Found, detected_at: str) -> AnomalyRow:
    incident = found.incident
    return AnomalyRow(
        id=anomaly_id(skill, incident.metric, detector, detected_at),
        skill_name=skill,
        detected_at=detected_at,
        anomaly_type=incident.anomaly_type.value,
        metric=incident.metric.value,
        severity=severity_of(incident).value,
        baseline_value=incident.baseline,
        observed_value=incident.observed,
        deviation_score=incident.score,
        band_low=found.low,
        band_high=found.high,
        reason=incident.reason,
        detector=detector,
        resolved_at=moment(incident.resolved_at) if incident.resolved_at else None,
    )


def _same(made: AnomalyRow, rows: Iterable[AnomalyRow]) -> AnomalyRow | None:
    """Return the row of *rows* that tells of the incident *made* is made of; one still open rather than another."""
    return min(
        (row for row in rows if _overlap(made, row)),
        key=lambda row: (row.resolved_at is not None, row.id != made.id, row.detected_at),
        default=None,
    )


def _is_news(made: AnomalyRow, stored: Sequence[AnomalyRow], since: str) -> bool:
    return made.detected_at >= since and not any(_overlap(made, told) for told in stored)


def _overlap(one: AnomalyRow, other: AnomalyRow) -> bool:
    """Tell whether two rows of one skill say the same of the same metric at the same time."""
    return (
        (one.metric, one.anomaly_type) == (other.metric, other.anomaly_type)
        and (other.resolved_at is None or one.detected_at <= other.resolved_at)
        and (one.resolved_at is None or other.detected_at <= one.resolved_at)
    )


def _merged(row: AnomalyRow, made: AnomalyRow) -> AnomalyRow:
    """Return *row* with what is known by now; its id and beginning stay."""
    resolved_at = made.resolved_at and max(made.resolved_at, row.detected_at)
    return msgspec.structs.replace(made, id=row.id, detected_at=row.detected_at, resolved_at=resolved_at)
