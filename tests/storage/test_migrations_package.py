"""The scripts that are shipped, whatever their number: each of them up, down, up, and killed at every statement."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.errors import SchemaDrift
from session_buddy.storage import migrations
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.scripts import load
from tests.storage.migrations_kit import execute, in_child, query, raw_schema, row_digests
from tests.storage.test_migrations_crash import killing_manager

SCRIPTS = Path(migrations.__file__).parent / "sqlite"
VERSIONS = [script.version for script in load(SCRIPTS)]
NOW = "2026-01-31T09:30:00.000Z"

# One row in the event log that each version, from the first on, has to carry through unharmed.
EVENT = (
    "INSERT INTO skill_invocation (event_id, session_id, skill_name, invoked_at, outcome, duration_ms, duration_source)"
    " VALUES ('e{0}', 's', 'pytest-run', '2026-01-31T09:30:0{0}.000Z', 'completed', 12, 'reported')"
)


def fill(path: Path, number: int) -> None:
    execute(path, EVENT.format(number))


def state(path: Path) -> tuple[object, object]:
    return raw_schema(path), row_digests(path)


def test_the_head_is_four(tmp_path: Path) -> None:
    assert VERSIONS == [1, 2, 3, 4]
    assert MigrationManager(tmp_path / "skills.db").migrate() == VERSIONS


def test_as_the_specification_prints_it(tmp_path: Path) -> None:
    manager = MigrationManager(db_path=str(tmp_path / "skills.db"))
    manager.migrate()
    assert manager.rollback() == [4]
    assert manager.status().version == 3 and manager.verify().ok


@pytest.mark.parametrize("version", VERSIONS)
def test_up_down_up_is_the_same_with_rows(tmp_path: Path, version: int) -> None:
    path = tmp_path / "skills.db"
    manager = MigrationManager(path, clock=lambda: NOW)
    manager.migrate(version - 1)
    if version > 1:
        fill(path, 1)
    before = state(path) if version > 1 else ([], {})
    manager.migrate(version)
    above = raw_schema(path)
    fill(path, 2)
    if version > 1:
        execute(path, "DELETE FROM skill_invocation WHERE event_id = 'e2'")
    manager.rollback()
    assert state(path) == before
    manager.migrate(version)
    assert raw_schema(path) == above and manager.verify().ok


def test_going_all_the_way_down_leaves_only_the_history(tmp_path: Path) -> None:
    manager = MigrationManager(tmp_path / "skills.db")
    manager.migrate()
    fill(tmp_path / "skills.db", 1)
    assert manager.rollback(0) == VERSIONS[::-1]
    assert raw_schema(tmp_path / "skills.db") == []
    assert manager.migrate() == VERSIONS and manager.verify().ok


@pytest.mark.parametrize("step", [19, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(900)])])
@pytest.mark.parametrize("way", ["migrate", "rollback"])
@pytest.mark.long
def test_killed_before_every_statement(tmp_path: Path, way: str, step: int) -> None:
    """One database goes through it all: killed, looked at, gone on with; put back and killed *step* later."""
    path = tmp_path / "skills.db"
    manager = MigrationManager(path, clock=lambda: NOW, keep_backups=1)
    manager.migrate()
    whole = {VERSIONS[-1]: raw_schema(path)}
    for version in VERSIONS[-2::-1]:
        manager.rollback(version)
        whole[version] = raw_schema(path)
    manager.rollback(0)
    whole[0] = raw_schema(path)
    if way == "rollback":
        manager.migrate()
    start = path.read_bytes()
    count, ended = 0, -9
    while ended == -9:
        for log in tmp_path.glob("skills.db-*"):  # of the last one killed
            log.unlink()
        path.write_bytes(start)

        def work(count: int = count) -> None:
            victim = killing_manager(path, SCRIPTS, count)
            victim.migrate() if way == "migrate" else victim.rollback(0)

        ended = in_child(work)
        count += step if ended == -9 else 0
        version = manager.status().version
        assert raw_schema(path) == whole[version] and manager.status().dirty is None
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
        assert manager.migrate() == VERSIONS[version:]
        assert raw_schema(path) == whole[VERSIONS[-1]]
    assert ended == 0 and count >= 60


def test_repair_creates_again_what_holds_no_rows_and_names_what_does(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    manager = MigrationManager(path)
    manager.migrate()
    whole = raw_schema(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX idx_invocation_skill_time")
        connection.execute("DROP VIEW v_ab_test_summary")
        connection.execute("DROP TRIGGER trg_metrics_cache_after_insert")
        connection.execute("DROP VIEW v_multimodal_skill_catalog")
        connection.execute("CREATE VIEW v_multimodal_skill_catalog AS SELECT 1 AS skill_name")
    assert not manager.verify().ok
    (told,) = manager.repair()
    for name in ("idx_invocation_skill_time", "v_ab_test_summary", "v_multimodal_skill_catalog"):
        assert name in told
    assert raw_schema(path) == whole
    assert manager.verify().ok
    assert manager.repair() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE skill_anomalies")
    with pytest.raises(SchemaDrift, match="table skill_anomalies"):
        manager.repair()


def test_a_store_and_its_backups_are_for_their_owners_eyes(tmp_path: Path) -> None:
    manager = MigrationManager(tmp_path / "skills.db")
    manager.migrate()
    manager.rollback()
    manager.backup(tmp_path / "copy.db")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(files) >= 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
