"""Skills with a history, recorded as invocations: what happens in which hour is told by a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from session_buddy.model import Invocation, Kind, Outcome
from tests.making import invocation, iso


class Hour(NamedTuple):
    """Uses of one hour."""

    completed: int = 0
    failed: int = 0
    duration_ms: int = 2_000


def steady(at: datetime) -> Hour:
    """Twenty uses an hour by day, two of them failing; nothing at night."""
    return Hour(18, 2) if 8 <= at.hour < 20 else Hour()


def broken_since(moment: datetime, until: datetime | None = None) -> Callable[[datetime], Hour]:
    """As :func:`steady`, but from *moment* on half of the uses fail."""

    def hour(at: datetime) -> Hour:
        usual = steady(at)
        return usual._replace(completed=10, failed=10) if usual.completed and _within(at, moment, until) else usual

    return hour


def _within(at: datetime, since: datetime, until: datetime | None) -> bool:
    return at >= since and (until is None or at < until)


def told(
    skill: str, hour_of: Callable[[datetime], Hour], start: datetime, end: datetime, *, kind: Kind = Kind.SKILL
) -> Iterator[Invocation]:
    """Yield the invocations of *skill* from *start* to *end*, whole hours."""
    at = start
    while at < end:
        hour = hour_of(at)
        for number in range(hour.completed + hour.failed):
            yield invocation(
                f"{skill}-{iso(at)}-{number}",
                session_id=f"{skill}-{iso(at)[:10]}",
                skill_name=skill,
                kind=kind,
                invoked_at=iso(at + timedelta(seconds=number)),
                outcome=Outcome.COMPLETED if number < hour.completed else Outcome.FAILED,
                duration_ms=hour.duration_ms + 100 * (number % 7),
            )
        at += timedelta(hours=1)
