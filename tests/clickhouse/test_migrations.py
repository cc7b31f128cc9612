"""Migrations where no statement can be undone: marks, repair, and scripts that may run again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.errors import (
    MigrationError,
    MigrationLocked,
    SchemaDirty,
    SchemaDrift,
    StoreError,
    StoreUnreadable,
)
from session_buddy.storage import open_store
from session_buddy.storage.clickhouse import table_lock
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from session_buddy.storage.clickhouse.upkeep import SCRIPTS
from session_buddy.storage.migrations import clickhouse_history as history
from session_buddy.storage.migrations import clickhouse_target
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget
from session_buddy.storage.migrations.contract import Origin, Stamp, State
from session_buddy.storage.migrations.scripts import load, source
from tests.clickhouse.places import drop, new_database
from tests.making import many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

SQLITE_SCRIPTS = SCRIPTS.with_name("sqlite")


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database()
    yield made
    drop(made)


@pytest.fixture
def target(url: str) -> Iterator[ClickHouseTarget]:
    made = ClickHouseTarget(parse_url(url))
    yield made
    made.client.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the scripts that a test may spoil."""
    return Path(shutil.copytree(SCRIPTS, tmp_path / "scripts"))


def command(url: str, sql: str) -> None:
    address = parse_url(url)
    client = open_client(address, database=address.database)
    client.command(sql)
    client.close()


def test_versions_and_descriptions_are_those_of_sqlite() -> None:
    assert [(s.version, s.description) for s in load(SCRIPTS)] == [
        (s.version, s.description) for s in load(SQLITE_SCRIPTS)
    ]


@pytest.mark.long
def test_up_down_and_up_again_give_the_same_schema_and_keep_the_events(url: str, target: ClickHouseTarget) -> None:
    manager = MigrationManager(scripts=SCRIPTS, target=target)
    assert manager.status().origin is Origin.EMPTY
    with open_store(url) as store:
        store.record(many(100))
        skills = store.query("SELECT * FROM skill_metrics ORDER BY skill_name").rows
    assert manager.status().is_current
    assert manager.verify().ok
    assert manager.rollback(1) == [4, 3, 2]
    assert manager.verify().ok
    assert manager.migrate() == [2, 3, 4]
    assert manager.verify().ok
    with open_store(url) as store:
        assert store.query("SELECT * FROM skill_metrics ORDER BY skill_name").rows == skills
        assert store.query("SELECT sum(total_users) > 0 FROM skill_community_baselines").rows == [(1,)]
        assert store.drifted() == []
    assert manager.rollback(0) == [4, 3, 2, 1]
    assert [record.state for record in manager.status().applied] == []
    assert manager.verify().unexpected == ()


def test_scripts_may_run_again_after_any_statement(url: str, target: ClickHouseTarget) -> None:
    MigrationManager(scripts=SCRIPTS, target=target).migrate()
    for script in load(SCRIPTS):
        target.finish(load(SCRIPTS), script.version) if script.version == 4 else target._run_up(script)
    assert MigrationManager(scripts=SCRIPTS, target=target).verify().ok


@pytest.mark.long
def test_a_script_that_fails_half_way_leaves_a_dirty_version_that_repair_finishes_or_undoes(
    url: str, target: ClickHouseTarget, scripts: Path
) -> None:
    whole = (scripts / "V4__phase4_extensions__up.sql").read_text(encoding="utf-8")
    half = whole[: whole.index("CREATE VIEW IF NOT EXISTS skill_window_counts")]
    (scripts / "V4__phase4_extensions__up.sql").write_text(f"{half}SELECT nothing;\n", encoding="utf-8")
    manager = MigrationManager(scripts=scripts, target=target)
    with pytest.raises(MigrationError, match=r"V4__phase4_extensions__up\.sql, line \d+: .*nothing"):
        manager.migrate()
    assert (manager.status().version, manager.status().dirty) == (3, 4)
    with pytest.raises(SchemaDirty):
        open_store(url)
    assert MigrationManager(scripts=scripts, target=target).repair(undo=True) == ["Undone: version 4."]
    assert (manager.status().version, manager.status().dirty) == (3, None)
    assert MigrationManager(scripts=scripts, target=target).verify().ok
    with pytest.raises(MigrationError, match="nothing"):
        manager.migrate()
    (scripts / "V4__phase4_extensions__up.sql").write_text(whole, encoding="utf-8")
    repaired = MigrationManager(scripts=SCRIPTS, target=target)
    assert "Finished: version 4." in repaired.repair(accept_edits=True)
    assert repaired.verify().ok
    open_store(url).close()


def stop_after(target: ClickHouseTarget, statements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrate as a process does that is killed after so many statements of the scripts."""
    left = iter(range(statements))

    def refuse() -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(target, "_refuse_without_lock", refuse)
    with pytest.raises(KeyboardInterrupt):
        MigrationManager(scripts=SCRIPTS, target=target).migrate()
    monkeypatch.undo()


@pytest.mark.parametrize(
    "statements", [0, 80, *(pytest.param(number, marks=pytest.mark.long) for number in (1, 30, 130))]
)
@pytest.mark.long
def test_a_new_store_whose_making_was_killed_is_made_by_the_next_opening(
    url: str, target: ClickHouseTarget, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    stop_after(target, statements, monkeypatch)
    manager = MigrationManager(scripts=SCRIPTS, target=target)
    assert manager.status().dirty is not None
    with open_store(url) as store:
        store.record(many(20))
        assert store.drifted() == []
    assert manager.status().is_current
    assert manager.verify().ok


@pytest.mark.long
def test_where_there_are_events_or_a_version_was_on_its_way_down_repair_is_asked_for(
    url: str, target: ClickHouseTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = MigrationManager(scripts=SCRIPTS, target=target)
    manager.migrate()
    history.end(target.client, 4, State.DIRTY)
    with pytest.raises(SchemaDirty):
        open_store(url)
    manager.repair(undo=False)
    manager.migrate()
    with open_store(url) as store:
        store.record(many(5))
    manager.rollback(3)
    history.begin(target.client, load(SCRIPTS)[3], Stamp("2026-01-01T00:00:00.000Z", "0"))
    with pytest.raises(SchemaDirty):
        open_store(url)
    assert "Finished: version 4." in manager.repair()
    open_store(url).close()


@pytest.mark.long
def test_a_lost_view_is_found_and_made_again_and_a_lost_table_is_named(url: str, target: ClickHouseTarget) -> None:
    manager = MigrationManager(scripts=SCRIPTS, target=target)
    manager.migrate()
    command(url, "DROP VIEW v_ab_test_summary SYNC")
    command(url, "CREATE OR REPLACE VIEW store_counts AS SELECT 'sessions' AS name, 1 AS value")
    command(url, "CREATE VIEW mine AS SELECT 1")
    found = manager.verify()
    assert (found.missing, found.different) == (("view v_ab_test_summary",), ("view store_counts",))
    assert found.unexpected == ("view mine",)
    assert manager.repair() == ["Created again: view store_counts, view v_ab_test_summary."]
    assert manager.verify().ok
    command(url, "DROP TABLE roll_pair SYNC")
    with pytest.raises(SchemaDrift, match="table roll_pair"):
        manager.repair()


def test_a_down_script_may_not_harm_older_versions(target: ClickHouseTarget, scripts: Path) -> None:
    down = scripts / "V4__phase4_extensions__down.sql"
    down.write_text(f"{down.read_text(encoding='utf-8')}\nDROP TABLE IF EXISTS invocation_log;\n", encoding="utf-8")
    manager = MigrationManager(scripts=scripts, target=target)
    manager.migrate()
    with pytest.raises(MigrationError, match="invocation_log"):
        manager.rollback()
    assert manager.status().is_current


def test_another_programs_database_is_left_alone(url: str, target: ClickHouseTarget) -> None:
    address = parse_url(url)
    client = open_client(address)
    client.command(f"CREATE DATABASE {address.database}")
    client.command(f"CREATE TABLE {address.database}.theirs (a Int8) ENGINE = TinyLog")
    client.close()
    with pytest.raises(StoreUnreadable, match="another program"):
        open_store(url)
    assert MigrationManager(scripts=SCRIPTS, target=target).status().origin is Origin.FOREIGN


def test_backups_are_the_operators(target: ClickHouseTarget, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="BACKUP DATABASE"):
        MigrationManager(scripts=SCRIPTS, target=target).backup(tmp_path / "copy")


def test_the_lock_of_a_server_is_a_table_that_only_one_can_make(target: ClickHouseTarget) -> None:
    target._create_database()
    with (
        target._locked_by_table(1),
        pytest.raises(MigrationError, match="has been changing"),
        target._locked_by_table(0),
    ):
        pytest.fail("two processes hold the lock")
    with target._locked_by_table(0):
        pass


@pytest.mark.long
def test_a_lock_is_kept_however_long_it_takes(
    url: str, target: ClickHouseTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clickhouse_target, "_SIGN_SECONDS", 0.2)
    monkeypatch.setattr(clickhouse_target, "_SILENT_SECONDS", 2)
    target._create_database()
    another = ClickHouseTarget(parse_url(url))
    another._create_database()
    with target._locked_by_table(0):
        with pytest.raises(MigrationLocked, match="has been changing"), another._locked_by_table(5):
            pytest.fail("the lock of a living process was broken")
        target._run(source("V1__x__up.sql", "SELECT 1;"))
    another.close()


def test_the_lock_of_a_dead_process_is_broken(target: ClickHouseTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    target._create_database()
    table_lock.create(target.client, history.LOCK, "process 1 since 0")
    with pytest.raises(MigrationLocked), target._locked_by_table(0):
        pytest.fail("it may live still")
    monkeypatch.setattr(clickhouse_target, "_SILENT_SECONDS", -1)
    with target._locked_by_table(0):
        pass
    assert table_lock.holder(target.client, history.LOCK) is None


def test_who_lost_the_lock_stops_before_the_next_statement_and_leaves_it_alone(target: ClickHouseTarget) -> None:
    target._create_database()
    with pytest.raises(MigrationLocked, match="stood still"), target._locked_by_table(0):
        table_lock.drop(target.client, history.LOCK)
        table_lock.create(target.client, history.LOCK, "another")
        target._run(source("V1__x__up.sql", "CREATE TABLE a_trace (id UInt8) ENGINE = Null;"))
    assert table_lock.holder(target.client, history.LOCK) == "another"
    assert target.client.query("EXISTS TABLE a_trace").result_rows == [(0,)]
