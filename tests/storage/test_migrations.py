from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.errors import (
    InvalidInput,
    MigrationError,
    SchemaDrift,
    SchemaTooNew,
    ScriptEdited,
    StoreBusy,
    StoreUnreadable,
)
from session_buddy.storage.migrations import connections
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.contract import Origin, Stamp, State
from session_buddy.storage.migrations.history import APPLICATION_ID
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.migrations.sqlite_target import SqliteTarget
from tests.storage.migrations_kit import (
    HEAD,
    NOW,
    SCRIPTS,
    execute,
    in_child,
    manager,
    query,
    raw_schema,
    row_digests,
    schema,
    write_scripts,
)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file()}


def test_migrate_brings_a_new_database_to_the_head(tmp_path: Path) -> None:
    m = manager(tmp_path)
    assert m.migrate() == [1, 2, 3]
    assert m.migrate() == []
    status = m.status()
    assert (status.origin, status.version, status.head, status.pending, status.is_current) == (
        Origin.OURS,
        3,
        3,
        (),
        True,
    )
    assert query(tmp_path / "skills.db", "PRAGMA user_version") == [(3,)]
    assert query(tmp_path / "skills.db", "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert query(tmp_path / "skills.db", "PRAGMA journal_mode") == [("wal",)]
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["skills.db"]  # no lock, log or backup left


def test_what_is_recorded_of_a_version(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(1)
    (record,) = m.status().applied
    assert (record.version, record.description, record.applied_at, record.state) == (1, "base", NOW, State.APPLIED)
    assert record.duration_ms is not None and record.duration_ms >= 0
    assert record.program_version and record.program_version[0].isdigit()
    assert len(record.up_sha256) == len(record.down_sha256) == 64 and record.up_sha256 != record.down_sha256
    assert query(tmp_path / "skills.db", "SELECT down_sql FROM skill_migrations") == [(SCRIPTS["V1__base__down.sql"],)]


def test_db_path_alone_works_as_text_and_as_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MigrationManager(db_path=str(tmp_path / "a.db")).status().pending[0] == 1
    assert MigrationManager(db_path=tmp_path / "a.db").status().pending[0] == 1
    monkeypatch.chdir(tmp_path)
    assert MigrationManager().migrate()[0] == 1
    assert (tmp_path / "skills.db").exists()


@pytest.mark.parametrize("path", [":memory:", "", "file:x.db?mode=rw"])
def test_what_is_no_path_of_a_file_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="db_path"):
        MigrationManager(path)


def test_folder_of_the_database_is_made(tmp_path: Path) -> None:
    m = MigrationManager(tmp_path / "new" / "deep" / "skills.db", scripts=write_scripts(tmp_path / "scripts"))
    assert m.status().version == 0 and not (tmp_path / "new").exists()
    assert m.migrate() == [1, 2, 3]


def test_targets_both_ways(tmp_path: Path) -> None:
    m = manager(tmp_path)
    assert m.migrate(2) == [1, 2]
    assert m.migrate(2) == []
    assert m.migrate(3) == [3]
    assert m.rollback(3) == []
    assert m.rollback(1) == [3, 2]
    assert m.status().pending == (2, 3)
    assert m.rollback() == [1]
    assert m.rollback() == []
    assert m.status().version == 0
    assert query(tmp_path / "skills.db", "PRAGMA user_version") == [(0,)]


@pytest.mark.parametrize(("way", "goal"), [("migrate", 4), ("migrate", 1), ("rollback", -1), ("rollback", 3)])
def test_a_target_out_of_range_names_the_range(tmp_path: Path, way: str, goal: int) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    before = listing(tmp_path)
    with pytest.raises(MigrationError, match=r"from 2 to 3" if way == "migrate" else r"from 0 to 2"):
        getattr(m, way)(goal)
    assert listing(tmp_path) == before


def test_dry_run_tells_the_sql_and_touches_nothing(tmp_path: Path) -> None:
    m = manager(tmp_path)
    sql = m.migrate(2, dry_run=True)
    assert sql == (
        f"-- V1__base__up.sql\n{SCRIPTS['V1__base__up.sql']}\n-- V2__tags__up.sql\n{SCRIPTS['V2__tags__up.sql']}"
    )
    assert listing(tmp_path) == {}
    m.migrate()
    before = listing(tmp_path)
    assert m.rollback(dry_run=True) == f"-- V3__phase__down.sql\n{SCRIPTS['V3__phase__down.sql']}"
    assert m.migrate(dry_run=True) == ""
    assert listing(tmp_path) == before


def test_rollback_takes_the_newest_version_whatever_the_times_say(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()  # the clock stands still: all are applied at one moment
    execute(tmp_path / "skills.db", "UPDATE skill_migrations SET applied_at = '2099-01-01T00:00:00.000Z' WHERE id = 1")
    assert m.rollback() == [3]
    assert m.rollback() == [2]


def test_rolled_back_versions_stay_in_the_history(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    m.rollback()
    m.migrate()
    m.rollback(1)
    status = m.status()
    assert [(r.version, r.state) for r in status.rolled_back] == [
        (2, State.ROLLED_BACK),
        (3, State.ROLLED_BACK),
        (3, State.ROLLED_BACK),
    ]
    assert [r.version for r in status.applied] == [1]


def test_down_scripts_come_from_the_database_and_not_from_the_folder(tmp_path: Path) -> None:
    manager(tmp_path).migrate()
    shutil.rmtree(tmp_path / "scripts")
    old = manager(tmp_path, scripts=write_scripts(tmp_path / "old", head=1))
    with pytest.raises(SchemaTooNew, match="version 3, this program knows versions up to 1"):
        old.rollback()
    assert old.rollback(1) == [3, 2]
    assert schema(tmp_path / "skills.db").keys() == {
        "table skill_migrations",
        "table skill",
        "table call",
        "trigger trg_call",
    }
    assert old.status().is_current


def test_a_database_newer_than_the_program_is_refused(tmp_path: Path) -> None:
    manager(tmp_path).migrate()
    old = manager(tmp_path, scripts=write_scripts(tmp_path / "old", head=2))
    before = listing(tmp_path)
    for refused in (old.migrate, old.ensure_current, old.verify, old.repair):
        with pytest.raises(SchemaTooNew, match="rollback --to 2"):
            refused()
    assert not old.status().is_current
    assert listing(tmp_path) == before


def test_a_stored_down_script_that_was_changed_does_not_run(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    execute(tmp_path / "skills.db", "UPDATE skill_migrations SET down_sql = 'DROP TABLE skill;' WHERE version = 3")
    with pytest.raises(StoreUnreadable, match="down script of version 3"):
        m.rollback()
    assert m.status().version == 3


def test_a_broken_second_statement_leaves_nothing(tmp_path: Path) -> None:
    broken = {"V2__tags__up.sql": "CREATE TABLE tag (name TEXT);\nCREATE TABLE tag (name TEXT);\n"}
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "scripts", broken))
    with pytest.raises(MigrationError, match=r"V2__tags__up\.sql, line 2: table tag already exists"):
        m.migrate()
    assert m.status().version == 1 and m.status().dirty is None and m.verify().ok
    assert "table tag" not in schema(tmp_path / "skills.db")
    write_scripts(tmp_path / "scripts")
    assert manager(tmp_path).migrate() == [2, 3]


def test_a_broken_down_script_leaves_everything(tmp_path: Path) -> None:
    broken = {"V2__tags__down.sql": "DROP INDEX idx_tag;\nDROP TABLE nowhere;\n"}
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "scripts", broken))
    m.migrate(2)
    with pytest.raises(MigrationError, match=r"V2__tags__down\.sql, line 2: no such table: nowhere"):
        m.rollback()
    assert m.status().version == 2 and m.verify().ok


@pytest.mark.parametrize(
    "harm",
    ["DROP TABLE call;", "DROP TRIGGER trg_call;", "DROP TRIGGER trg_call; ALTER TABLE skill ADD COLUMN x TEXT;"],
)
def test_a_down_script_may_not_harm_older_versions(tmp_path: Path, harm: str) -> None:
    changes = {"V2__tags__down.sql": "DROP TABLE tag;\n" + harm}
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "scripts", changes))
    m.migrate(2)
    execute(tmp_path / "skills.db", "INSERT INTO call (skill) VALUES ('seed')")
    with pytest.raises(MigrationError, match=r"V2__tags__down\.sql takes away what older versions need: t"):
        m.rollback()
    assert m.status().version == 2 and m.verify().ok
    assert query(tmp_path / "skills.db", "SELECT count(*) FROM call") == [(1,)]


def test_what_the_user_broke_before_does_not_stop_a_rollback(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    execute(tmp_path / "skills.db", "DROP TRIGGER trg_call")
    assert m.rollback() == [2]
    assert m.verify().missing == ("trigger trg_call",)


@pytest.mark.parametrize("half", ["up", "down"])
def test_an_edited_script_is_refused_by_name(tmp_path: Path, half: str) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    name = f"V1__base__{half}.sql"
    edited = manager(tmp_path, scripts=write_scripts(tmp_path / "edited", {name: SCRIPTS[name] + "-- harmless\n"}))
    assert edited.status().edited == (name,) and not edited.status().is_current
    for refused in (edited.migrate, edited.rollback):
        with pytest.raises(ScriptEdited, match=name.replace(".", r"\.")):
            refused()
    assert edited.status().version == 2


def test_line_ends_are_no_edit(tmp_path: Path) -> None:
    manager(tmp_path).migrate(2)
    for path in (tmp_path / "scripts").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    m = manager(tmp_path, scripts=tmp_path / "scripts")
    assert m.status().edited == ()
    assert m.migrate() == [3]


def test_a_rolled_back_version_may_be_edited(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    m.rollback(2)
    changed = {"V3__phase__up.sql": SCRIPTS["V3__phase__up.sql"] + "CREATE INDEX idx_new ON call (ms);\n"}
    changed["V3__phase__down.sql"] = "DROP INDEX idx_new;\n" + SCRIPTS["V3__phase__down.sql"]
    later = manager(tmp_path, scripts=write_scripts(tmp_path / "later", changed))
    assert later.migrate() == [3] and later.verify().ok
    assert later.rollback(2) == [3] and later.verify().ok
    assert "index idx_new" not in schema(tmp_path / "skills.db")  # the newer down script ran


def test_status_of_a_missing_and_of_an_empty_file(tmp_path: Path) -> None:
    m = manager(tmp_path)
    assert m.status().origin is Origin.EMPTY and m.status().pending == (1, 2, 3) and m.verify().ok
    assert listing(tmp_path) == {}
    (tmp_path / "skills.db").touch()
    assert m.status().origin is Origin.EMPTY and m.status().pending == (1, 2, 3)
    assert (tmp_path / "skills.db").stat().st_size == 0
    assert m.migrate() == [1, 2, 3]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE theirs (x)"],
        ["CREATE TABLE theirs (x)", "PRAGMA application_id = 7"],
        ["PRAGMA application_id = 7"],
        ["CREATE TABLE skill_migrations (version INTEGER, applied_at TEXT)"],
    ],
)
def test_a_foreign_database_is_looked_at_and_left_alone(tmp_path: Path, statements: list[str]) -> None:
    execute(tmp_path / "skills.db", *statements)
    m = manager(tmp_path)
    before = (tmp_path / "skills.db").read_bytes()
    status = m.status()
    assert status.origin is Origin.FOREIGN and not status.is_current and status.pending == ()
    for refused in (m.migrate, m.rollback, m.ensure_current, m.repair, m.verify, lambda: m.rollback(0)):
        with pytest.raises(StoreUnreadable, match="another program"):
            refused()
    assert (tmp_path / "skills.db").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["skills.db"]


@pytest.mark.parametrize("text", ["x", "a note", "a letter to somebody " * 50])
def test_a_file_that_is_no_database(tmp_path: Path, text: str) -> None:
    (tmp_path / "skills.db").write_text(text)
    for refused in (manager(tmp_path).status, manager(tmp_path).migrate):
        with pytest.raises(StoreUnreadable, match="not a database"):
            refused()
    assert (tmp_path / "skills.db").read_text() == text


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "skills.db").mkdir()
    with pytest.raises(StoreUnreadable):
        manager(tmp_path).status()


def test_a_database_restored_from_a_dump_is_still_ours(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    with closing(sqlite3.connect(tmp_path / "skills.db")) as connection:
        dump = "\n".join(connection.iterdump())
    (tmp_path / "skills.db").unlink()
    with closing(sqlite3.connect(tmp_path / "skills.db")) as connection:
        connection.executescript(dump)
    assert m.status().origin is Origin.OURS and m.status().version == 2
    assert m.ensure_current() == [3]


def test_status_leaves_no_trace_beside_a_log(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    before = listing(tmp_path)
    assert m.status().is_current and m.verify().ok and m.ensure_current() == []
    assert listing(tmp_path) == before
    with closing(sqlite3.connect(tmp_path / "skills.db", isolation_level=None)) as live:
        live.execute("INSERT INTO skill (name) VALUES ('x')")
        live.execute("UPDATE skill_migrations SET state = 'dirty' WHERE version = 3")
        assert (tmp_path / "skills.db-wal").stat().st_size > 0
        before = listing(tmp_path)
        assert m.status().dirty == 3  # what stands in the log counts
        assert listing(tmp_path).keys() == before.keys()
        assert listing(tmp_path)["skills.db"] == before["skills.db"]


def test_a_change_in_the_middle_of_a_look_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    manager(tmp_path).migrate()
    seen = []

    def question(connection: sqlite3.Connection) -> object:
        seen.append(connection.execute("SELECT count(*) FROM skill").fetchone()[0])
        if len(seen) == 1:
            execute(path, "INSERT INTO skill (name) VALUES ('x'), ('y')")
        return seen[-1]

    assert connections.look(path, question) == 3
    assert seen == [1, 3]


def test_status_of_what_may_only_be_read(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)

    def look() -> None:
        if os.geteuid() == 0:  # to root nothing is read-only
            os.setuid(65534)
        assert not os.access(tmp_path, os.W_OK) and not os.access(tmp_path / "skills.db", os.W_OK)
        assert m.status().version == 2 and m.status().pending == (3,)
        assert m.migrate(2) == [] and m.verify().ok

    m.status()
    opened = [tmp_path, *(p for p in tmp_path.parents if p.stat().st_uid == os.geteuid() and p != Path("/"))]
    modes = {p: p.stat().st_mode for p in opened}
    try:
        for p in opened[1:]:
            p.chmod(modes[p] | 0o055)
        (tmp_path / "skills.db").chmod(0o444)
        tmp_path.chmod(0o555)
        assert in_child(look) == 0
    finally:
        for p, mode in modes.items():
            p.chmod(mode)


def test_a_history_with_a_gap_is_no_ground(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    execute(tmp_path / "skills.db", "DELETE FROM skill_migrations WHERE version = 1")
    with pytest.raises(SchemaDrift, match="gaps"):
        m.migrate()


def test_rows_that_would_refer_to_nothing_stop_a_migration(tmp_path: Path) -> None:
    orphan = {"V2__tags__up.sql": SCRIPTS["V2__tags__up.sql"] + "INSERT INTO tag VALUES ('two', 'nowhere');\n"}
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "scripts", orphan))
    with pytest.raises(MigrationError, match=r"V2__tags__up\.sql leaves 1 rows .* tag to skill"):
        m.migrate()
    assert m.status().version == 1


def test_broken_references_from_before_do_not_stop_a_migration(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(1)
    execute(tmp_path / "skills.db", "INSERT INTO call (skill) VALUES ('nowhere')")
    assert m.migrate() == [2, 3]
    assert m.verify().damage == ("1 rows of call refer to nothing in skill",)


def test_dropping_a_table_deletes_no_rows_elsewhere(tmp_path: Path) -> None:
    cascade = {
        "V2__tags__up.sql": "CREATE TABLE parent (id INTEGER PRIMARY KEY);\n"
        "CREATE TABLE child (id INTEGER REFERENCES parent ON DELETE CASCADE);\n"
        "INSERT INTO parent VALUES (1);\nINSERT INTO child VALUES (1);\n",
        "V2__tags__down.sql": "DROP TABLE child; DROP TABLE parent;",
        "V3__phase__up.sql": "CREATE TABLE p2 (id INTEGER PRIMARY KEY);\nINSERT INTO p2 SELECT * FROM parent;\n"
        "DROP TABLE parent;\nALTER TABLE p2 RENAME TO parent;\n",
    }
    m = manager(tmp_path, scripts=write_scripts(tmp_path / "scripts", cascade))
    m.migrate()
    assert query(tmp_path / "skills.db", "SELECT id FROM child") == [(1,)]


@pytest.mark.parametrize("version", range(1, HEAD + 1))
def test_up_down_up_is_the_same(tmp_path: Path, version: int) -> None:
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate(version - 1)
    before = raw_schema(path) if version > 1 else []
    rows = row_digests(path) if version > 1 else {}
    m.migrate(version)
    above, filled = raw_schema(path), row_digests(path)
    m.rollback()
    assert (raw_schema(path), row_digests(path)) == (before, rows)
    m.migrate(version)
    assert (raw_schema(path), row_digests(path)) == (above, filled)
    assert m.verify().ok


def test_ensure_current(tmp_path: Path) -> None:
    m = manager(tmp_path)
    assert m.ensure_current() == [1, 2, 3]
    assert m.ensure_current() == []
    m.rollback(1)
    assert manager(tmp_path).ensure_current() == [2, 3]


def test_ensure_current_reads_the_header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager(tmp_path).migrate()
    for costly in ("status", "migrate"):
        monkeypatch.setattr(MigrationManager, costly, lambda *_: pytest.fail("a current database needs no more"))
    assert manager(tmp_path).ensure_current() == []


def test_a_writer_that_does_not_let_go_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = manager(tmp_path)
    m.migrate(1)
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / "skills.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process"):
            m.migrate()
        writer.execute("ROLLBACK")
    assert m.migrate() == [2, 3]


@pytest.mark.parametrize("transactional", [True, False])
def test_a_target_goes_on_only_from_where_it_was_said_to_stand(tmp_path: Path, transactional: bool) -> None:
    """As when somebody without the lock changed the version after it was read."""
    m = manager(tmp_path)
    m.migrate(1)
    target = SqliteTarget(tmp_path / "skills.db", transactional=transactional)
    scripts = load(tmp_path / "scripts")
    for script in (scripts[0], scripts[2]):
        with pytest.raises(MigrationError, match="at version 1, no longer at"):
            target.apply(script, Stamp(NOW, "1"))
    with pytest.raises(MigrationError, match="at version 1, no longer at 2"):
        target.revert(2, scripts[1].down, scripts[:1])
    assert m.status().version == 1 and m.status().dirty is None and m.verify().ok


def test_a_link_and_its_file_are_one_database(tmp_path: Path) -> None:
    manager(tmp_path).migrate(1)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(tmp_path / "skills.db")
    m = MigrationManager(link, scripts=tmp_path / "scripts", clock=lambda: NOW)
    assert m.migrate(2) == [2]
    assert [p.name for p in (tmp_path / "elsewhere").iterdir()] == ["link.db"]
    assert (tmp_path / "skills.db.v1.20260131T093000.000Z.backup").exists()
