"""Copying a store: everything, exactly once, whatever happens on the way."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from session_buddy.errors import InvalidInput, StoreError
from session_buddy.model import BadLine, ErrorType, Outcome, SkillFacts
from session_buddy.storage import Checkpoint, Recorded, Store, copying, open_store
from session_buddy.storage.copying import DayDifference, copy_store
from session_buddy.storage.digests import EVENT_COLUMNS
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import NOW, FakeClock, invocation, many, shifted

ROOT = Path(__file__).resolve().parents[2]
COUNTED = (
    "skill_metrics",
    "session_skills",
    "skill_error_counts",
    "skill_follow_up_counts",
    "skill_trait_counts",
    "skill_phase_counts",
    "user_skill_metrics",
    "ab_test_user_sums",
    "ab_test_group_counts",
)
"""What is counted from the event log; a copy tells it in the order of time, so first-told plugins may differ."""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    with open_at(tmp_path / "source.db") as source, open_at(tmp_path / "target.db") as target:
        yield source, target


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_BATCH", 100)


def open_at(path: Path) -> Store:
    return open_store(f"sqlite:///{path}", clock=FakeClock())


def run_sql(store: Store, *statements: str) -> None:
    path = store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def events(store: Store) -> list[tuple[object, ...]]:
    return store.query(f"SELECT {', '.join(EVENT_COLUMNS)} FROM skill_invocation ORDER BY event_id").rows


def counts(store: Store, table: str) -> list[tuple[str, ...]]:
    rows = store.query(f"SELECT * FROM {table}")
    return sorted(tuple(f"{name}={row[name]}" for name in rows.columns if name != "plugin") for row in rows)


def assert_alike(source: Store, target: Store) -> None:
    assert events(source) == events(target)
    for table in COUNTED:
        assert counts(source, table) == counts(target, table), table
    assert target.drifted() == []


def fill_tables(store: Store) -> None:
    """Put something into each of the tables that are not counted."""
    store.record(
        [],
        checkpoints=[
            Checkpoint(path="/a", importer="i 1", identity="x", size=9, modified_ns=1, offset=5, state=b"\x00\xff")
        ],
        bad_lines=[BadLine(path="/a", line=1, offset=0, length=3, reason="no JSON")],
    )
    store.describe([SkillFacts(skill_name="s", category="Own", modality="code", description="What it does")])
    moment = f"'{NOW}'"
    run_sql(
        store,
        "INSERT INTO store_settings VALUES ('community_min_users', '3')",
        f"INSERT INTO text_embedding VALUES ('{'0' * 64}', 'm', zeroblob(1536), {moment})",
        f"INSERT INTO skill_categories VALUES (90, 'Child', 91, NULL, 'code', {moment}, 'own')",
        f"INSERT INTO skill_categories VALUES (91, 'Parent', NULL, NULL, 'code', {moment}, 'own')",
        f"INSERT INTO skill_sources VALUES ('desk', '/p', 's', 'user', NULL, '1', '{'0' * 64}', 9, 99, NULL, 400, 7,"
        f" {moment}, {moment})",
        f"INSERT INTO skill_dependency_details VALUES ('a', 's', 0.01, 0.02, 5, 1, 2.5, NULL, 0.5, {moment})",
        f'INSERT INTO skill_paths VALUES (\'["a","s"]\', 2, 5, 6, 1.5, {moment})',
        f"INSERT INTO skill_clusters VALUES (7, 'c', NULL, NULL, {moment})",
        "INSERT INTO skill_cluster_membership VALUES ('s', 7, 0.25)",
        f"INSERT INTO community_publishers VALUES ('p', 3, {moment}, {moment}, 5, 0.5)",
        "INSERT INTO community_shares VALUES ('p', 's', 9, 90, 70, 15, 2.5, 'verification')",
        f"INSERT INTO learned_models VALUES ('recommender', 2, 'ease', {moment}, '{{}}', x'00ff00')",
        f"INSERT INTO refresh_jobs VALUES ('figures', {moment}, 0.25, 3, NULL)",
        "INSERT INTO skill_anomalies (id, skill_name, detected_at, anomaly_type, baseline_value, observed_value,"
        f" deviation_score, metric, severity, reason) VALUES (3, 's', {moment}, 'drop', 0.9, 0.1, 4.5,"
        " 'volume', 'warning', 'it fell')",
        "INSERT INTO ab_test_configs (test_id, test_name, control_strategy, treatment_strategy, start_date, design,"
        f" ratio_since) VALUES (5, 't', 'a', 'b', {moment}, '{{\"alpha\":0.01}}', {moment})",
        f"INSERT INTO ab_test_assignments VALUES (1, 5, 'user-1', 'control', {moment})",
        f"INSERT INTO ab_test_assignments VALUES (2, 5, 'user-2', 'treatment', {moment})",
        f"INSERT INTO ab_test_outcomes VALUES (1, 5, 'user-1', 's', 1, 2.5, 4.0, {moment})",
        f"INSERT INTO ab_test_outcomes VALUES (2, 5, 'user-2', 's', 0, NULL, NULL, {moment})",
        f"INSERT INTO ab_test_exposures VALUES (5, 'user-1', '{NOW[:10]}', 'control', {moment})",
        f"INSERT INTO ab_test_events VALUES ({2**53 - 1}, 5, {moment}, 'someone', 'start', NULL)",
        f"INSERT INTO ab_test_events VALUES (2, 5, {moment}, 'someone', 'change', '{{\"ratio\":0.4}}')",
        "INSERT INTO ab_test_covariates VALUES (5, 'user-1', 3, 2, 0.5, 1)",
    )


def test_everything_arrives_and_the_two_are_found_to_be_the_same(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record(many(1_000))
    fill_tables(source)
    report = copy_store(source, target)
    assert report.same
    assert (report.source_events, report.target_events, report.added) == (1_000, 1_000, 1_000)
    assert report.different_days == []
    assert_alike(source, target)
    assert target.checkpoints() == source.checkpoints() != {}
    copied = {table.table: table.rows for table in report.tables}
    assert copied.keys() == {table.name for table in PLAIN_TABLES}
    assert min(copied.values()) >= 1
    for table in PLAIN_TABLES[1:]:
        sql = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1, 2"
        assert source.query(sql).rows == target.query(sql).rows, table.name


def test_every_table_that_is_not_counted_is_copied(stores: tuple[Store, Store]) -> None:
    """A table is either counted from the event log, or listed to be copied, column by column."""
    source, _ = stores
    named = {name for (name,) in source.query("SELECT name FROM sqlite_schema WHERE type = 'table'").rows}
    counted = {
        *COUNTED,
        "skill_invocation",
        "session_summary",
        "store_counts",
        "skill_metrics_cache",
        "skill_minute_buckets",
        "skill_time_series",
        "skill_day_buckets",
        "skill_duration_counts",
        "duration_bounds",
        "invocation_update",
        "skill_community_baselines",
        "skill_user_interactions",
        "skill_dependencies",
        "skill_migrations",
    }
    listed = {table.name: table for table in PLAIN_TABLES}
    assert {name for name in named if not name.startswith("sqlite_")} == counted | listed.keys()
    for name, table in listed.items():
        columns = source.query(f"SELECT name, pk FROM pragma_table_info('{name}')").rows
        assert {column for column, _ in columns} == set(table.columns)
        assert {column for column, pk in columns if pk} == set(table.key)


def test_copied_again_nothing_is_told_twice_and_only_what_is_new_is_told(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record(many(500))
    fill_tables(source)
    copy_store(source, target)
    again = copy_store(source, target)
    assert again.same
    assert (again.added, again.completed, again.unchanged) == (0, 0, 0)
    source.record([invocation("late", invoked_at=shifted(NOW, days=1))])
    run_sql(source, "UPDATE store_settings SET value = '4'", "UPDATE skill_categories SET description = 'd'")
    more = copy_store(source, target)
    assert (more.same, more.added, more.unchanged) == (True, 1, 0)
    assert_alike(source, target)


def test_an_event_that_came_in_behind_the_place_reached_is_found_by_its_day(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record(many(300))
    copy_store(source, target)
    source.record([invocation("old", invoked_at=shifted(NOW, days=-30))])
    source.record([msgspec.structs.replace(many(300)[7], rating=2.0)])
    report = copy_store(source, target)
    assert report.same
    assert (report.added, report.completed) == (1, 1)
    assert_alike(source, target)


def test_what_only_the_target_holds_is_told_by_day(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record([invocation("a"), invocation("b", invoked_at="2026-06-01T00:00:00.000Z")])
    target.record(
        [
            invocation("own", invoked_at="2026-06-01T23:59:59.999Z"),
            invocation("own too", invoked_at="2026-05-01T00:00:00.000Z"),
        ]
    )
    run_sql(target, "INSERT INTO store_settings VALUES ('own', '1')")
    report = copy_store(source, target)
    assert not report.same
    assert report.different_days == [
        DayDifference(day="2026-05-01", source_events=0, target_events=1),
        DayDifference(day="2026-06-01", source_events=1, target_events=2),
    ]
    assert (report.source_events, report.target_events) == (2, 4)
    assert [table.table for table in report.tables if not table.same] == ["store_settings"]


def test_an_event_that_the_target_knows_otherwise_is_told_by_day(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record([invocation("a", outcome=Outcome.FAILED), invocation("b")])
    target.record([invocation("a", outcome=Outcome.COMPLETED, source="other")])
    report = copy_store(source, target)
    assert report.different_days == [DayDifference(day=NOW[:10], source_events=2, target_events=2)]


@pytest.mark.parametrize("change", ["DELETE", "UPDATE", "INSERT"])
def test_the_check_sees_a_row_lost_changed_or_doubled(
    stores: tuple[Store, Store], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = stores
    source.record(many(200))
    copy_store(source, target)
    monkeypatch.setattr(copying._Copy, "_copy_days", lambda *_: None)
    run_sql(
        target,
        {
            "DELETE": "DELETE FROM skill_invocation WHERE event_id = 'event-1-7'",
            "UPDATE": "UPDATE skill_invocation SET project = 'else' WHERE event_id = 'event-1-7'",
            "INSERT": "INSERT INTO skill_invocation (session_id, skill_name, invoked_at)"
            f" VALUES ('s', 'n', '{many(200)[7].invoked_at}')",
        }[change],
    )
    report = copy_store(source, target)
    assert not report.same
    assert [difference.day for difference in report.different_days] == [many(200)[7].invoked_at[:10]]


class Killed(Exception):
    pass


def copy_until(
    source: Store, target: Store, *, fails_at: int, monkeypatch: pytest.MonkeyPatch, acknowledged: bool
) -> None:
    """Copy until the batch *fails_at*, which is stored or not when the copy ends."""
    calls = 0
    record = target.record

    def failing(batch: list[object]) -> Recorded:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            if acknowledged:
                record(batch)  # type: ignore[arg-type]
            raise Killed
        return record(batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(target, "record", failing)
        copy_store(source, target)


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_copy_that_was_cut_short_goes_on_where_it_was(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, acknowledged: bool
) -> None:
    source, target = stores
    source.record(many(1_000))
    copy_until(source, target, fails_at=6, monkeypatch=monkeypatch, acknowledged=acknowledged)
    report = copy_store(source, target)
    assert report.same
    # Five batches are known to be there; the sixth is told again.
    assert report.added + report.unchanged == 500
    assert report.unchanged == (100 if acknowledged else 0)
    assert_alike(source, target)


KILLABLE = """
import sys
from session_buddy.storage import copying, open_store
copying._BATCH = 200
with open_store(f"sqlite:///{sys.argv[1]}") as source, open_store(f"sqlite:///{sys.argv[2]}") as target:
    copying.copy_store(source, target, progress=lambda what, done, total: print(what, done, flush=True))
"""


@pytest.mark.long
def test_killed_at_any_moment_and_run_again_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    chance = random.Random(4)
    with open_at(tmp_path / "source.db") as source:
        source.record(many(4_000))
        fill_tables(source)
        kills = 0
        for _ in range(6):
            arguments = [sys.executable, "-c", KILLABLE, str(tmp_path / "source.db"), str(tmp_path / "target.db")]
            with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout
                process.stdout.readline()
                time.sleep(chance.uniform(0, 0.15))
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        assert kills >= 2
        with open_at(tmp_path / "target.db") as target:
            report = copy_store(source, target)
            assert report.same
            assert report.target_events == 4_000
            assert_alike(source, target)


def test_rows_of_other_programs_are_brought_into_form_or_refused_with_the_reason(stores: tuple[Store, Store]) -> None:
    source, target = stores

    def insert(event_id: str, columns: str, values: str) -> str:
        return (
            f"INSERT INTO skill_invocation (event_id, session_id, skill_name, invoked_at, {columns})"
            f" VALUES ('{event_id}', 's', 'n', '{NOW}', {values})"
        )

    run_sql(
        source,
        insert("untyped", "outcome", "'failed'"),
        insert("own type", "outcome, error_type", "'failed', 'it''s.mine'"),
        insert("unknown source", "duration_ms", "5"),
        insert("spaced list", "follow_up_actions", '\'[ "a",  "b" ]\''),
        insert("empty list", "follow_up_actions", "'[]'"),
        insert("spaced traits", "traits", "'[ \"reads:py\" ]'"),
        insert("numbers", "follow_up_actions", "'[1]'"),
    )
    report = copy_store(source, target)
    assert [(one.event_id, "follow_up_actions" in one.reason) for one in report.refused] == [("numbers", True)]
    assert (report.refused_count, report.added, report.same) == (1, 6, False)
    assert report.different_days == [DayDifference(day=NOW[:10], source_events=7, target_events=6)]
    rows = {row["event_id"]: row for row in target.query("SELECT * FROM skill_invocation")}
    assert rows["untyped"]["error_type"] == rows["own type"]["error_type"] == ErrorType.OTHER
    assert rows["unknown source"]["duration_source"] == "elapsed"
    assert rows["spaced list"]["follow_up_actions"] == '["a","b"]'
    assert rows["spaced traits"]["traits"] == '["reads:py"]'
    run_sql(source, "DELETE FROM skill_invocation WHERE event_id = 'numbers'")
    assert copy_store(source, target).same


def test_progress_goes_from_none_to_all(stores: tuple[Store, Store]) -> None:
    source, target = stores
    source.record(many(250))
    told: list[tuple[str, int, int]] = []
    copy_store(source, target, progress=lambda *step: told.append(step))
    assert told == [
        *(("Copying events", done, 250) for done in (100, 200, 250)),
        *(("Checking the source", done, 250) for done in (100, 200, 250)),
        *(("Checking the target", done, 250) for done in (100, 200, 250)),
    ]
    source.record([invocation("later", invoked_at=shifted(NOW, days=2))])
    told.clear()
    copy_store(source, target, progress=lambda *step: told.append(step))
    assert told[0] == ("Copying events", 251, 251)


def test_a_store_is_not_copied_to_itself(stores: tuple[Store, Store]) -> None:
    with pytest.raises(InvalidInput, match="is the source itself"):
        copy_store(stores[0], stores[0])


def test_a_row_that_another_row_stands_in_the_way_of_is_an_error_in_words(stores: tuple[Store, Store]) -> None:
    source, target = stores
    run_sql(source, f"INSERT INTO skill_categories VALUES (50, 'Mine', NULL, NULL, 'code', '{NOW}', 'own')")
    run_sql(target, f"INSERT INTO skill_categories VALUES (60, 'Mine', NULL, NULL, 'code', '{NOW}', 'own')")
    with pytest.raises(StoreError, match="skill_categories does not take these rows"):
        copy_store(source, target)


def test_no_password_is_written_into_the_target(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = stores
    source.record([invocation()])
    monkeypatch.setattr(source, "url", "clickhouse://anna:secret@host/db")
    copy_store(source, target)
    assert "secret" not in str(target.query("SELECT * FROM store_settings").rows)


def test_the_marks_of_a_copy_are_not_copied_on(stores: tuple[Store, Store], tmp_path: Path) -> None:
    source, target = stores
    source.record([invocation()])
    copy_store(source, target)
    with open_at(tmp_path / "third.db") as third:
        assert copy_store(target, third).same
        marks = third.query("SELECT count(*) FROM store_settings WHERE name LIKE 'copied_from:%'").rows
        assert marks == [(1,)]
