"""How long events are kept: for ever, unless the setting ``retention_days`` says otherwise.

What is counted of events lives as long as they do, hourly series too: a recount would take away what has no event
any more. So there is one setting, and not one for each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.anomalies import moment
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["EVENTS_DELETED", "RETENTION", "Pruned", "kept_since", "prune", "retention_days"]

RETENTION = "retention_days"
"""The name of the setting."""

EVENTS_DELETED = "events_deleted"
"""The name under which a store keeps how many events were ever deleted; nobody sets it."""

_TABLE = plain_table("store_settings")
_LEAST_DAYS = 35
"""Anomalies are told from what was usual in so many days."""
_MOST_DAYS = 36_500


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted, or would be."""

    before: str
    """Older invocations go."""
    invocations: int
    dry_run: bool


def _tell(store: Store, deleted: int) -> None:
    """Add to what was ever deleted: whoever shows counts as ones that never fall must know why they fell."""
    found = store.query(f"SELECT value FROM {_TABLE.source} WHERE name = ?", [EVENTS_DELETED]).rows
    before = int(found[0][0]) if found else 0
    store.put_rows(_TABLE, [(EVENTS_DELETED, str(before + deleted))])


def retention_days(text: str) -> int | None:
    """Return the days that the setting's *text* says, ``None`` for ever; raises :class:`InvalidInput`."""
    if not text.strip():
        return None
    days = int(text) if text.strip().isdecimal() else 0
    if not _LEAST_DAYS <= days <= _MOST_DAYS:
        raise InvalidInput(
            RETENTION,
            f"{text!r} is no number of days from {_LEAST_DAYS} on.",
            remedy="Anomalies are told from the last five weeks; leave it empty to keep everything.",
        )
    return days


def kept_since(now: str, days: int) -> str:
    """Return the first moment (a UTC midnight) that is kept for *days*, today included."""
    day = datetime.fromisoformat(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return moment(day - timedelta(days=days - 1))


def prune(store: Store, before: str, *, dry_run: bool = False, go_on: Callable[[int], bool] = lambda _: True) -> Pruned:
    """Delete the invocations of *store* before the moment *before*, and whatever was counted of them.

    In small transactions, so that nobody who records waits for long; *go_on* is asked with the number deleted so far
    after each. What was deleted until it says no stays deleted, and everything counted is right at any moment.
    """
    if dry_run:
        return Pruned(before=before, invocations=store.prunable(before), dry_run=True)
    deleted = 0
    try:
        while (some := store.prune(before)) > 0:
            deleted += some
            if not go_on(deleted):
                break
    finally:
        if deleted:
            _tell(store, deleted)
    if deleted:
        store.refresh()
    return Pruned(before=before, invocations=deleted, dry_run=False)
