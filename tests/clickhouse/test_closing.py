"""Closing a store in which a statement hangs: it ends soon, says what is not known, and nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import StoreAway, StoreError
from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse import event_log, lookup
from session_buddy.storage.clickhouse import store as store_module
from session_buddy.storage.writer import BatchingWriter, Receipt
from tests.clickhouse.http_server import ChdbServer
from tests.clickhouse.places import drop, new_database
from tests.making import invocation, many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

HANGS_SECONDS = 3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_CLOSE_SECONDS", 0.3)


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database()
    yield made
    drop(made)


def assert_all_once(store: Store, expected: int) -> None:
    assert store.query("SELECT count(*) FROM skill_invocation").rows == [(expected,)]
    assert store.query("SELECT sum(invocation_count) FROM skill_metrics").rows == [(expected,)]
    assert store.drifted() == []


def seconds_to_close(store: Store) -> float:
    began = time.monotonic()
    store.close()
    return time.monotonic() - began


@pytest.mark.long
def test_closing_does_not_wait_for_a_write_that_hangs_and_says_what_is_not_known(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, refused = threading.Event(), threading.Event()
    begin = event_log.begin

    def hanging(client: Any, token: str, contents: bytes) -> None:
        hangs.set()
        client.query(f"SELECT sleep({HANGS_SECONDS})")
        begin(client, token, contents)

    def record() -> None:
        with pytest.raises(StoreError, match="has been closed"):
            store.record(many(30))
        refused.set()

    store = open_store(url)
    monkeypatch.setattr(event_log, "begin", hanging)
    thread = threading.Thread(target=record)
    thread.start()
    assert hangs.wait(30)
    time.sleep(0.2)
    began = time.monotonic()
    with pytest.raises(StoreAway, match="whether that is stored is not known"):
        store.close()
    assert time.monotonic() - began < HANGS_SECONDS / 2
    assert seconds_to_close(store) < HANGS_SECONDS / 2, "again, and nothing more to say"
    with pytest.raises(StoreError, match="has been closed"):
        store.query("SELECT 1")
    thread.join()
    assert refused.is_set(), "what comes back after that sends nothing: another process may be at its work by now"
    with pytest.raises(StoreError, match="has been closed"):
        store.record([invocation()])
    monkeypatch.undo()
    with open_store(url) as again:
        assert again.record(many(30)).unchanged == 30
        assert_all_once(again, 30)


def test_closing_gives_back_what_the_hanging_thread_had(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    present = lookup.present
    monkeypatch.setattr(lookup, "present", lambda *given: (time.sleep(1), present(*given))[1])
    store = open_store(url)
    client = store._clients.writer  # type: ignore[attr-defined]

    def record() -> None:
        with pytest.raises(StoreError, match="has been closed"):
            store.record(many(30))

    thread = threading.Thread(target=record)
    thread.start()
    time.sleep(0.2)
    with pytest.raises(StoreAway):
        store.close()
    assert client.query("SELECT 1").result_rows == [(1,)]
    thread.join()
    with pytest.raises(Exception, match="has been closed"):
        client.query("SELECT 1")
    with open_store(url) as again:
        assert again.query("SELECT count(*) FROM skill_invocation").rows == [(0,)]


@pytest.mark.long
def test_closing_waits_for_a_query_a_while_and_loses_nothing(url: str) -> None:
    store = open_store(url)
    store.record(many(30))
    asking = threading.Thread(target=store.query, args=(f"SELECT sleep({HANGS_SECONDS})",))
    asking.start()
    time.sleep(0.3)
    assert seconds_to_close(store) < HANGS_SECONDS / 2
    asking.join()


@pytest.mark.long
def test_a_server_that_hangs_keeps_nobody_from_ending(server: ChdbServer, server_url: str, tmp_path: Path) -> None:
    store = open_store(server_url)
    store.record(many(30, seed=1))
    writer = BatchingWriter(store, tmp_path / "spool", patience_seconds=0.1)
    server.pause()
    try:
        assert writer.submit(many(30, seed=2)) is Receipt.SPOOLED
        began = time.monotonic()
        writer.close(drain_seconds=0.2)
        with pytest.raises(StoreAway, match="not known"):
            store.close()
        assert time.monotonic() - began < 5
    finally:
        server.resume()
    with open_store(server_url) as again:
        with BatchingWriter(again, tmp_path / "spool"):
            pass
        assert_all_once(again, 60)
