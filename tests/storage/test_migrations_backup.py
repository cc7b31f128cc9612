from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.errors import StoreError
from session_buddy.storage.migrations import backup
from session_buddy.storage.migrations.base import MigrationManager
from tests.storage.migrations_kit import execute, manager, query, raw_schema, row_digests, write_scripts


def backups(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "backup" in path.name)


def test_a_new_database_needs_no_backup(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate()
    assert backups(tmp_path) == []
    m.rollback(0)
    (tmp_path / "skills.db.v3.20260131T093000.000Z.backup").unlink()
    m.migrate()  # emptied again: only the history is left
    assert backups(tmp_path) == []


@pytest.mark.parametrize("change", ["migrate", "rollback"])
def test_a_change_follows_a_backup_of_what_is_there(tmp_path: Path, change: str) -> None:
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate(2)
    execute(path, "INSERT INTO skill (name) VALUES ('mine')")
    before = raw_schema(path), row_digests(path)
    getattr(m, change)()
    assert backups(tmp_path) == ["skills.db.v2.20260131T093000.000Z.backup"]
    kept = tmp_path / backups(tmp_path)[0]
    assert (raw_schema(kept), row_digests(kept)) == before
    assert query(kept, "PRAGMA user_version") == [(2,)]


def test_rows_still_in_the_log_are_in_the_backup_and_it_stands_alone(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    with closing(sqlite3.connect(tmp_path / "skills.db", isolation_level=None)) as live:
        live.execute("INSERT INTO skill (name) VALUES ('mine')")
        assert (tmp_path / "skills.db-wal").stat().st_size > 0
        assert m.backup(str(tmp_path / "mine.copy")) == tmp_path / "mine.copy"
    assert query(tmp_path / "mine.copy", "SELECT count(*) FROM skill") == [(2,)]
    assert query(tmp_path / "mine.copy", "PRAGMA journal_mode") == [("delete",)]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("mine")] == ["mine.copy"]


def test_a_backup_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    (tmp_path / "mine.copy").write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        m.backup(tmp_path / "mine.copy")
    assert (tmp_path / "mine.copy").read_text() == "precious"
    m.rollback()
    m.migrate(2)
    m.rollback()  # the clock stands still: the same version at the same time
    assert backups(tmp_path) == [
        "skills.db.v1.20260131T093000.000Z.backup",
        "skills.db.v2.20260131T093000.000Z-2.backup",
        "skills.db.v2.20260131T093000.000Z.backup",
    ]


def test_a_name_taken_while_the_copy_was_made_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    real = backup._copy_checked

    def late(live: sqlite3.Connection, path: Path) -> None:
        real(live, path)
        (tmp_path / "mine.copy").write_text("precious")

    monkeypatch.setattr(backup, "_copy_checked", late)
    with pytest.raises(StoreError, match="exists already"):
        m.backup(tmp_path / "mine.copy")
    assert (tmp_path / "mine.copy").read_text() == "precious"
    assert not list(tmp_path.glob("*.partial"))


def test_the_newest_three_stay_and_others_are_not_touched(tmp_path: Path) -> None:
    times: Iterator[str] = (f"2026-01-31T09:30:{second:02}.000Z" for second in range(60))
    m = MigrationManager(tmp_path / "skills.db", scripts=write_scripts(tmp_path / "scripts"), clock=lambda: next(times))
    m.migrate()
    others = ["skills.db.v9.mine.backup", "other.db.v1.20200101T000000.000Z.backup", "skills.db.v3.backup"]
    for name in others:
        (tmp_path / name).write_text("x")
    # What a killed process leaves: a copy under way, and a name taken for one.
    (tmp_path / "skills.db.v3.20260131T093001.000Z.backup.77.partial").write_text("half")
    (tmp_path / "skills.db.v3.20260131T093059.000Z.backup").touch()
    taken: list[str] = []
    for _ in range(3):
        m.rollback()
        taken += set(backups(tmp_path)) - {*taken, *others}
        m.migrate()
        taken += set(backups(tmp_path)) - {*taken, *others}
    assert len(taken) == 6
    assert sorted(set(backups(tmp_path)) - set(others)) == sorted(taken[-3:])
    assert set(others) <= set(backups(tmp_path))


def test_how_many_stay_can_be_said(tmp_path: Path) -> None:
    m = manager(tmp_path, keep_backups=1)
    m.migrate()
    m.rollback(0)
    m.migrate(1)
    m.migrate(2)
    m.rollback(1)
    assert len(backups(tmp_path)) == 1


def test_a_copy_that_lacks_rows_stops_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    m = manager(tmp_path)
    m.migrate(2)
    counts = iter([{"skill": 2}, {"skill": 1}])
    monkeypatch.setattr(backup, "row_counts", lambda _: next(counts))
    with pytest.raises(StoreError, match="rows are missing"):
        m.migrate()
    monkeypatch.undo()
    assert m.status().version == 2
    assert backups(tmp_path) == []


def test_a_damaged_database_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate(2)
    (page,) = query(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'idx_tag'")[0]
    (size,) = query(path, "PRAGMA page_size")[0]
    assert isinstance(page, int) and isinstance(size, int)
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x0a\x00\x00\x00\x00" + bytes(size - 5))  # the index is an empty page now
    with pytest.raises(StoreError, match="not whole"):
        m.migrate()
    assert m.status().version == 2
    assert not m.verify().ok and any("idx_tag" in text for text in m.verify().damage)


def test_a_backup_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        manager(tmp_path).backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists() and not (tmp_path / "skills.db").exists()


def test_the_copy_is_one_moment_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate()
    execute(
        path,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " INSERT INTO skill (name) SELECT 'skill ' || i FROM n",
    )
    child = os.fork()
    if child == 0:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as live:
            for i in range(100_000):
                live.execute("BEGIN IMMEDIATE")
                live.execute("INSERT INTO skill (name) VALUES (?)", (f"new {i}",))
                live.execute("INSERT INTO tag (name, skill) VALUES (?, 'seed')", (f"new {i}",))
                live.execute("COMMIT")
        os._exit(0)
    try:
        for number in range(5):
            copy = m.backup(tmp_path / f"copy{number}.db")
            ((skills, tags),) = query(
                copy, "SELECT (SELECT count(*) FROM skill WHERE name LIKE 'new%'), (SELECT count(*) - 1 FROM tag)"
            )
            assert skills == tags
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
