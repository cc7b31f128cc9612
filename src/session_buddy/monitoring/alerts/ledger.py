"""What each target was told, and what is still to be said. Pure; kept in a file by whoever delivers.

The store says what there is to tell, the ledger what was told: a process that dies between the two tells again, and
nothing is lost. An alert has one id, so that whoever hears it twice can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from session_buddy.feed.messages import AnomalyRow
from session_buddy.monitoring.alerts.messages import Alert, Happening
from session_buddy.monitoring.alerts.targets import Target
from session_buddy.monitoring.anomalies import moment

__all__ = ["REACH", "Ledger"]

_FRESH = timedelta(hours=24)
_GIVE_UP = timedelta(days=3)
REACH = timedelta(days=7)
"""An anomaly resolved longer ago is nobody's concern any more."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)


class _Entry(msgspec.Struct, kw_only=True):
    """What one target was told of one anomaly."""

    since: str
    """When there was something to tell."""
    opened_told: bool = False
    resolved_told: bool = False
    refusals: int = 0
    next_at: str = ""


class _Standing(msgspec.Struct, kw_only=True):
    """How it goes with one target."""

    anomalies: dict[int, _Entry] = {}
    failures: int = 0
    """Attempts in a row in which it could not be reached."""
    next_at: str = ""


class Ledger(msgspec.Struct, kw_only=True):
    """What was told, by target and anomaly."""

    targets: dict[str, _Standing] = {}

    def due(self, target: Target, rows: Sequence[AnomalyRow], *, now: str, begun: str) -> Iterator[Alert]:
        """Yield what *target* is to be told now, oldest first; call :meth:`told` or :meth:`failed` after each.

        Told is what opened within the last 24 hours, or since *begun* and is still open: history that is imported
        raises no alarm. What was told of when it opened is told of when it is resolved.
        """
        standing = self.targets.setdefault(target.name, _Standing())
        for row in sorted(rows, key=lambda row: (row.detected_at, row.id)):
            entry = standing.anomalies.get(row.id)
            if entry is None:
                if not (target.hears_of(row.severity) and _is_fresh(row, now, begun)):
                    continue
                entry = standing.anomalies[row.id] = _Entry(since=now)
            if not entry.opened_told and max(entry.next_at, standing.next_at) <= now:
                yield Alert(Happening.OPENED, row)
            is_due = row.resolved_at and entry.opened_told and not entry.resolved_told
            if is_due and max(entry.next_at, standing.next_at) <= now:
                yield Alert(Happening.RESOLVED, row)

    def told(self, target: Target, alert: Alert) -> None:
        """Note that *target* has got *alert*."""
        standing = self.targets[target.name]
        entry = standing.anomalies[alert.anomaly.id]
        standing.failures, standing.next_at, entry.refusals, entry.next_at = 0, "", 0, ""
        if alert.happening is Happening.OPENED:
            entry.opened_told = True
        else:
            entry.resolved_told = True

    def failed(self, target: Target, alert: Alert, *, now: str, refused: bool) -> bool:
        """Note that *target* did not get *alert*; return whether that is given up.

        *refused*: it could be reached, and may take another alert; otherwise all wait. Waits get longer, up to a
        quarter of an hour; after three days nobody wants to know.
        """
        standing = self.targets[target.name]
        entry = standing.anomalies[alert.anomaly.id]
        if refused:
            entry.next_at, entry.refusals = _after(now, _wait(entry.refusals)), entry.refusals + 1
        else:
            standing.next_at, standing.failures = _after(now, _wait(standing.failures)), standing.failures + 1
        given_up = now >= _after(entry.since, _GIVE_UP)
        if given_up:
            entry.opened_told = entry.resolved_told = True
        return given_up

    def tidied(self, targets: Sequence[Target], rows: Sequence[AnomalyRow]) -> Ledger:
        """Return what of this is still of use where *targets* and *rows* are all there are."""
        there = {row.id for row in rows}
        kept = {target.name: self.targets.get(target.name, _Standing()) for target in targets}
        for standing in kept.values():
            standing.anomalies = {number: entry for number, entry in standing.anomalies.items() if number in there}
        return Ledger(targets=kept)


def _wait(failures: int) -> timedelta:
    return min(_FIRST_WAIT * (1 << min(failures, 16)), _LONGEST_WAIT)


def _is_fresh(row: AnomalyRow, now: str, begun: str) -> bool:
    if row.detected_at > now:
        return False
    return row.detected_at >= _after(now, -_FRESH) or (row.resolved_at is None and row.detected_at >= begun)


def _after(now: str, span: timedelta) -> str:
    return moment(datetime.fromisoformat(now) + span)
