"""An import that is killed at any moment: nothing acknowledged is lost, a rerun completes."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.storage import open_store
from session_buddy.storage.migrations.base import MigrationManager
from tests.ingest.making_files import write_sessions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

IMPORTER = ClaudeCode(ShellRules.builtin())
SESSIONS, CALLS = 40, 30


def import_in(folder: Path, store: Path) -> None:
    with open_store(f"sqlite:///{store}") as opened:
        import_files(opened, [IMPORTER], {IMPORTER.name: [folder]}, user_id="u", processes=1)


def child_importing(folder: Path, store: Path, acknowledgements: int) -> int:
    """Fork a process that imports and writes, after every transaction, how many rows are acknowledged."""
    pid = os.fork()
    if pid:
        return pid
    try:
        from session_buddy import ingest

        ingest._BATCH = 37
        with open_store(f"sqlite:///{store}") as opened:
            record, total = opened.record, 0

            def acknowledged(*args: object, **kwargs: object) -> object:
                nonlocal total
                recorded = record(*args, **kwargs)  # type: ignore[arg-type]
                total += recorded.added
                os.write(acknowledgements, f"{total}\n".encode())
                return recorded

            opened.record = acknowledged  # type: ignore[method-assign, assignment]
            import_files(opened, [IMPORTER], {IMPORTER.name: [folder]}, user_id="u", processes=1)
    finally:
        os._exit(0)


def kills(folder: Path, scratch: Path, count: int, seed: int) -> Iterator[tuple[Path, int]]:
    """Yield *count* stores whose import was killed, each with the number of rows acknowledged before.

    Every other one is killed at any moment of the time that a whole import takes, also before or after it records;
    those between, soon after some number of rows, however fast this machine is just now.
    """
    began = time.perf_counter()
    reader, writer = os.pipe()
    os.waitpid(child_importing(folder, scratch / "whole.db", writer), 0)
    os.close(writer)
    os.close(reader)
    length = time.perf_counter() - began
    rnd = random.Random(seed)
    for number in range(count):
        store = scratch / f"{seed}-{number}.db"
        reader, writer = os.pipe()
        pid = child_importing(folder, store, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            lines: list[str] = []
            if number % 2:
                goal = rnd.uniform(0, 0.9) * SESSIONS * CALLS
                while not lines or int(lines[-1]) < goal:
                    lines.append(pipe.readline())
                time.sleep(rnd.uniform(0, length / 20))
            else:
                time.sleep(rnd.uniform(0, length))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            told = [line for line in [*lines, *pipe.read().splitlines(keepends=True)] if line.endswith("\n")]
        yield store, int(told[-1]) if told else 0


def check(store: Path, acknowledged: int, folder: Path, expected: set[str]) -> None:
    if store.exists():
        connection = sqlite3.connect(store)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'skill_invocation'").fetchone():
            (rows,) = connection.execute("SELECT count(*) FROM skill_invocation").fetchone()
            assert rows >= acknowledged
        else:
            assert acknowledged == 0
        connection.close()
    import_in(folder, store)
    assert MigrationManager(db_path=store).verify().ok
    with open_store(f"sqlite:///{store}") as opened:
        assert {i for (i,) in opened.query("SELECT event_id FROM skill_invocation").rows} == expected
        assert opened.query("SELECT count(*) FROM skill_invocation WHERE outcome = 'completed'").rows == [
            (len(expected),)
        ]
        assert opened.drifted() == []
    store.unlink()


@pytest.mark.long
def test_an_import_killed_now_and_then_completes(tmp_path: Path) -> None:
    expected = write_sessions(tmp_path / "projects", SESSIONS, CALLS)
    during = 0
    for store, acknowledged in kills(tmp_path / "projects", tmp_path, 15, seed=1):
        during += 0 < acknowledged < len(expected)
        check(store, acknowledged, tmp_path / "projects", expected)
    assert during >= 3, "the kills did not strike the import"


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_an_import_killed_two_hundred_times_completes(tmp_path: Path) -> None:
    expected = write_sessions(tmp_path / "projects", SESSIONS, CALLS)
    during = 0
    for store, acknowledged in kills(tmp_path / "projects", tmp_path, 200, seed=2):
        during += 0 < acknowledged < len(expected)
        check(store, acknowledged, tmp_path / "projects", expected)
    assert during >= 40, "the kills did not strike the import"


@pytest.mark.long
def test_a_store_killed_again_and_again_still_ends_whole(tmp_path: Path) -> None:
    expected = write_sessions(tmp_path / "projects", SESSIONS, CALLS)
    rnd = random.Random(3)
    for _ in range(12):
        reader, writer = os.pipe()
        pid = child_importing(tmp_path / "projects", tmp_path / "s.db", writer)
        os.close(writer)
        time.sleep(rnd.uniform(0.05, 0.3))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
    check(tmp_path / "s.db", 0, tmp_path / "projects", expected)
