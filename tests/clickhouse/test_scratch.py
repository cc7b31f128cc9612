"""Databases beside that of a store: gone when their maker is, and never taken from one that lives."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse import scratch, table_lock, upkeep
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from session_buddy.storage.clickhouse.upkeep import rebuild_roll_ups
from tests.clickhouse.places import drop, new_database
from tests.making import many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

ROOT = Path(__file__).parents[2]
KILLED = """
import sys, time
from session_buddy.storage import open_store
from session_buddy.storage.clickhouse import upkeep
def stop(_):
    print("beside", flush=True)
    time.sleep(600)
upkeep.rebuild_roll_ups = stop
with open_store(sys.argv[1]) as store:
    store.drifted()
"""


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database()
    yield made
    drop(made)


def beside(url: str) -> list[str]:
    address = parse_url(url)
    client = open_client(address)
    names = client.query("SELECT name FROM system.databases WHERE name LIKE '%scratch%' ORDER BY name").result_rows
    client.close()
    return [name for (name,) in names if name.startswith(address.database)]


def command(url: str, sql: str, *, database: str | None = None) -> None:
    client = open_client(parse_url(url), database=database)
    client.command(sql)
    client.close()


def in_the_middle(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have *do* done while a recount stands in a database beside."""

    def rebuild(client: Any) -> None:
        do()
        rebuild_roll_ups(client)

    monkeypatch.setattr(upkeep, "rebuild_roll_ups", rebuild)


def elsewhere(monkeypatch: pytest.MonkeyPatch, url: str) -> list[str]:
    """Open the store as another process would, which knows nothing of this one, and return what is beside it then."""
    with monkeypatch.context() as another:
        another.setattr(scratch, "_living", set())
        open_store(url).close()
    return beside(url)


@pytest.mark.long
def test_what_a_killed_process_left_in_a_folder_is_gone_with_the_next(tmp_path: Path) -> None:
    url = f"chdb:///{tmp_path}/data?database=killed"
    with subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "beside\n"
        process.kill()
    looking = (
        "import sys\nfrom tests.clickhouse.test_scratch import beside, open_store\n"
        "before = beside(sys.argv[1]); open_store(sys.argv[1]).close(); print(len(before), beside(sys.argv[1]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", looking, url], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    assert found.stdout == "1 []\n"


def test_another_store_of_this_process_takes_nothing_away(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []
    in_the_middle(monkeypatch, lambda: (open_store(url).close(), found.append(beside(url))))
    with open_store(url) as store:
        store.record(many(20))
        assert store.drifted() == []
    assert [len(names) for names in found] == [1]
    assert beside(url) == []


def test_what_somebody_else_named_alike_is_left_alone(url: str) -> None:
    theirs = f"{parse_url(url).database}_scratch_0123abcd"
    command(url, f"CREATE DATABASE {theirs}")
    command(url, "CREATE TABLE t (id UInt8) ENGINE = TinyLog", database=theirs)
    command(url, f"CREATE DATABASE {parse_url(url).database}_scratch_of_mine")
    open_store(url).close()
    assert beside(url) == [theirs, f"{parse_url(url).database}_scratch_of_mine"]
    for name in beside(url):
        command(url, f"DROP DATABASE {name} SYNC")


@pytest.fixture
def recorded(server_url: str) -> Iterator[Store]:
    with open_store(server_url) as store:
        store.record(many(20))
        yield store


@pytest.mark.long
def test_a_living_process_keeps_what_it_works_in_however_long(
    server_url: str, recorded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_SIGN_SECONDS", 0.2)
    monkeypatch.setattr(scratch, "_SILENT_SECONDS", 2)
    found: list[list[str]] = []
    in_the_middle(monkeypatch, lambda: (time.sleep(4), found.append(elsewhere(monkeypatch, server_url))))
    assert recorded.drifted() == []
    assert [len(names) for names in found] == [1]
    assert beside(server_url) == []


@pytest.mark.long
def test_what_has_been_silent_for_long_is_dropped(
    server_url: str, recorded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f"{parse_url(server_url).database}_scratch_0123abcd"
    command(server_url, f"CREATE DATABASE {left}")
    client = open_client(parse_url(server_url), database=left)
    table_lock.create(client, scratch.MARK, "process 1")
    client.close()
    assert elsewhere(monkeypatch, server_url) == [left], "its maker may live"
    monkeypatch.setattr(scratch, "_SILENT_SECONDS", -1)
    assert elsewhere(monkeypatch, server_url) == []


def test_what_was_not_marked_yet_is_marked_first(
    server_url: str, recorded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = f"{parse_url(server_url).database}_scratch_0123abcd"
    command(server_url, f"CREATE DATABASE {left}")
    monkeypatch.setattr(scratch, "_SILENT_SECONDS", -1)
    assert elsewhere(monkeypatch, server_url) == [left]
    assert elsewhere(monkeypatch, server_url) == []
