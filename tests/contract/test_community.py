"""Baselines of the community against brute force over the event log, however events came."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest

from session_buddy.model import Invocation, Outcome, Phase
from session_buddy.storage import Store
from session_buddy.storage.digests import EVENT_COLUMNS, canonical, to_invocation
from tests.contract.conftest import OpenStore
from tests.making import NOW, FakeClock, invocation, many, shifted


def log_of(store: Store) -> list[Invocation]:
    rows = store.query(f"SELECT {', '.join(EVENT_COLUMNS)} FROM skill_invocation").rows
    return [to_invocation(canonical(row)) for row in rows]


def expected_baselines(log: list[Invocation]) -> dict[str, dict[str, Any]]:
    groups = defaultdict(list)
    for event in log:
        groups[event.skill_name].append(event)
    found: dict[str, dict[str, Any]] = {}
    for skill, group in groups.items():
        completed = sum(e.outcome is Outcome.COMPLETED for e in group)
        concluded = completed + sum(e.outcome is Outcome.FAILED for e in group)
        durations = [e.duration_ms for e in group if e.duration_ms is not None]
        phases = Counter(e.workflow_phase.value for e in group if e.workflow_phase)
        found[skill] = {
            "total_users": len({e.user_id for e in group}),
            "total_invocations": len(group),
            "global_completion_rate": completed / concluded if concluded else None,
            "global_avg_duration_seconds": sum(durations) / 1000 / len(durations) if durations else None,
            # Of level ones the first by name.
            "most_common_workflow_phase": min(phases, key=lambda p: (-phases[p], p)) if phases else None,
        }
    rates = [one["global_completion_rate"] for one in found.values() if one["global_completion_rate"] is not None]
    for one in found.values():
        rate = one["global_completion_rate"]
        below, level = sum(r < rate for r in rates if rate is not None), rates.count(rate)
        one["effectiveness_percentile"] = None if rate is None else 100 * (below + level / 2) / len(rates)
    return found


def assert_baselines(store: Store) -> None:
    store.refresh()
    rows = {row["skill_name"]: row for row in store.query("SELECT * FROM skill_community_baselines")}
    expected = expected_baselines(log_of(store))
    assert rows.keys() == expected.keys()
    for skill, figures in expected.items():
        for column, value in figures.items():
            assert rows[skill][column] == (value if not isinstance(value, float) else pytest.approx(value)), column


def running(event: Invocation) -> Invocation:
    """Return *event* as it is told while nobody knows how it ends."""
    return msgspec.structs.replace(event, outcome=None, error_type=None, duration_ms=None, duration_source=None)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.long
def test_baselines_of_late_doubled_and_completed_events(open_new: OpenStore, seed: int) -> None:
    store = open_new(clock=FakeClock())
    rnd = random.Random(seed)
    events = many(250, seed=seed, users=9)
    told = [*events, *rnd.sample(events, 75), *map(running, rnd.sample(events, 75))]
    rnd.shuffle(told)
    while told:
        size = rnd.choice([1, 7, 120])
        store.record(told[:size])
        del told[:size]
        if rnd.random() < 0.2:
            assert_baselines(store)
    assert len(log_of(store)) == len(events)
    assert_baselines(store)
    store.rebuild()
    assert_baselines(store)
    assert store.drifted() == []


def test_baselines_follow_what_is_deleted(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    # Months apart: one engine deletes whole months only.
    old = [
        msgspec.structs.replace(e, event_id=f"old-{e.event_id}", invoked_at=shifted(e.invoked_at, days=-120))
        for e in many(120, seed=3, skills=15, users=11)
    ]
    store.record([*old, *many(120, seed=4, users=4)])
    while store.prune(shifted(NOW, days=-60)):
        pass
    assert len(log_of(store)) == 120
    assert_baselines(store)


def test_users_are_counted_as_users_not_as_sessions_or_uses(store: Store) -> None:
    store.record(
        [
            invocation(f"{user}-{session}-{n}", user_id=f"u{user}", session_id=f"s{user}-{session}")
            for user in range(3)
            for session in range(4)
            for n in range(5)
        ]
    )
    (row,) = store.query("SELECT total_users, total_invocations FROM skill_community_baselines").rows
    assert row == (3, 60)
    # One who is new is there at once.
    store.record([invocation("new", user_id="u9", session_id="s9")])
    (row,) = store.query("SELECT total_users, total_invocations FROM skill_community_baselines").rows
    assert row == (4, 61)


def test_the_most_common_phase_changes_with_the_counts(store: Store) -> None:
    def phase() -> Any:
        return store.query("SELECT most_common_workflow_phase FROM skill_community_baselines").rows

    store.record([invocation("e0")])
    assert phase() == [(None,)]
    store.record([invocation("e1", workflow_phase=Phase.VERIFICATION)])
    assert phase() == [("verification",)]
    store.record([invocation("e2", workflow_phase=Phase.EXECUTION)])
    assert phase() == [("execution",)], "of level ones the first by name"
    store.record([invocation("e0", workflow_phase=Phase.VERIFICATION)])
    assert phase() == [("verification",)]


def test_skills_with_equal_rates_share_a_percentile(store: Store) -> None:
    failed = {"a": 5, "b": 2, "c": 2, "d": 0}
    store.record(
        [
            invocation(f"{skill}{n}", skill_name=skill, outcome=Outcome.FAILED if n < failures else Outcome.COMPLETED)
            for skill, failures in failed.items()
            for n in range(10)
        ]
    )
    store.record([invocation("e", skill_name="nobody knows", outcome=None)])
    store.refresh()
    rows = store.query("SELECT skill_name, effectiveness_percentile FROM skill_community_baselines").rows
    assert dict(rows) == {"a": 12.5, "b": 50.0, "c": 50.0, "d": 87.5, "nobody knows": None}
