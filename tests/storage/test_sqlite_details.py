"""Edges that random tests seldom hit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from session_buddy.errors import InvalidInput, InvalidInvocation, StoreError
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.merge import merged_changes
from session_buddy.storage.sqlite.connection import open_writer
from tests.making import NOW, FakeClock, invocation, many, shifted


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/s.db", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def sql(store: Store, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_writer(tmp_path / "s.db", clock=FakeClock(), patience_seconds=5)
    yield connection
    connection.close()


def windows(store: Store) -> tuple[object, ...]:
    (row,) = store.query(
        "SELECT invocation_count_1h, invocation_count_24h, avg_completion_rate_24h FROM v_realtime_skill_dashboard"
    ).rows
    return row


def test_the_minute_in_which_a_window_begins_counts_whole_and_the_one_before_not_at_all(store: Store) -> None:
    begin = NOW[:17] + "00.000Z"
    for hours in (1, 24):
        edge = shifted(begin, hours=-hours)
        store.record(
            [invocation(f"in{hours}", invoked_at=edge), invocation(f"out{hours}", invoked_at=shifted(edge, seconds=-1))]
        )
    assert windows(store)[:2] == (1, 3)


def test_an_event_that_comes_late_and_lies_before_all_others_moves_every_sum(store: Store) -> None:
    store.record([invocation("second", invoked_at=shifted(NOW, minutes=-10))])
    store.record([invocation("first", invoked_at=shifted(NOW, hours=-5), outcome=Outcome.FAILED)])
    store.record([invocation("between", invoked_at=shifted(NOW, hours=-2), outcome=Outcome.FAILED)])
    assert windows(store) == (1, 3, 1 / 3)


def test_a_day_bucket_stays_until_the_last_hour_of_its_day_is_gone(store: Store, sql: sqlite3.Connection) -> None:
    late, early = "2026-06-10T23:10:00.000Z", "2026-06-10T00:10:00.000Z"
    store.record([invocation("late", invoked_at=late), invocation("early", invoked_at=early)])
    sql.execute("DELETE FROM skill_invocation WHERE event_id = 'early'")
    assert store.query("SELECT invocation_count FROM skill_day_buckets").rows == [(1,)]
    sql.execute("DELETE FROM skill_invocation WHERE event_id = 'late'")
    assert store.query("SELECT count(*) FROM skill_day_buckets").rows == [(0,)]


def test_a_rating_given_later_reaches_the_interaction(store: Store) -> None:
    store.record([invocation()])
    assert store.record([invocation(rating=5.0)]) == Recorded(completed=1)
    assert store.query("SELECT rating FROM skill_user_interactions").rows == [(5.0,)]


def test_a_user_changed_in_one_row_is_changed_in_the_session(store: Store, sql: sqlite3.Connection) -> None:
    store.record([invocation("e1", user_id="a"), invocation("e2", user_id="a", skill_name="mypy")])
    sql.execute("UPDATE skill_invocation SET user_id = 'b' WHERE event_id = 'e1'")
    for table in ("session_summary", "session_skills", "skill_user_interactions"):
        assert {u for (u,) in store.query(f"SELECT user_id FROM {table}").rows} == {"b"}, table
    assert dict(store.query("SELECT user_id, invocation_count FROM user_skill_metrics").rows) == {"a": 1, "b": 1}


def test_kind_plugin_and_project_follow_a_better_telling(store: Store) -> None:
    store.record([invocation(kind=Kind.TOOL, outcome=None)])
    store.record([invocation(kind=Kind.SKILL, plugin="p", project="/x")])
    assert store.query("SELECT kind, plugin FROM skill_metrics").rows == [("skill", "p")]
    assert store.query("SELECT project FROM session_summary").rows == [("/x",)]


def test_a_project_told_later_in_a_batch_is_the_sessions(store: Store) -> None:
    store.record([invocation(f"e{n}", project="/x" if n else None) for n in range(6)])
    assert store.query("SELECT project FROM session_summary").rows == [("/x",)]


@pytest.mark.parametrize(("uses", "trend"), [(19, "not enough data"), (20, "stable")])
def test_a_trend_needs_twenty_outcomes(store: Store, uses: int, trend: str) -> None:
    store.record([invocation(f"e{n}", invoked_at=shifted(NOW, days=-(n % 2))) for n in range(uses)])
    assert store.query("SELECT trend FROM v_skill_effectiveness_trend").rows == [(trend,)]


def test_the_surest_category_is_shown(store: Store, sql: sqlite3.Connection) -> None:
    sql.executescript("""
        INSERT INTO skill_category_mapping (skill_name, category_id, confidence_score, assigned_at)
        VALUES ('x', 1, 0.2, '2026-01-01'), ('x', 3, 0.9, '2026-01-01'),
            ('x', 4, 0.5, '2026-01-01')
    """)
    assert store.query("SELECT category_name FROM v_multimodal_skill_catalog WHERE skill_name = 'x'").rows == [
        ("Documentation",)
    ]


EXPERIMENT = """
    INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date)
        VALUES ('t', 'a', 'b', '2026-01-01');
    INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at)
        VALUES (1, 'u', 'control', '2026-01-01'), (1, 'w', 'control', '2026-01-01');
    INSERT INTO ab_test_outcomes (test_id, user_id, skill_name, completed, user_rating, duration_seconds, recorded_at)
        VALUES (1, 'u', 's', 1, 5, 2, '2026-01-02'), (1, 'u', 's', 0, 1, 4, '2026-01-02');
"""


def test_group_counts_forget_deleted_outcomes_and_survive_a_recount(store: Store, sql: sqlite3.Connection) -> None:
    sql.executescript(EXPERIMENT)
    columns = "control_users, control_outcomes, control_avg_rating, control_avg_duration_seconds"
    read = f"SELECT {columns} FROM v_ab_test_summary"
    assert store.query(read).rows == [(2, 2, 3.0, 3.0)]
    store.rebuild()
    assert store.query(read).rows == [(2, 2, 3.0, 3.0)]
    sql.execute("DELETE FROM ab_test_outcomes WHERE completed = 0")
    assert store.query(read).rows == [(2, 1, 5.0, 2.0)]


def test_dates_of_experiments_are_kept_canonical(store: Store, sql: sqlite3.Connection) -> None:
    sql.executescript(EXPERIMENT)
    sql.execute("UPDATE ab_test_configs SET end_date = '2026-03-01 12:00:00'")
    dates = store.query("SELECT start_date, end_date FROM ab_test_configs").rows
    assert dates == [("2026-01-01T00:00:00.000Z", "2026-03-01T12:00:00.000Z")]
    for table, column in (("ab_test_assignments", "assigned_at"), ("ab_test_outcomes", "recorded_at")):
        with pytest.raises(sqlite3.IntegrityError):
            sql.execute(f"UPDATE {table} SET {column} = '5'")


def test_a_baseline_without_its_skill_goes_with_a_recount(store: Store, sql: sqlite3.Connection) -> None:
    sql.execute("INSERT INTO skill_community_baselines (skill_name, last_updated) VALUES ('ghost', 'x')")
    store.record([invocation()])
    assert store.drifted() == ["skill_community_baselines"]
    store.rebuild()
    assert store.drifted() == []


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": "failed"},
        {"outcome": "failed", "error_type": "segv"},
        {"duration_ms": 5},
        {"alternatives_considered": "[1, null]"},
        {"follow_up_actions": '[null, 1, "1", 1.5, true]'},
        {"traits": '[null, 1, "1", 1.5, true]'},
    ],
)
def test_rows_of_other_writers_that_the_model_would_not_make_can_be_completed(
    store: Store, sql: sqlite3.Connection, columns: dict[str, object]
) -> None:
    row = {"event_id": "e1", "session_id": "s1", "skill_name": "pytest-run", "invoked_at": NOW} | columns
    sql.execute(
        f"INSERT INTO skill_invocation ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
    )
    assert store.drifted() == []
    store.record([invocation(rating=2.0), invocation("e2")])
    assert store.query("SELECT rating FROM skill_invocation WHERE event_id = 'e1'").rows == [(2.0,)]
    assert store.drifted() == []
    sql.execute("DELETE FROM skill_invocation")
    for counted in ("skill_follow_up_counts", "skill_trait_counts"):
        assert store.query(f"SELECT count(*) FROM {counted}").rows == [(0,)]


@pytest.mark.parametrize("size", [1_999, 2_000])
def test_triggers_of_others_stay_and_fire(store: Store, sql: sqlite3.Connection, size: int) -> None:
    sql.executescript("""
        CREATE TABLE audit (event_id TEXT);
        CREATE TRIGGER "my audit" AFTER INSERT ON skill_invocation BEGIN INSERT INTO audit VALUES (NEW.event_id); END
    """)
    store.record(many(size))
    assert store.query("SELECT count(*) FROM audit").rows == [(size,)]


def test_what_cannot_be_stored_is_told_in_our_words(store: Store) -> None:
    with pytest.raises(InvalidInput, match="surrogate"):
        store.record([invocation(skill_name="half \ud83d")])
    with pytest.raises(InvalidInvocation, match="century"):
        invocation(duration_ms=2**62)
    with pytest.raises(InvalidInvocation, match="blank"):
        invocation(skill_name="  ")
    assert store.record([invocation()]).added == 1
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.record([invocation("e2")])


def test_only_reading_leaves_no_writer_behind(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/r.db") as opened:
        assert opened.query("SELECT 1").rows == [(1,)]
        assert "_writer" not in vars(opened)


def told(**fields: object) -> dict[str, object]:
    return merged_changes(invocation(**fields.pop("known", {})), invocation(**fields))  # type: ignore[arg-type]


def test_between_equals_the_first_telling_stays() -> None:
    failed = {"outcome": Outcome.FAILED, "error_type": ErrorType.API}
    assert told(**failed) == {}
    assert told(known={"duration_ms": 5}, duration_ms=9) == {}
    assert told(known={"alternatives_considered": ("a",)}, alternatives_considered=("b",)) == {}
    assert told(known={"plugin": "p"}, plugin="q") == {}


def test_what_is_better_is_taken() -> None:
    span = {"duration_source": DurationSource.SPAN}
    assert told(known={"duration_ms": 5, **span}, duration_ms=9, **span) == {"duration_ms": 9}
    assert told(known={"duration_ms": 9, **span}, duration_ms=5, **span) == {}
    assert told(known={"follow_up_actions": ("a",)}, follow_up_actions=("b",)) == {"follow_up_actions": ("b",)}
    assert told(known={"follow_up_actions": ("a", "b")}, follow_up_actions=("c",)) == {}
    assert told(known={"traits": ("b", "c")}, traits=("c",)) == {}
    assert told(known={"traits": ("b", "c")}, traits=("c", "a")) == {"traits": ("a", "b", "c")}
    other = msgspec.structs.replace(invocation(skill_name="other"), source="hook")
    assert merged_changes(invocation(), other) == {}
    assert merged_changes(other, msgspec.structs.replace(other, skill_name="renamed")) == {"skill_name": "renamed"}


FAILED = {"outcome": Outcome.FAILED, "error_type": ErrorType.EXIT_CODE}
LAUNCHED = {"source": "otlp", "duration_ms": 37, "duration_source": DurationSource.REPORTED}


@pytest.mark.parametrize("kind", [{}, {"skill_name": "Bash", "kind": Kind.TOOL}])
def test_telemetry_takes_a_launch_for_the_work_and_yields_whoever_comes_first(kind: dict[str, object]) -> None:
    launch = invocation(skill_name="git-commit", kind=Kind.SHELL, **LAUNCHED)
    launch = msgspec.structs.replace(launch, **kind)
    work = invocation(
        skill_name="git-commit", kind=Kind.SHELL, duration_ms=300_100, duration_source=DurationSource.SPAN, **FAILED
    )
    ends = ("skill_name", "kind", "outcome", "error_type", "duration_ms", "duration_source")
    expected = [getattr(work, field) for field in ends]
    for tellings in ((launch, work), (work, launch), (launch, work, launch), (work, launch, work)):
        known = joined(*tellings)
        assert [getattr(known, field) for field in ends] == expected, [one.source for one in tellings]


def joined(known: Invocation, *others: Invocation) -> Invocation:
    for told in others:
        known = msgspec.structs.replace(known, **merged_changes(known, told))
    return known


def test_what_was_run_and_how_it_ended_is_not_known_stays_so() -> None:
    vague = invocation(skill_name="Bash", kind=Kind.TOOL, **LAUNCHED)
    unsure = invocation(skill_name="go-build", kind=Kind.SHELL, outcome=None)
    for tellings in ((vague, unsure), (unsure, vague), (vague, unsure, vague)):
        known = joined(*tellings)
        assert (known.skill_name, known.outcome) == ("go-build", None), [one.source for one in tellings]


def test_what_telemetry_says_alone_stays() -> None:
    launch = invocation(skill_name="git-commit", kind=Kind.SHELL, **LAUNCHED)
    runs = invocation(skill_name="git-commit", kind=Kind.SHELL, outcome=None)
    assert merged_changes(launch, runs) == {}
    abandoned = invocation(skill_name="git-commit", kind=Kind.SHELL, outcome=Outcome.ABANDONED)
    assert merged_changes(launch, abandoned) == {}
    assert merged_changes(abandoned, launch)["outcome"] is Outcome.COMPLETED
    other = msgspec.structs.replace(launch, skill_name="other", **FAILED)
    assert merged_changes(launch, other) == {}, "it is sent again, and knows no more"
