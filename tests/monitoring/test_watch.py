"""The watch over a store: what it finds, when, and that it finds the same however it came there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from session_buddy.errors import InvalidInput, StoreError
from session_buddy.feed.messages import AnomalyRow
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.monitoring.anomalies import anomaly_id
from session_buddy.monitoring.watch import AnomalyWatch, rows_changed_since, start_of
from session_buddy.storage import Store, open_store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import FakeClock, invocation, iso
from tests.monitoring.history import Hour, broken_since, steady, told

NOON = datetime(2026, 6, 16, 12, tzinfo=UTC)
START = NOON - timedelta(days=27, hours=12)
HOUR = timedelta(hours=1)
SETTINGS, ANOMALIES = (
    table for name in ("store_settings", "skill_anomalies") for table in PLAIN_TABLES if table.name == name
)
SKILL = "deploy"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(iso(NOON))


@pytest.fixture
def store(path: Path, clock: FakeClock) -> Store:
    with open_store(f"sqlite:///{path}", clock=clock) as store:
        yield store


@pytest.fixture
def steady_store(store: Store) -> Store:
    """One skill with four steady weeks, up to noon."""
    store.record(list(told(SKILL, steady, START, NOON)))
    return store


def step(watch: AnomalyWatch, at: datetime, *, minutes: float = 6) -> list[AnomalyRow]:
    return watch.step(iso(at + timedelta(minutes=minutes)))


def follow(
    store: Store, watch: AnomalyWatch, hour_of: Callable[[datetime], Hour], hours: int, *, start: datetime = NOON
) -> list[AnomalyRow]:
    """Record hour after hour from *start* on; the watch takes a step after each."""
    changed = []
    for number in range(hours):
        at = start + number * HOUR
        store.record(list(told(SKILL, hour_of, at, at + HOUR)))
        changed += step(watch, at + HOUR)
    return changed


def rows(store: Store) -> list[AnomalyRow]:
    return sorted(rows_changed_since(store, ""), key=lambda row: row.detected_at)


def mark(store: Store) -> tuple[bool, float | None]:
    ((flag, score),) = store.query("SELECT is_anomalous, anomaly_score FROM v_realtime_skill_dashboard").rows
    return bool(flag), score


def put_setting(store: Store, name: str, value: str) -> None:
    store.put_rows(SETTINGS, [(name, value)])


def test_steady_hours_are_no_anomaly(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    assert step(watch, NOON) == []
    assert follow(steady_store, watch, steady, 30) == []
    assert mark(steady_store) == (False, None)


def test_a_drop_opens_within_two_hours_and_marks_the_skill(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    changed = follow(steady_store, watch, broken_since(NOON), 2)
    row = changed[0]
    assert (row.skill_name, row.metric, row.anomaly_type, row.resolved_at) == (SKILL, "completion_rate", "drop", None)
    assert NOON < datetime.fromisoformat(row.detected_at) <= NOON + 2 * HOUR
    assert row.severity == "critical"
    assert row.observed_value is not None
    assert row.band_low is not None
    assert row.observed_value < row.band_low < 0.9 < (row.band_high or 0)
    assert row.reason and row.reason.startswith("Success fell to 50 %")
    assert row.detector == "evidence"
    assert mark(steady_store)[0]
    assert mark(steady_store)[1] == pytest.approx(rows(steady_store)[0].deviation_score)


def test_it_is_resolved_when_all_is_well_again(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    follow(steady_store, watch, broken_since(NOON, NOON + 3 * HOUR), 8)
    (row,) = rows(steady_store)
    assert row.resolved_at is not None
    assert NOON + 3 * HOUR < datetime.fromisoformat(row.resolved_at) <= NOON + 8 * HOUR
    assert mark(steady_store) == (False, None)


def test_it_is_told_once_not_every_hour(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    changed = follow(steady_store, watch, broken_since(NOON), 6)
    assert len({row.id for row in changed}) == 1
    assert [row.resolved_at for row in changed] == [None] * len(changed)
    assert step(watch, NOON + 6 * HOUR) == []


def test_the_time_of_an_anomaly_is_when_it_could_be_known_not_when_somebody_looked(steady_store: Store) -> None:
    steady_store.record(list(told(SKILL, broken_since(NOON), NOON, NOON + 3 * HOUR)))
    found = step(AnomalyWatch(steady_store), NOON + 23 * HOUR)
    (row,) = [row for row in found if row.metric == "completion_rate"]
    assert datetime.fromisoformat(row.detected_at) <= NOON + 2 * HOUR


def test_an_hour_is_looked_at_when_it_is_over_and_not_before(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    at = NOON
    steady_store.record(list(told(SKILL, broken_since(NOON), at, at + 2 * HOUR)))
    assert watch.step(iso(NOON + timedelta(minutes=59))) == []
    assert watch.step(iso(NOON + timedelta(minutes=62))) == []
    assert step(watch, NOON + 2 * HOUR) != []


@pytest.mark.parametrize("every", [1, 5, 40])
def test_restarts_and_rare_steps_come_to_the_same_rows(steady_store: Store, every: int) -> None:
    hour_of = broken_since(NOON + HOUR, NOON + 6 * HOUR)
    for number in range(40):
        at = NOON + number * HOUR
        steady_store.record(list(told(SKILL, hour_of, at, at + HOUR)))
        if (number + 1) % every == 0:
            step(AnomalyWatch(steady_store), at + HOUR)
    (row,) = rows(steady_store)
    assert row.id == anomaly_id(SKILL, "completion_rate", "evidence", row.detected_at)
    assert (row.detected_at, row.resolved_at) == (iso(NOON + 2 * HOUR), row.resolved_at)
    assert row.resolved_at is not None


def test_two_servers_over_one_store_write_the_same_rows(steady_store: Store, path: Path, clock: FakeClock) -> None:
    with open_store(f"sqlite:///{path}", clock=clock) as other:
        first, second = AnomalyWatch(steady_store), AnomalyWatch(other)
        step(first, NOON)
        for number in range(10):
            at = NOON + number * HOUR
            steady_store.record(list(told(SKILL, broken_since(NOON, NOON + 3 * HOUR), at, at + HOUR)))
            told_by_first, told_by_second = step(first, at + HOUR), step(second, at + HOUR)
            assert told_by_second == [], told_by_first
    assert len(rows(steady_store)) == 1


def test_what_is_told_late_is_found_late(steady_store: Store) -> None:
    """What happened in two hours comes in when the watch is past them."""
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    assert follow(steady_store, watch, lambda at: Hour(), 2) == []
    steady_store.record(list(told(SKILL, broken_since(NOON), NOON, NOON + 2 * HOUR)))
    changed = step(watch, NOON + 2 * HOUR, minutes=20)
    assert [(row.metric, row.anomaly_type) for row in changed] == [("completion_rate", "drop")]
    assert changed[0].detected_at == iso(NOON + HOUR)


def test_an_outcome_told_later_takes_the_anomaly_back(steady_store: Store) -> None:
    """Half of the uses seemed to fail, and the other half had not been told of yet."""
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    hour = [*told(SKILL, broken_since(NOON), NOON, NOON + 2 * HOUR)]
    failed = [one for one in hour if one.outcome is Outcome.FAILED]
    steady_store.record(failed)
    opened = step(watch, NOON + 2 * HOUR)
    assert {row.metric for row in opened} == {"completion_rate"}
    steady_store.record([_completed(one, number) for number in range(9) for one in failed])
    (resolved,) = step(watch, NOON + 2 * HOUR, minutes=30)
    assert resolved.id == opened[0].id
    assert resolved.resolved_at == iso(NOON + 2 * HOUR)


def _completed(one: Invocation, number: int) -> Invocation:
    return invocation(
        f"{one.event_id}-{number}", skill_name=SKILL, kind=Kind.SKILL, invoked_at=one.invoked_at, duration_ms=2_000
    )


def test_what_was_resolved_does_not_open_again(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    follow(steady_store, watch, broken_since(NOON, NOON + 3 * HOUR), 7)
    (before,) = rows(steady_store)
    assert before.resolved_at is not None
    # Told late, and a lot of it: the hours at the end were bad, too.
    late = told(SKILL, lambda at: Hour(0, 60), NOON + 3 * HOUR, NOON + 7 * HOUR)
    steady_store.record([_renamed(one, f"late-{one.event_id}") for one in late])
    changed = step(watch, NOON + 7 * HOUR, minutes=30)
    assert before in rows(steady_store)
    again = [row for row in changed if row.metric == "completion_rate"]
    assert [(row.resolved_at, row.detected_at) for row in again] == [(None, iso(NOON + 7 * HOUR))]
    assert step(watch, NOON + 7 * HOUR, minutes=40) == []
    later = follow(steady_store, watch, lambda at: Hour(0, 20), 3, start=NOON + 7 * HOUR)
    assert {row.id for row in later if row.metric == "completion_rate"} <= {again[0].id}
    assert [row.resolved_at for row in rows(steady_store) if row.metric == "completion_rate"] == [
        before.resolved_at,
        None,
    ]


def test_where_nothing_happened_little_is_asked(steady_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, asked = AnomalyWatch(steady_store), []
    step(watch, NOON)
    ask = steady_store.query
    monkeypatch.setattr(steady_store, "query", lambda *given: asked.append(given) or ask(*given))
    step(watch, NOON, minutes=7)
    step(watch, NOON, minutes=8)
    assert len(asked) == 4, "settings, and skills with their latest hours"


def _renamed(one: Invocation, event_id: str) -> Invocation:
    return invocation(
        event_id,
        skill_name=one.skill_name,
        kind=one.kind,
        invoked_at=one.invoked_at,
        outcome=one.outcome,
        duration_ms=one.duration_ms,
    )


def test_nothing_of_a_young_skill_is_an_anomaly(store: Store) -> None:
    """Before its first use it did not exist: those hours are no hours without use."""
    store.record(list(told(SKILL, lambda at: Hour(2, 3), NOON - 3 * HOUR, NOON)))
    assert step(AnomalyWatch(store), NOON) == []


def test_an_observed_hour_is_not_part_of_its_own_baseline(store: Store) -> None:
    """One hour at 0 % among few is an anomaly: with itself in the baseline it would excuse itself."""
    put_setting(store, "anomaly_detector", "zscore")
    store.record(list(told(SKILL, lambda at: Hour(10, at.hour % 2), NOON - 4 * HOUR, NOON - HOUR)))
    store.record(list(told(SKILL, lambda at: Hour(0, 10), NOON - HOUR, NOON)))
    changed = step(AnomalyWatch(store), NOON)
    assert [(row.metric, row.observed_value, row.detector) for row in changed if row.metric == "completion_rate"] == [
        ("completion_rate", 0.0, "zscore")
    ]


def test_silence_is_a_fact_hours_without_use_count(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    changed = follow(steady_store, watch, lambda at: Hour(), 6)
    assert {(row.metric, row.anomaly_type, row.observed_value) for row in changed} == {("volume", "drop", 0.0)}


def test_silence_of_a_skill_in_steady_use_is_trouble_of_one_used_now_and_then_it_is_not(store: Store) -> None:
    """Who stops using something has done so on purpose."""
    store.record(list(told("steady", steady, START, NOON)))
    store.record(list(told("rare", lambda at: Hour(1) if at.hour in (9, 11, 14, 16) else Hour(), START, NOON)))
    watch = AnomalyWatch(store)
    changed = [row for hour in range(0, 24 * 9, 6) for row in step(watch, NOON + hour * HOUR)]
    opened = {row.skill_name: row.severity for row in reversed(changed) if row.anomaly_type == "drop"}
    assert opened == {"steady": "critical", "rare": "info"}


def test_nights_off_are_no_anomaly(steady_store: Store) -> None:
    night = NOON + 8 * HOUR
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    assert follow(steady_store, watch, steady, 24) == []
    assert night.hour == 20


def test_built_in_tools_are_watched_only_if_that_is_set(store: Store) -> None:
    store.record(list(told("Read", broken_since(NOON - 3 * HOUR), START, NOON, kind=Kind.TOOL)))
    watch = AnomalyWatch(store)
    assert step(watch, NOON) == []
    put_setting(store, "anomaly_kinds", "skill, tool")
    assert {row.skill_name for row in step(watch, NOON)} == {"Read"}
    put_setting(store, "anomaly_kinds", "skill")
    assert [row.resolved_at for row in step(watch, NOON)] == [iso(NOON)]


def test_another_detector_takes_over_at_once(steady_store: Store) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    (opened, *_) = follow(steady_store, watch, broken_since(NOON), 3)
    put_setting(steady_store, "anomaly_detector", "zscore")
    changed = step(watch, NOON + 3 * HOUR)
    assert [row.resolved_at for row in changed if row.id == opened.id] == [iso(NOON + 3 * HOUR)]
    assert {row.detector for row in changed if row.id != opened.id} == {"zscore"}


def test_rows_of_others_are_left_alone(steady_store: Store, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO skill_anomalies (skill_name, detected_at, anomaly_type) VALUES (?, ?, 'spike')",
            (SKILL, iso(NOON)),
        )
    connection.close()
    assert step(AnomalyWatch(steady_store), NOON + HOUR) == []
    assert [(row.detector, row.resolved_at) for row in rows(steady_store)] == [(None, None)]


def test_a_skill_that_is_gone_has_nothing_open(steady_store: Store, path: Path) -> None:
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    follow(steady_store, watch, broken_since(NOON), 3)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM skill_invocation")
    connection.close()
    changed = step(watch, NOON + 3 * HOUR)
    assert [row.resolved_at for row in changed] == [iso(NOON + 3 * HOUR)]


@pytest.mark.parametrize("name", ["", "\ud800", "a'b\"; --", "x" * 5_000, "\0"])
def test_any_name_has_a_beginning_and_an_id(name: str) -> None:
    assert NOON - timedelta(days=35) < start_of(name, NOON) <= NOON - timedelta(days=28)
    assert 0 <= anomaly_id(name, "volume", "zscore", iso(NOON)) < 2**53


def test_the_beginning_stays_for_a_week_and_moves_by_a_week() -> None:
    starts = [start_of(SKILL, NOON + number * HOUR) for number in range(24 * 21)]
    moves = [later - earlier for earlier, later in pairwise(starts) if later != earlier]
    assert moves == [timedelta(days=7)] * 3
    assert len({start_of(f"skill-{number}", NOON) for number in range(500)}) > 100


def test_a_failing_statement_is_raised_not_swallowed(steady_store: Store, path: Path) -> None:
    """And the next step finds what this one could not store."""
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    steady_store.record(list(told(SKILL, broken_since(NOON), NOON, NOON + 3 * HOUR)))
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON skill_anomalies BEGIN SELECT raise(ABORT, 'full'); END")
    with pytest.raises(StoreError, match="full"):
        step(watch, NOON + 3 * HOUR)
    connection.execute("DROP TRIGGER no")
    connection.close()
    assert [row.metric for row in step(watch, NOON + 3 * HOUR)] == ["completion_rate"]


def test_a_store_that_cannot_be_read_is_an_error_not_an_empty_answer(steady_store: Store, path: Path) -> None:
    watch = AnomalyWatch(steady_store)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE skill_metrics RENAME TO something_else")
    connection.close()
    with pytest.raises(StoreError):
        step(watch, NOON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("anomaly_detector", "crystal-ball"),
        ("anomaly_threshold", "2"),
        ("anomaly_threshold", "high"),
        ("anomaly_kinds", "skill,spell"),
        ("anomaly_time_zone", "Mars/Olympus"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(steady_store: Store, name: str, value: str) -> None:
    put_setting(steady_store, name, value)
    with pytest.raises(InvalidInput) as raised:
        step(AnomalyWatch(steady_store), NOON)
    assert raised.value.field == name


def test_settings_apply_with_the_next_step(steady_store: Store) -> None:
    put_setting(steady_store, "anomaly_detector", "zscore")
    put_setting(steady_store, "anomaly_threshold", "50")
    put_setting(steady_store, "anomaly_time_zone", "Europe/Berlin")
    watch = AnomalyWatch(steady_store)
    step(watch, NOON)
    assert follow(steady_store, watch, broken_since(NOON), 3) == []
    put_setting(steady_store, "anomaly_threshold", "")
    assert step(watch, NOON + 3 * HOUR) != []


def test_a_step_that_takes_too_long_leaves_the_rest_to_the_next_one(store: Store) -> None:
    seconds = iter(range(1_000))
    store.record([one for number in range(25) for one in told(f"s{number}", steady, NOON - 5 * HOUR, NOON)])
    broken = AnomalyRow(
        id=7, skill_name="s0", detected_at=iso(NOON - HOUR), anomaly_type="drop", metric="volume", detector="evidence"
    )
    store.put_rows(ANOMALIES, [tuple(getattr(broken, column) for column in ANOMALIES.columns)])
    watch = AnomalyWatch(store, monotonic=lambda: float(next(seconds)))
    changed, steps = [], 0
    while steps == 0 or not watch.is_whole:
        assert [row.id for row in changed] == [], "an open row of a skill not yet looked at is not taken back"
        changed = watch.step(iso(NOON + timedelta(minutes=6)), seconds=1)
        steps += 1
    assert steps == 3
    assert [(row.id, row.resolved_at) for row in changed] == [(7, iso(NOON))]


def test_history_makes_rows_of_its_last_week_only(store: Store) -> None:
    """Before that the baseline was young, and nobody wants to read of it."""

    def hour_of(at: datetime) -> Hour:
        bad = any(timedelta(days=day - 1) < NOON - at <= timedelta(days=day) for day in (18, 3))
        return steady(at)._replace(completed=6, failed=14) if bad and 8 <= at.hour < 20 else steady(at)

    store.record(list(told(SKILL, hour_of, START, NOON)))
    changed = [row for row in step(AnomalyWatch(store), NOON) if row.metric == "completion_rate"]
    assert [row.detected_at[:10] for row in changed] == [iso(NOON - timedelta(days=3))[:10]]
    assert changed[0].resolved_at is not None
