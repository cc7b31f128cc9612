"""The server is killed under load: what was acknowledged is there, and who listens catches up."""

from __future__ import annotations

import sqlite3
import threading
import time
from itertools import count
from pathlib import Path

import httpx
import pytest

from session_buddy.client import Client, Delta, ServerAway, Snapshot
from session_buddy.model import Invocation
from tests.making import invocation
from tests.server.process_kit import free_port, server_process

_PATIENCE_SECONDS = 90


class Writer(threading.Thread):
    """Records batches through the client, and keeps what was acknowledged."""

    def __init__(self, address: str, name: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._name, self._stop_event = address, name, stop
        self.acknowledged: list[str] = []
        self.fault: Exception | None = None

    def run(self) -> None:
        try:
            with Client(self._address) as client:
                for number in count():
                    if self._stop_event.is_set():
                        return
                    batch = [self._one(number, place) for place in range(1 + number % 7)]
                    try:
                        client.record(batch)
                    except ServerAway:
                        continue
                    self.acknowledged += [one.event_id for one in batch]
        except Exception as error:
            self.fault = error

    def _one(self, number: int, place: int) -> Invocation:
        return invocation(f"{self._name}-{number}-{place}", session_id=self._name, skill_name=f"skill-{place}")


class Listener(threading.Thread):
    """Follows everything, and keeps the uses of each skill as they were told last."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.totals: dict[str, int | None] = {}
        self.snapshots = 0

    def run(self) -> None:
        with Client(self._address) as client:
            for update in client.live(["all"]):
                if isinstance(update, Snapshot):
                    self.snapshots += 1
                    self.totals.clear()
                if isinstance(update, Snapshot | Delta):
                    self.totals.update((row.skill_name, row.total_invocations) for row in update.skills)


def counted(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT skill_name, count(*) FROM skill_invocation GROUP BY 1").fetchall()
    connection.close()
    return dict(rows)


def event_ids(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT event_id FROM skill_invocation").fetchall()
    connection.close()
    return {event_id for (event_id,) in rows}


def until(condition) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


@pytest.mark.long
def test_killed_it_loses_nothing_and_listeners_recover(tmp_path: Path) -> None:
    live_and_die(tmp_path, lives=1)


def live_and_die(folder: Path, *, lives: int) -> None:
    port = free_port()
    address, options = f"http://127.0.0.1:{port}", ["serve", "--port", str(port)]
    stop = threading.Event()
    writers = [Writer(address, f"writer-{number}", stop) for number in range(3)]
    listener = Listener(address)
    for life in range(lives):
        with server_process(folder, options) as server:
            if life == 0:
                for thread in (listener, *writers):
                    thread.start()
            before = [len(writer.acknowledged) for writer in writers]
            until(lambda before=before: all(len(w.acknowledged) > n + 20 for w, n in zip(writers, before, strict=True)))
            server.kill()
    with server_process(folder, options) as server:
        stop.set()
        for writer in writers:
            writer.join(_PATIENCE_SECONDS)
            assert writer.fault is None
        acknowledged = {event_id for writer in writers for event_id in writer.acknowledged}
        assert acknowledged <= event_ids(folder / "store.db")
        until(lambda: listener.totals == counted(folder / "store.db"))
        assert listener.snapshots >= 2
        assert server.stop() == 0


@pytest.mark.long
def test_what_was_spooled_is_delivered_by_the_next_life(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        # Another process holds the store for writing: the server can only put aside what it is sent.
        holder = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with httpx.Client(base_url=server.address, timeout=60) as client:
            for number in range(20):
                one = {
                    "event_id": f"e{number}",
                    "session_id": "s",
                    "skill_name": "a",
                    "kind": "shell",
                    "invoked_at": "2026-06-15T12:00:00Z",
                }
                answer = client.post("/api/v1/invocations", json=one)
                assert (answer.status_code, answer.json()["receipt"]) == (202, "spooled")
        server.kill()
        holder.execute("ROLLBACK")
        holder.close()
    assert event_ids(tmp_path / "store.db") == set()
    with server_process(tmp_path) as server:
        until(lambda: len(event_ids(tmp_path / "store.db")) == 20)
        assert server.stop() == 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_many_times(tmp_path_factory: pytest.TempPathFactory) -> None:
    for _ in range(5):
        live_and_die(tmp_path_factory.mktemp("life"), lives=3)
