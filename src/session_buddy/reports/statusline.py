"""One line on one session: what it used, and how that went."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.formats import percent, plural, printable
from session_buddy.storage import Store

__all__ = ["read_status_line", "session_in"]

_SKILLS = """
SELECT skill_name, outcome FROM skill_invocation WHERE session_id = ? AND kind <> 'tool' ORDER BY invoked_at, id
"""


class _Given(msgspec.Struct):
    """What an agent gives its status line."""

    session_id: Any = None


def session_in(given: bytes) -> str | None:
    """Return the session that *given*, the input of a status line, is about; None where that cannot be told."""
    try:
        session_id = msgspec.json.decode(given, type=_Given).session_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return session_id if isinstance(session_id, str) and session_id else None


def read_status_line(store: Store, session_id: str) -> str:
    """Return how many skills the session used, how often they succeeded, and which failed last; '' if it used none."""
    skills = store.query(_SKILLS, [session_id]).rows
    if not skills:
        return ""
    ended = [outcome for _, outcome in skills if outcome in ("completed", "failed")]
    parts = [f"{plural(len(skills), 'use')} of {plural(len({name for name, _ in skills}), 'skill')}"]
    if ended:
        parts.append(f"{percent(ended.count('completed') / len(ended))} success")
    failing = next((name for name, outcome in reversed(skills) if outcome == "failed"), None)
    if failing:
        parts.append(f"last failed: {printable(failing)}")
    return " · ".join(parts)
