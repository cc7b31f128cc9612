"""Many processes, one file; and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.errors import StoreBusy, StoreUnreadable
from session_buddy.storage import open_store
from session_buddy.storage.migrations.base import MigrationManager
from tests.making import invocation, many

ROOT = Path(__file__).resolve().parents[2]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


RECORD = """
import sys
from session_buddy.storage import open_store
from tests.making import many
path, number = sys.argv[1], int(sys.argv[2])
with open_store(f"sqlite:///{path}") as store:
    events = many(40, seed=number)
    for start in range(0, 40, 4):
        assert store.record(events[start:start + 4]).added == 4
    # Everybody also tells of the same calls.
    store.record(many(20, seed=10_000))
"""


@pytest.mark.parametrize("number_of_processes", [8, pytest.param(50, marks=pytest.mark.long)])
def test_processes_recording_at_once_lose_and_double_nothing(tmp_path: Path, number_of_processes: int) -> None:
    path = tmp_path / "s.db"
    processes = [start(RECORD, path, number) for number in range(number_of_processes)]
    for process in processes:
        finished(process)
    told = 40 * number_of_processes + 20
    with open_store(f"sqlite:///{path}") as store:
        assert store.query("SELECT count(*), count(DISTINCT event_id) FROM skill_invocation").rows == [(told, told)]
        assert store.drifted() == []


OPEN = """
import sys
from session_buddy.storage.migrations.base import MigrationManager
print(MigrationManager(db_path=sys.argv[1]).ensure_current())
"""


def test_of_eight_processes_starting_at_once_exactly_one_migrates(tmp_path: Path) -> None:
    processes = [start(OPEN, tmp_path / "s.db") for _ in range(8)]
    done = sorted(finished(process).strip() for process in processes)
    assert done == ["[1, 2, 3, 4]", *["[]"] * 7]


def test_threads_of_one_process_may_share_a_store(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for one in many(30, seed=number):
                    store.record([one])
                    store.query("SELECT * FROM v_realtime_skill_dashboard")
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.query("SELECT count(*) FROM skill_invocation").rows == [(240,)]


def test_a_writer_waits_for_another_and_says_so_when_it_takes_too_long(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/s.db"
    with open_store(url) as store:
        holder = sqlite3.connect(tmp_path / "s.db", isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.5, holder.execute, ["ROLLBACK"]).start()
        assert store.record([invocation()]).added == 1
        holder.execute("BEGIN IMMEDIATE")
        from session_buddy.storage.sqlite.connection import begin_immediate

        hasty = sqlite3.connect(tmp_path / "s.db", isolation_level=None, timeout=0)
        with pytest.raises(StoreBusy, match="locked by another process"):
            begin_immediate(hasty, tmp_path / "s.db", 0.05)
        holder.execute("ROLLBACK")
        hasty.close()
        holder.close()


ACKNOWLEDGE = """
import sys
from session_buddy.storage import open_store
from tests.making import many
path, seed = sys.argv[1], int(sys.argv[2])
store = open_store(f"sqlite:///{path}")
print("open", flush=True)
for number, batch in enumerate(many(60, seed=seed * 1000 + n) for n in range(1000)):
    store.record(batch if number % 2 else batch[:1])
    for event in (batch if number % 2 else batch[:1]):
        print(event.event_id, flush=True)
"""


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 8))])
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "s.db"
    process = start(ACKNOWLEDGE, path, seed)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    time.sleep(random.Random(seed).uniform(0.02, 0.7))
    os.kill(process.pid, signal.SIGKILL)
    acknowledged = {line.strip() for line in process.stdout.read().splitlines() if line.endswith(tuple("0123456789"))}
    process.communicate()
    assert_whole(path)
    with open_store(f"sqlite:///{path}") as store:
        stored = {event_id for (event_id,) in store.query("SELECT event_id FROM skill_invocation").rows}
        # The last line may be cut by the kill: then it is the beginning of an acknowledged id.
        assert len(acknowledged - stored) <= 1
        assert all(any(known.startswith(cut) for known in stored) for cut in acknowledged - stored)
        assert store.drifted() == []


def assert_whole(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert MigrationManager(db_path=path).verify().ok


ENDLESS = "WITH RECURSIVE x (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT count(*) FROM x"
ASK = f"""
import sys
from session_buddy.storage import open_store
with open_store(f"sqlite:///{{sys.argv[1]}}") as store:
    print("open", flush=True)
    try:
        store.query({ENDLESS!r})
    except KeyboardInterrupt:
        print(store.query("SELECT 1").rows)
"""


def test_ctrl_c_ends_a_statement_that_would_run_for_ever(tmp_path: Path) -> None:
    process = start(ASK, tmp_path / "s.db")
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == ("[(1,)]\n", 0), err


def test_a_damaged_file_is_told_as_such_when_writing_too(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with open_store(f"sqlite:///{path}") as store:
        store.record(many(1_500))
    whole = bytearray(path.read_bytes())
    # Behind the schema, which stands in the first pages.
    whole[600_000:] = b"\xff" * (len(whole) - 600_000)
    path.write_bytes(whole)
    with open_store(f"sqlite:///{path}") as store, pytest.raises(StoreUnreadable, match="damaged"):
        store.record(many(200, seed=2))


def test_a_file_whose_schema_is_damaged_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with open_store(f"sqlite:///{path}") as store:
        store.record(many(1_500))
    whole = bytearray(path.read_bytes())
    whole[400_000:] = b"\xff" * (len(whole) - 400_000)
    path.write_bytes(whole)
    with pytest.raises(StoreUnreadable, match="damaged"):
        open_store(f"sqlite:///{path}")


CLOSE = """
import sys, threading, time
from session_buddy.storage import open_store
store = open_store(f"sqlite:///{sys.argv[1]}")
numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT "
what = {
    "query": lambda: store.query(numbers + "count(*), sum(i) FROM n").rows,
    "stream": lambda: sum(1 for _ in store.stream(numbers + "sum(i) OVER (ORDER BY -i) FROM n")),
}
answers = []
reading = threading.Thread(target=lambda: answers.append(what[sys.argv[2]]()))
reading.start()
time.sleep(0.3)
store.close()
reading.join()
print(answers)
"""


@pytest.mark.long
@pytest.mark.parametrize(("reads", "said"), [("query", "[[(3000000, 4500001500000)]]"), ("stream", "closed")])
def test_closing_waits_for_a_statement_of_another_thread(tmp_path: Path, reads: str, said: str) -> None:
    # The memory that a statement reads when its connection is gone does not always crash it: three times.
    for _ in range(3):
        process = start(CLOSE, tmp_path / "s.db", reads)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        assert said in out + err


def test_a_write_that_waits_for_another_process_gives_up_when_the_store_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    store = open_store(f"sqlite:///{path}", patience_seconds=120)
    store.record([invocation("first")])
    said: list[BaseException] = []

    def write() -> None:
        try:
            store.record([invocation("second")])
        except BaseException as error:
            said.append(error)

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = threading.Thread(target=write)
        writing.start()
        time.sleep(0.2)
        begun = time.monotonic()
        store.close()
        assert time.monotonic() - begun < 30
        writing.join(30)
        other.execute("ROLLBACK")
    assert [str(error) for error in said] == [
        f"The store {store.url} has been closed. Open it again with open_store()."
    ]
