"""``sessions``: the latest sessions, and one session step by step."""

from __future__ import annotations

from datetime import datetime

import msgspec

from session_buddy.errors import NotFound
from session_buddy.model import Kind
from session_buddy.storage import Store

__all__ = [
    "SessionFigures",
    "SessionList",
    "Step",
    "Timeline",
    "find_session",
    "read_sessions",
    "read_timeline",
    "session_figures",
]

_SKILLS_NAMED = 3
_CANDIDATES = 6

_FIGURES = """
SELECT session_id, source, project, user_id, invocation_count AS invocations, completed_count AS completed,
       failed_count AS failed, abandoned_count AS abandoned, first_invoked_at, last_invoked_at
FROM session_summary
"""
_SKILLS = """
SELECT s.session_id, s.skill_name FROM session_skills s JOIN skill_metrics m ON m.skill_name = s.skill_name
WHERE s.session_id = ? AND m.kind <> 'tool' ORDER BY s.invocation_count DESC, s.skill_name LIMIT ?
"""
_STEPS = """
SELECT event_id, invoked_at, skill_name AS skill, kind, outcome, error_type, duration_ms / 1000.0 AS duration_seconds,
       duration_source, triggered_by, workflow_phase AS phase, parent_event_id
FROM skill_invocation WHERE session_id = ? ORDER BY invoked_at, id
"""
_BY_PREFIX = """
SELECT session_id FROM session_summary
WHERE session_id >= :prefix AND session_id < :prefix || char(1114111) ORDER BY session_id LIMIT :limit
"""


class SessionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One session in figures; built-in tools are counted too."""

    session_id: str
    source: str
    project: str | None
    user_id: str
    first_invoked_at: str
    last_invoked_at: str
    length_seconds: float
    """From the first invocation to the last."""
    invocations: int
    completed: int
    failed: int
    abandoned: int
    skills: list[str]
    """The skills used most, three at most, built-in tools left out."""


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """The latest sessions, the newest first."""

    total: int
    """How many sessions there are in all."""
    sessions: list[SessionFigures]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One invocation of a session."""

    event_id: str
    invoked_at: str
    skill: str
    kind: Kind
    outcome: str | None
    error_type: str | None
    duration_seconds: float | None
    duration_source: str | None
    """``reported``, ``span`` or ``elapsed``; the last includes the wait for the user's permission."""
    triggered_by: str
    phase: str | None
    parent_event_id: str | None
    """The invocation inside which this one ran."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """One session step by step."""

    session: SessionFigures
    steps: list[Step]
    left_out: int
    """Calls of built-in tools that are not among the steps."""


def read_sessions(store: Store, limit: int) -> SessionList:
    """Return the *limit* sessions that were active last; reads roll-ups only."""
    found = store.query(f"{_FIGURES} ORDER BY last_invoked_at DESC, session_id LIMIT ?", [limit])
    ((total,),) = store.query("SELECT value FROM store_counts WHERE name = 'sessions'").rows
    return SessionList(total=total, sessions=[session_figures(store, row) for row in found])


def find_session(store: Store, prefix: str) -> str:
    """Return the one session whose id begins with *prefix*; raises :class:`NotFound` for none or several."""
    found = [name for (name,) in store.query(_BY_PREFIX, {"prefix": prefix, "limit": _CANDIDATES}).rows]
    if prefix in found or len(found) == 1:
        return prefix if prefix in found else str(found[0])
    if found:
        names = ", ".join(found[: _CANDIDATES - 1]) + (" …" if len(found) == _CANDIDATES else "")
        raise NotFound(
            f"Several sessions begin with {prefix!r}: {names}", remedy="Give more of the id.", suggestions=found
        )
    raise NotFound(f"No session begins with {prefix!r}.", remedy="See 'session-buddy sessions' for the latest.")


def read_timeline(store: Store, session_id: str, *, include_tools: bool = False) -> Timeline:
    """Return the session *session_id*, which must exist, in the order of its invocations."""
    (row,) = store.query(f"{_FIGURES} WHERE session_id = ?", [session_id])
    steps = msgspec.convert(list(store.query(_STEPS, [session_id])), list[Step])
    shown = [step for step in steps if include_tools or step.kind != Kind.TOOL]
    return Timeline(session=session_figures(store, row), steps=shown, left_out=len(steps) - len(shown))


def session_figures(store: Store, row: dict[str, object]) -> SessionFigures:
    """Return a row of ``session_summary`` as figures, with what takes further reading."""
    first, last = (datetime.fromisoformat(str(row[name])) for name in ("first_invoked_at", "last_invoked_at"))
    skills = [name for _, name in store.query(_SKILLS, [row["session_id"], _SKILLS_NAMED]).rows]
    return msgspec.convert(row | {"length_seconds": (last - first).total_seconds(), "skills": skills}, SessionFigures)
