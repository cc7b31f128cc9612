"""The newest invocations of all sessions."""

from __future__ import annotations

import msgspec

from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = ["LatestInvocation", "read_latest"]

_SESSIONS_READ = 50
"""Sessions looked at, at most, until enough invocations are found."""

# By session, since the event log has an index that begins with it and none by time alone.
_SESSIONS = "SELECT session_id, last_invoked_at FROM session_summary ORDER BY last_invoked_at DESC, session_id LIMIT ?"
_OF_SESSION = """
SELECT event_id, session_id, skill_name AS skill, kind, invoked_at, outcome, error_type,
       duration_ms / 1000.0 AS duration_seconds, project
FROM skill_invocation WHERE session_id = ? AND kind <> 'tool' ORDER BY invoked_at DESC, event_id LIMIT ?
"""


class LatestInvocation(msgspec.Struct, frozen=True, kw_only=True):
    """One of the newest invocations."""

    event_id: str
    session_id: str
    skill: str
    kind: Kind
    invoked_at: str
    outcome: str | None
    error_type: str | None
    duration_seconds: float | None
    project: str | None


def read_latest(store: Store, limit: int) -> list[LatestInvocation]:
    """Return the *limit* newest invocations, an agent's built-in tools left out, the newest first.

    Reads session after session until no other can have a newer one; fifty at most, so that many
    sessions of built-in tools alone cost no more than that.
    """
    found: list[LatestInvocation] = []
    for session, last_invoked_at in store.query(_SESSIONS, [_SESSIONS_READ]).rows:
        if len(found) == limit and last_invoked_at < found[-1].invoked_at:
            break
        found += msgspec.convert(list(store.query(_OF_SESSION, [session, limit])), list[LatestInvocation])
        found = sorted(found, key=lambda invocation: invocation.invoked_at, reverse=True)[:limit]
    return found
