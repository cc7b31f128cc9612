"""A store for tests in which some skills go together, in an order, and others do not."""

from __future__ import annotations

from session_buddy.model import Invocation, Kind
from session_buddy.reports.dependencies import refresh_related
from session_buddy.storage import Store
from tests.making import NOW, invocation, shifted

TOGETHER = ("write-test", "run-test", "commit")
"""Used in this order in twelve sessions, a minute after one another."""
LONELY = "weather"
"""In sessions of its own."""
HOSTILE = "<b>bold</b>"
"""Goes with ``weather/..``, three times."""


def go_together(store: Store, *, now: str = NOW, is_refreshed: bool = True) -> None:
    """Record the sessions, and look at what goes together in them unless not *is_refreshed*."""
    store.record(
        [
            *_sessions("together", 12, TOGETHER, now),
            *_sessions("alone", 40, (LONELY,), now),
            *_sessions("hostile", 3, (HOSTILE, "weather/.."), now),
            *_sessions("together", 12, ("Read",), now, kind=Kind.TOOL),
        ]
    )
    if is_refreshed:
        refresh_related(store, now)


def _sessions(name: str, many: int, skills: tuple[str, ...], now: str, *, kind: Kind = Kind.SKILL) -> list[Invocation]:
    return [
        invocation(
            f"{name}-{number}-{skill}",
            session_id=f"{name}-{number}",
            skill_name=skill,
            kind=kind,
            invoked_at=shifted(now, hours=-2 * number - 1, minutes=place),
        )
        for number in range(many)
        for place, skill in enumerate(skills)
    ]
