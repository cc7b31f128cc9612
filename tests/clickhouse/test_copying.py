"""Copies between engines: what left one comes back from the other as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.storage import Store, copying, open_store
from session_buddy.storage.copying import copy_store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.clickhouse.places import new_database
from tests.making import FakeClock, many
from tests.storage.test_copying import ROOT, assert_alike, events, fill_tables, open_at, run_sql

pytestmark = pytest.mark.long


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(copying, "_BATCH", 300)
    with open_at(tmp_path / "source.db") as store:
        store.record(many(600))
        fill_tables(store)
        yield store


def test_there_and_back_again(source: Store, tmp_path: Path) -> None:
    with open_store(new_database(), clock=FakeClock()) as between, open_at(tmp_path / "back.db") as back:
        there = copy_store(source, between)
        assert (there.same, there.added, there.source_events) == (True, 600, 600)
        again = copy_store(source, between)
        assert (again.same, again.added, again.unchanged) == (True, 0, 0)
        assert copy_store(between, back).same
        assert_alike(source, back)
        assert between.drifted() == []
        assert between.checkpoints() == back.checkpoints() == source.checkpoints()
        for table in PLAIN_TABLES[1:]:
            sql = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1, 2"
            assert source.query(sql).rows == back.query(sql).rows, table.name


def test_what_changed_in_a_file_changes_in_clickhouse(source: Store) -> None:
    with open_store(new_database(), clock=FakeClock()) as target:
        copy_store(source, target)
        run_sql(
            source,
            "UPDATE store_settings SET value = '4'",
            "UPDATE ab_test_configs SET status = 'stopped'",
            "UPDATE skill_invocation SET outcome = 'completed' WHERE outcome IS NULL",
        )
        report = copy_store(source, target)
        assert report.same
        assert report.completed > 0
        assert events(target) == events(source)
        assert target.query("SELECT status FROM v_ab_test_summary").rows == [("stopped",)]
        assert target.drifted() == []


def test_two_databases_of_one_engine(source: Store) -> None:
    first, second = new_database(), new_database()
    with open_store(first, clock=FakeClock()) as one, open_store(second, clock=FakeClock()) as other:
        copy_store(source, one)
        assert copy_store(one, other).same
        assert events(other) == events(source)


KILLABLE = """
import sys
from session_buddy.storage import copying, open_store
copying._BATCH = 200
with open_store(f"sqlite:///{sys.argv[1]}") as source, open_store(f"chdb:///{sys.argv[2]}") as target:
    print("open", flush=True)
    report = copying.copy_store(source, target, progress=lambda what, done, total: print(what, done, flush=True))
    target.record([])
    views = "SELECT sum(invocation_count), sum(completed_count), sum(session_count) FROM skill_metrics"
    print(report.same, report.target_events, *target.query(views).rows[0], target.drifted(), flush=True)
"""


def test_killed_and_run_again_nothing_is_lost_or_doubled(source: Store, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", KILLABLE, str(tmp_path / "source.db"), str(tmp_path / "folder")]
    killed = []
    for steps in (1, 3, 5):
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            for _ in range(steps):
                process.stdout.readline()
            time.sleep(0.01 * steps)
            process.send_signal(signal.SIGKILL)
            killed.append(process.wait())
    assert killed == [-signal.SIGKILL] * 3
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2_000:]
    counts = source.query("SELECT sum(invocation_count), sum(completed_count), sum(session_count) FROM skill_metrics")
    assert done.stdout.splitlines()[-1] == " ".join(map(str, (True, 600, *counts.rows[0], [])))
