"""Invocations for benchmarks: many skills, sessions that use a few of them, spread over days."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase

EVENTS_PER_SESSION = 50
OPEN_SESSIONS = 8


def generated(
    n: int, *, skills: int = 200, users: int = 50, days: float = 30, seed: int = 1, end: datetime | None = None
) -> Iterator[Invocation]:
    """Yield *n* invocations in the order of time, the last one just before *end* (now).

    A session belongs to one user and draws on eight skills, popular ones more often; eight
    sessions are open at a time. 85 % complete, 10 % fail, 5 % are abandoned.
    """
    rnd = random.Random(seed)
    end = end or datetime.now(UTC)
    names = [f"skill-{number:03}" for number in range(skills)]
    weights = [(number + 1) ** -0.8 for number in range(skills)]
    phases = list(Phase)
    begin, step = end - timedelta(days=days), timedelta(days=days) / n
    sessions: list[tuple[str, str, list[str]]] = []
    for number in range(n):
        if len(sessions) < OPEN_SESSIONS or rnd.random() < 1 / EVENTS_PER_SESSION:
            del sessions[: max(0, len(sessions) - OPEN_SESSIONS + 1)]
            session_id = f"{rnd.getrandbits(128):032x}"
            sessions.append((session_id, f"{rnd.randrange(users):016x}", rnd.choices(names, weights, k=8)))
        session_id, user_id, known = rnd.choice(sessions)
        luck = rnd.random()
        yield Invocation(
            event_id=f"toolu_{rnd.getrandbits(96):024x}",
            session_id=session_id,
            user_id=user_id,
            skill_name=rnd.choice(known),
            kind=Kind.SHELL,
            invoked_at=(begin + step * number).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            source="bench",
            outcome=Outcome.COMPLETED if luck < 0.85 else Outcome.FAILED if luck < 0.95 else Outcome.ABANDONED,
            error_type=ErrorType.EXIT_CODE if 0.85 <= luck < 0.95 else None,
            duration_ms=rnd.randrange(60_000),
            duration_source=DurationSource.ELAPSED,
            project="/home/dev/projects/example",
            agent_version="2.1.219",
            workflow_phase=rnd.choice(phases),
            workflow_step_id=f"{session_id[:18]}-{number % 5}",
        )
