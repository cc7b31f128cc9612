"""Invocations for tests: content-free, varied, and the same for the same seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

NOW = "2026-06-15T12:34:56.789Z"
TRAITS = ("interrupted", "reads:md", "reads:py", "rejected", "writes:py")


class FakeClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: str = NOW) -> None:
        self.now = now

    def __call__(self) -> str:
        return self.now

    def advance(self, **span: float) -> None:
        self.now = shifted(self.now, **span)


def shifted(moment: str, **span: float) -> str:
    return iso(datetime.fromisoformat(moment) + timedelta(**span))


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invocation(event_id: str = "e1", **fields: Any) -> Invocation:
    given: dict[str, Any] = {
        "session_id": "s1",
        "skill_name": "pytest-run",
        "kind": Kind.SHELL,
        "invoked_at": NOW,
        "source": "test",
        "outcome": Outcome.COMPLETED,
    }
    given.update(fields)
    if given["outcome"] is Outcome.FAILED:
        given.setdefault("error_type", ErrorType.EXIT_CODE)
    if given.get("duration_ms") is not None:
        given.setdefault("duration_source", DurationSource.ELAPSED)
    return Invocation(event_id=event_id, **given)


def many(
    n: int, *, seed: int = 1, now: str = NOW, days: float = 9, skills: int = 12, users: int = 7
) -> list[Invocation]:
    """Return *n* invocations in no order of time, some in the future, some minutes and hours crowded."""
    rnd = random.Random(seed)
    made = []
    for number in range(n):
        session = rnd.randrange(max(2, n // 15))
        outcome = rnd.choice([*Outcome, Outcome.COMPLETED, None])
        crowded = rnd.random() < 0.5
        offset = rnd.uniform(-26 * 3600, 600) if crowded else rnd.uniform(-days * 86400, 0)
        made.append(
            invocation(
                f"event-{seed}-{number}",
                session_id=f"session-{session}",
                user_id=f"user-{session % users}",
                skill_name=f"skill-{rnd.randrange(skills)}",
                kind=Kind.SKILL,
                invoked_at=shifted(now, seconds=offset),
                outcome=outcome,
                error_type=rnd.choice([*ErrorType]) if outcome is Outcome.FAILED else None,
                duration_ms=rnd.choice([None, rnd.randrange(100_000)]),
                workflow_phase=rnd.choice([None, *Phase]),
                follow_up_actions=tuple(f"skill-{rnd.randrange(skills)}" for _ in range(rnd.randrange(4))),
                alternatives_considered=("other",) * rnd.randrange(2),
                traits=TRAITS[number % 6 :][: number % 4],
                rating=rnd.choice([None, None, 1.0, 4.5]),
                trigger=rnd.choice([*Trigger]),
                project=rnd.choice([None, "project", "other"]),
                plugin=rnd.choice([None, None, "plugin", "other"]),
            )
        )
    return made


moments = st.datetimes(min_value=datetime(2026, 6, 13), max_value=datetime(2026, 6, 16), timezones=st.just(UTC)).map(
    iso
)


@st.composite
def invocations(draw: st.DrawFn) -> Invocation:
    """Invocations near :data:`NOW`, few names, so that everything collides."""
    outcome = draw(st.sampled_from([*Outcome, None]))
    session = draw(st.integers(0, 3))
    return invocation(
        f"event-{draw(st.integers(0, 40))}",
        session_id=f"session-{session}",
        user_id=f"user-{session % 2}",
        skill_name=draw(st.sampled_from(["a", "b", "c"])),
        invoked_at=draw(moments),
        outcome=outcome,
        error_type=draw(st.sampled_from([*ErrorType])) if outcome is Outcome.FAILED else None,
        duration_ms=draw(st.none() | st.integers(0, 10**9)),
        workflow_phase=draw(st.none() | st.sampled_from([*Phase])),
        follow_up_actions=tuple(draw(st.lists(st.sampled_from(["a", "b", "'", '"', "[0]", ""]), max_size=3))),
        traits=tuple(draw(st.lists(st.sampled_from([*TRAITS[:3], "", "'"]), max_size=3))),
        rating=draw(st.none() | st.sampled_from([1.0, 3.5, 5.0])),
    )
