"""Deleting old events; the triggers of the schema take them out of all that was counted of them."""

from __future__ import annotations

import sqlite3

__all__ = ["COUNT_BEFORE", "prune_events"]

# By skill: the event log has an index that begins with it, and none by time alone.
_FROM = """
FROM skill_metrics m CROSS JOIN skill_invocation i
WHERE i.skill_name = m.skill_name AND i.invoked_at < ?
"""
COUNT_BEFORE = f"SELECT count(*) {_FROM}"
_DELETE = f"DELETE FROM skill_invocation WHERE id IN (SELECT i.id {_FROM} LIMIT ?)"


def prune_events(connection: sqlite3.Connection, before: str, limit: int) -> int:
    """Delete up to *limit* events before the moment *before*, inside the caller's transaction; return how many."""
    return connection.execute(_DELETE, (before, limit)).rowcount
