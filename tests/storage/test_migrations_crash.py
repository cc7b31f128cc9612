from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from session_buddy.errors import MigrationLocked
from session_buddy.storage.migrations import connections, lock, sqlite_target
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.lock import exclusive
from session_buddy.storage.migrations.sqlite_target import SqliteTarget
from tests.storage.migrations_kit import (
    HEAD,
    NOW,
    execute,
    in_child,
    kill_before,
    manager,
    query,
    raw_schema,
    row_digests,
    write_scripts,
)


def killing_manager(path: Path, scripts: Path, count: int, *, transactional: bool = True) -> MigrationManager:
    """Return a manager in whose process statement number *count* of all its changes never runs."""
    trace = kill_before(count)
    real = connections.write

    @contextmanager
    def write(path: Path) -> Iterator[sqlite3.Connection]:
        with real(path) as connection:
            connection.set_trace_callback(trace)
            yield connection

    vars(sqlite_target)["write"] = write  # in the child only, which ends
    target = SqliteTarget(path, transactional=transactional)
    return MigrationManager(scripts=scripts, target=target, clock=lambda: NOW)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize(("start", "goal"), [(0, HEAD), (HEAD, 0)], ids=["up", "down"])
@pytest.mark.long
def test_killed_before_every_statement(tmp_path: Path, start: int, goal: int, step: int) -> None:
    """The statements include BEGIN, COMMIT and those of the record; before the next is after the last."""
    scripts = write_scripts(tmp_path / "scripts")
    manager(tmp_path).migrate(start or HEAD)
    whole = {HEAD: (raw_schema(tmp_path / "skills.db"), row_digests(tmp_path / "skills.db"))}
    for version in range(HEAD - 1, -1, -1):
        manager(tmp_path).rollback(version)
        whole[version] = (raw_schema(tmp_path / "skills.db"), row_digests(tmp_path / "skills.db"))
    count, ended, stopped_at = 0, -9, set()
    while ended == -9:
        folder = tmp_path / str(count)
        folder.mkdir()
        path = folder / "skills.db"
        m = MigrationManager(path, scripts=scripts, clock=lambda: NOW)
        m.migrate(start)

        def work(path: Path = path, count: int = count) -> None:
            victim = killing_manager(path, scripts, count)
            victim.migrate() if goal else victim.rollback(0)

        ended = in_child(work)
        count += step if ended == -9 else 0
        status = m.status()
        stopped_at.add(status.version)
        assert status.dirty is None and m.verify().ok
        assert (raw_schema(path), row_digests(path)) == whole[status.version]
        assert m.migrate() == list(range(status.version + 1, HEAD + 1))
        assert (raw_schema(path), row_digests(path)) == whole[HEAD]
        assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert ended == 0
    assert stopped_at == set(range(HEAD + 1))
    assert count >= 60


@pytest.mark.long
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Not only between statements: in a backup, in a commit, with the lock held."""
    scripts = write_scripts(tmp_path / "scripts")
    path = tmp_path / "skills.db"
    m = MigrationManager(path, scripts=scripts, lock_timeout=10)
    m.migrate()

    def work() -> None:
        while True:
            MigrationManager(path, scripts=scripts).rollback(1)
            MigrationManager(path, scripts=scripts).migrate()

    for number in range(25):
        child = os.fork()
        if child == 0:
            work()
        time.sleep(0.02 + 0.003 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert m.status().version in (1, 2, 3) and m.status().dirty is None and m.verify().ok
    m.rollback(1)
    assert m.migrate() == [2, 3]
    assert not list(tmp_path.glob("*.partial"))
    for kept in tmp_path.glob("*.backup"):
        assert query(kept, "PRAGMA integrity_check") == [("ok",)] and raw_schema(kept)


@pytest.mark.long
def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    scripts = write_scripts(tmp_path / "scripts")
    began = time.perf_counter()
    assert in_child(lambda: MigrationManager(tmp_path / "x" / "skills.db", scripts=scripts).migrate()) == 0
    length = time.perf_counter() - began
    found = set()
    for number in range(40):
        path = tmp_path / str(number) / "skills.db"
        child = os.fork()
        if child == 0:
            MigrationManager(path, scripts=scripts).migrate()
            os._exit(0)
        time.sleep(length * number / 30)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        m = MigrationManager(path, scripts=scripts)
        version = m.status().version
        found.add(version)
        assert m.migrate() == list(range(version + 1, HEAD + 1))
        assert m.status().is_current and m.verify().ok
    assert len(found) > 1


def test_half_a_commit_of_a_killed_process_is_taken_back(tmp_path: Path) -> None:
    """A killed process can leave a journal too: before the file is turned to WAL, or by another tool."""
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate(2)
    execute(path, "PRAGMA journal_mode = DELETE")

    def die() -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE skill_migrations SET state = 'dirty'")
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
                " INSERT INTO skill (name) SELECT 'skill ' || i FROM n"
            )
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -9
    assert (tmp_path / "skills.db-journal").stat().st_size > 0
    assert m.status().version == 2 and m.status().dirty is None
    assert m.migrate() == [3] and m.verify().ok
    assert query(path, "SELECT count(*) FROM skill") == [(1,)]


def _migrate_at_once(path: Path, scripts: Path, ready: object, results: object, way: str) -> None:
    ready.wait()  # type: ignore[attr-defined]
    results.put(getattr(MigrationManager(path, scripts=scripts), way)())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("way", "start"),
    [
        ("ensure_current", 0),
        ("migrate", 1),
        pytest.param("migrate", 0, marks=pytest.mark.long),
        pytest.param("ensure_current", 1, marks=pytest.mark.long),
    ],
)
def test_eight_processes_at_once(tmp_path: Path, way: str, start: int) -> None:
    scripts = write_scripts(tmp_path / "scripts")
    path = tmp_path / "skills.db"
    MigrationManager(path, scripts=scripts).migrate(start)
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(8), context.Queue()
    processes = [context.Process(target=_migrate_at_once, args=(path, scripts, ready, results, way)) for _ in range(8)]
    for process in processes:
        process.start()
    done = sorted(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(60)
    assert done == [[]] * 7 + [list(range(start + 1, HEAD + 1))]
    m = MigrationManager(path, scripts=scripts)
    assert m.status().is_current and m.verify().ok
    assert len(list(tmp_path.glob("*.backup"))) == (1 if start else 0)
    assert not list(tmp_path.glob("*.lock"))


def test_the_lock_is_waited_for_and_its_holder_is_named(tmp_path: Path) -> None:
    m = manager(tmp_path, lock_timeout=0.1)
    with exclusive(tmp_path / "skills.db.lock", timeout=0):
        began = time.monotonic()
        with pytest.raises(MigrationLocked, match=f"Process {os.getpid()} .* 0.1 s"):
            m.migrate()
        assert 0.1 <= time.monotonic() - began < 5
        assert m.status().version == 0
    assert m.migrate() == [1, 2, 3]


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    left = tmp_path / "skills.db.lock"

    def die() -> None:
        with exclusive(left, timeout=0):
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die) == -9
    assert left.exists()  # what it left is a file, not a lock
    assert manager(tmp_path, lock_timeout=0).migrate() == [1, 2, 3]
    assert not left.exists()


def test_who_waited_on_a_removed_file_locks_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, calls = tmp_path / "lock", 0
    real = lock._try_lock

    def late(descriptor: int) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:  # between opening and locking, the last holder removes the file
            path.unlink()
        return real(descriptor)

    monkeypatch.setattr(lock, "_try_lock", late)
    with exclusive(path, timeout=1), pytest.raises(MigrationLocked), exclusive(path, timeout=0):
        pass


def test_nobody_gets_in_beside_the_holder(tmp_path: Path) -> None:
    """Threads hand the lock around; the file is removed each time, and no two are ever inside."""
    path, inside, most, entries = tmp_path / "lock", 0, 0, 0

    def enter() -> None:
        nonlocal inside, most, entries
        for _ in range(25):
            with exclusive(path, timeout=30):
                inside += 1
                most, entries = max(most, inside), entries + 1
                time.sleep(0.0005)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entries) == (1, 150)
    assert not path.exists()


def test_readers_and_writers_go_on_while_others_migrate(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    m = manager(tmp_path)
    m.migrate(1)
    child = os.fork()
    if child == 0:
        try:
            with sqlite3.connect(path, isolation_level=None, timeout=30) as live:
                for i in range(300):
                    live.execute("INSERT INTO skill (name) VALUES (?)", (f"skill {i}",))
                    live.execute("SELECT count(*) FROM skill").fetchone()
        except BaseException:
            os._exit(1)
        os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        m.migrate()
        m.rollback(1)
    assert query(path, "SELECT count(*) FROM skill") == [(301,)]
