"""Single rows by trigger and batches set-wise: the same tables, bit for bit."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from session_buddy.model import Invocation
from session_buddy.storage import open_store
from session_buddy.storage.sqlite.connection import open_writer
from session_buddy.storage.sqlite.event_log import INSERT_BY_TRIGGERS, INSERT_SET_WISE, invocation_row
from session_buddy.storage.sqlite.upkeep import ROLL_UPS
from tests.making import FakeClock, invocation, invocations, many, shifted

# What the roll-ups promise, and beside it what only the clock decides, which stands still here.
TABLES = {
    **ROLL_UPS,
    "skill_minute_buckets": "*",
    "skill_metrics_cache": "*",
    "skill_community_baselines": "*",
    "skill_dependencies": "*",
}


@contextmanager
def plain_connection(path: Path, clock: FakeClock) -> Iterator[sqlite3.Connection]:
    """What any SQLite tool would open, at the tests' time of day."""
    connection = open_writer(path, clock=clock, patience_seconds=10)
    try:
        yield connection
    finally:
        connection.close()


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
            for table, columns in TABLES.items()
        }
    finally:
        connection.close()


def test_the_two_ways_to_insert_differ_in_who_counts() -> None:
    assert ", 0)" in INSERT_BY_TRIGGERS
    assert INSERT_BY_TRIGGERS.replace(", 0)", ", 1)") == INSERT_SET_WISE


@pytest.mark.long
@pytest.mark.parametrize("batch_size", [5, 7, 100, 2_500])
def test_batches_and_single_rows_give_bit_equal_tables(tmp_path: Path, batch_size: int) -> None:
    clock, events = FakeClock(), many(2_500)
    with open_store(f"sqlite:///{tmp_path}/batch.db", clock=clock) as store:
        for start in range(0, len(events), batch_size):
            store.record(events[start : start + batch_size])
    with (
        open_store(f"sqlite:///{tmp_path}/single.db", clock=clock),
        plain_connection(tmp_path / "single.db", clock) as c,
    ):
        c.executemany(INSERT_BY_TRIGGERS, map(invocation_row, events))
    batch, single = contents(tmp_path / "batch.db"), contents(tmp_path / "single.db")
    for table in TABLES:
        assert batch[table] == single[table], table


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(invocations(), max_size=25, unique_by=lambda i: i.event_id), cut=st.integers(0, 25))
@pytest.mark.long
def test_batches_and_single_rows_agree_on_anything(
    tmp_path_factory: pytest.TempPathFactory, events: Sequence[Invocation], cut: int
) -> None:
    tmp_path, clock = tmp_path_factory.mktemp("rollups"), FakeClock()
    with open_store(f"sqlite:///{tmp_path}/batch.db", clock=clock) as store:
        store.record(events[:cut])
        store.record(events[cut:])
        assert store.drifted() == []
    with (
        open_store(f"sqlite:///{tmp_path}/single.db", clock=clock),
        plain_connection(tmp_path / "single.db", clock) as c,
    ):
        c.executemany(INSERT_BY_TRIGGERS, map(invocation_row, events))
    assert contents(tmp_path / "batch.db") == contents(tmp_path / "single.db")


def test_updates_and_deletes_of_any_column_leave_no_roll_up_stale(tmp_path: Path) -> None:
    clock, rnd = FakeClock(), random.Random(3)
    with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        store.record(many(600))
        with plain_connection(tmp_path / "s.db", clock) as c:
            ids = [i for (i,) in c.execute("SELECT id FROM skill_invocation")]
            for one in rnd.sample(ids, 150):
                c.execute("DELETE FROM skill_invocation WHERE id = ?", (one,))
            for one in rnd.sample(ids, 300):
                column, value = rnd.choice(
                    [
                        ("skill_name", "renamed"),
                        ("session_id", "session-1"),
                        ("invoked_at", shifted(clock.now, hours=-rnd.randrange(60))),
                        ("duration_ms", 77),
                        ("duration_ms", None),
                        ("workflow_phase", "cleanup"),
                        ("rating", 2.0),
                        ("follow_up_actions", json.dumps(["x", "x", "y"])),
                        ("follow_up_actions", None),
                        ("traits", json.dumps(["reads:py", "reads:py", "rejected"])),
                        ("traits", None),
                    ]
                )
                c.execute(f"UPDATE skill_invocation SET {column} = ? WHERE id = ?", (value, one))
            c.execute("UPDATE skill_invocation SET outcome = 'completed', error_type = NULL WHERE id % 5 = 0")
            c.execute("UPDATE skill_invocation SET outcome = NULL, error_type = NULL WHERE id % 7 = 0")
        drifted = [table for table in store.drifted() if table not in WHO_CAME_FIRST]
        assert drifted == []
        assert_same_but_for_origin(store)
        with plain_connection(tmp_path / "s.db", clock) as c:
            c.execute("DELETE FROM skill_invocation")
    for table, rows in contents(tmp_path / "s.db").items():
        assert rows == ([("sessions", 0)] if table == "store_counts" else []), table


# The user, source, project, kind and plugin of a group are those of its first row; when that
# row is deleted or moved they stay, which a recount cannot know.
WHO_CAME_FIRST = {"skill_metrics", "session_summary", "session_skills", "skill_user_interactions"}


def assert_same_but_for_origin(store: object) -> None:
    counts = "invocation_count, completed_count, failed_count, abandoned_count, first_invoked_at, last_invoked_at"
    reads = [
        f"SELECT skill_name, {counts}, duration_ms_sum, duration_count, session_count FROM skill_metrics ORDER BY 1",
        f"SELECT session_id, {counts} FROM session_summary ORDER BY 1",
        f"SELECT session_id, skill_name, {counts}, rating FROM session_skills ORDER BY 1, 2",
        "SELECT session_id, skill_name, invoked_at, completed, rating FROM skill_user_interactions ORDER BY 1, 2",
    ]
    before = [store.query(sql).rows for sql in reads]  # type: ignore[attr-defined]
    store.rebuild()  # type: ignore[attr-defined]
    assert [store.query(sql).rows for sql in reads] == before  # type: ignore[attr-defined]


def test_drift_is_seen_and_rebuilding_mends_it(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        store.record(many(100))
        assert store.drifted() == []
        with plain_connection(tmp_path / "s.db", FakeClock()) as c:
            c.execute("UPDATE skill_metrics SET completed_count = completed_count + 1")
            c.execute("DELETE FROM skill_dependencies")
        assert {"skill_metrics", "skill_dependencies"} <= set(store.drifted())
        store.rebuild()
        assert store.drifted() == []


def test_a_foreign_writer_needs_four_columns(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        with plain_connection(tmp_path / "s.db", clock) as c:
            c.execute(
                "INSERT INTO skill_invocation (session_id, skill_name, invoked_at, outcome)"
                " VALUES ('s', 'x', ?, 'completed')",
                (clock.now,),
            )
        (row,) = store.query("SELECT * FROM v_realtime_skill_dashboard")
        assert (row["skill_name"], row["invocation_count_1h"], row["completion_rate"]) == ("x", 1, 1.0)
        assert store.drifted() == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("invoked_at", "not-a-date"),
        ("invoked_at", "2026-02-30T00:00:00.000Z"),
        ("invoked_at", "2026-06-15T12:00:00"),
        ("invoked_at", "2026-06-15T12:00:00.000+02:00"),
        ("skill_name", ""),
        ("skill_name", "   "),
        ("session_id", ""),
        ("event_id", ""),
        ("kind", "plugin"),
        ("outcome", "done"),
        ("duration_ms", -1),
        ("duration_ms", "long"),
        ("rating", 0.5),
        ("rating", 5.1),
        ("workflow_phase", "later"),
        ("follow_up_actions", '{"a": 1}'),
        ("follow_up_actions", "[unfinished"),
        ("traits", '"reads:py"'),
        ("traits", "reads:py"),
        ("error_type", "timeout"),
    ],
)
def test_what_is_no_invocation_is_refused_by_the_database_itself(tmp_path: Path, column: str, value: object) -> None:
    with open_store(f"sqlite:///{tmp_path}/s.db"), plain_connection(tmp_path / "s.db", FakeClock()) as c:
        good = {"session_id": "s", "skill_name": "x", "invoked_at": "2026-06-15T12:00:00.000Z"} | {column: value}
        with pytest.raises(sqlite3.DatabaseError):
            c.execute(
                f"INSERT INTO skill_invocation ({', '.join(good)}) VALUES ({', '.join('?' * len(good))})",
                [*good.values()],
            )
        assert c.execute("SELECT count(*) FROM skill_invocation").fetchone() == (0,)
        assert c.execute("SELECT count(*) FROM skill_metrics").fetchone() == (0,)


def test_free_error_texts_of_foreign_writers_are_counted_as_they_stand(tmp_path: Path) -> None:
    texts = ["subprocess.CalledProcessError", 'assert x["a"] == 1', "", "'", '"', "[0]", ".", "$"]
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        with plain_connection(tmp_path / "s.db", FakeClock()) as c:
            c.executemany(
                "INSERT INTO skill_invocation (session_id, skill_name, invoked_at, outcome, error_type)"
                " VALUES ('s', 'x', '2026-06-15T12:00:00.000Z', 'failed', ?)",
                [(text,) for text in texts * 2],
            )
        counted = dict(store.query("SELECT error_type, failure_count FROM skill_error_counts").rows)
        assert counted == dict.fromkeys(texts, 2)
        assert store.drifted() == []


def test_the_insert_triggers_come_back_after_a_large_batch(tmp_path: Path) -> None:
    def triggers() -> list[tuple[str, str]]:
        with plain_connection(tmp_path / "s.db", FakeClock()) as c:
            return c.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").fetchall()

    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        before = triggers()
        store.record(many(2_500))
        assert triggers() == before
        with pytest.raises(sqlite3.IntegrityError):
            store.record(many(2_500, seed=2), bad_lines=[bad_line_that_is_refused()])
        assert triggers() == before
        assert store.query("SELECT count(*) FROM skill_invocation").rows == [(2_500,)]


def bad_line_that_is_refused() -> object:
    from session_buddy.model import BadLine

    return BadLine(path="f", line=0, offset=0, length=0, reason="line 0")


def test_the_present_minute_counts_and_old_minutes_are_dropped(tmp_path: Path) -> None:
    clock = FakeClock()
    with open_store(f"sqlite:///{tmp_path}/s.db", clock=clock) as store:
        store.record([invocation("now", invoked_at=clock.now)])
        clock.advance(hours=49)
        store.record([invocation("later", invoked_at=clock.now)])
        assert store.query("SELECT count(*) FROM skill_minute_buckets").rows == [(1,)]
        assert store.query("SELECT invocation_count_24h FROM v_realtime_skill_dashboard").rows == [(1,)]
