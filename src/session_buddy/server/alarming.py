"""What a server does about anomalies and old data: it watches, tells, and deletes what is older than is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from session_buddy.monitoring.alerts.delivery import Deliveries
from session_buddy.monitoring.retention import RETENTION, kept_since, prune, retention_days
from session_buddy.monitoring.watch import AnomalyWatch, read_texts
from session_buddy.server.chores import Chore
from session_buddy.storage import Clock, Store

__all__ = ["alerts_folder", "anomaly_chores"]

_LOOK_SECONDS = 5.0
"""From look to look, as long as not every skill has been looked at."""
_CALM_SECONDS = 15.0
"""From look to look after that: hours do not end more often, but what is told of them changes."""
_SLICE_SECONDS = 1.0
"""About as long as one chore may take: others wait, and so does the end of the server."""
_TELL_SECONDS = 5.0
_PRUNE_SECONDS = 60.0


def anomaly_chores(
    store: Store, clock: Clock, folder: Path, *, monotonic: Callable[[], float] = time.monotonic
) -> list[Chore]:
    """Return what is to be done again and again while a server runs; what alerts told is kept in *folder*."""
    deliveries = Deliveries(store, folder, clock, begun=clock())
    return [
        Chore("Looking for anomalies", _LOOK_SECONDS, _Look(store, clock, monotonic)),
        Chore("Sending alerts", _TELL_SECONDS, deliveries.begin),
        Chore("Deleting what is older than is kept", _PRUNE_SECONDS, lambda: _prune(store, clock, monotonic)),
    ]


def alerts_folder(spool_folder: Path) -> Path:
    """Return where it is kept what alerts told of the store whose spool is *spool_folder*."""
    return spool_folder.parent.parent / "alerts" / spool_folder.name


class _Look:
    """Looks for anomalies when called, unless it did a moment ago."""

    def __init__(self, store: Store, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._watch, self._clock, self._monotonic = AnomalyWatch(store, monotonic=monotonic), clock, monotonic
        self._next_at = 0.0

    def __call__(self) -> None:
        now = self._monotonic()
        if now < self._next_at:
            return
        self._watch.step(self._clock(), seconds=_SLICE_SECONDS)
        self._next_at = now + _CALM_SECONDS if self._watch.is_whole else now


def _prune(store: Store, clock: Clock, monotonic: Callable[[], float]) -> None:
    days = retention_days(read_texts(store).get(RETENTION, ""))
    if days is not None:
        deadline = monotonic() + _SLICE_SECONDS
        prune(store, kept_since(clock(), days), go_on=lambda _: monotonic() < deadline)
