"""Single uses of skills: the one with an id, the latest of a user."""

from __future__ import annotations

import msgspec

from session_buddy.model import Kind
from session_buddy.reports.paging import INVOCATION_ROWS, InvocationRow
from session_buddy.storage import Store

__all__ = ["known_kind", "read_latest_use", "read_use"]

_BY_ID = f"{INVOCATION_ROWS} WHERE event_id = ? LIMIT 1"
_LATEST = f"{INVOCATION_ROWS} WHERE skill_name = ? AND user_id = ? ORDER BY invoked_at DESC, event_id DESC LIMIT 1"


def read_use(store: Store, event_id: str) -> InvocationRow | None:
    """Return the use with this id, ``None`` where there is none."""
    return _first(store, _BY_ID, [event_id])


def read_latest_use(store: Store, skill: str, user_id: str) -> InvocationRow | None:
    """Return the use of *skill* by this user that began last, ``None`` where there is none."""
    return _first(store, _LATEST, [skill, user_id])


def known_kind(store: Store, skill: str) -> Kind | None:
    """Return of what kind *skill* is, ``None`` where it was never used."""
    rows = store.query("SELECT kind FROM skill_metrics WHERE skill_name = ?", [skill]).rows
    return Kind(rows[0][0]) if rows else None


def _first(store: Store, sql: str, parameters: list[str]) -> InvocationRow | None:
    rows = list(store.query(sql, parameters))
    return msgspec.convert(rows[0], InvocationRow) if rows else None
