"""A ClickHouse server that drops, fails, hangs or dies: everything is there exactly once afterwards, roll-ups too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from session_buddy.errors import StoreAway
from session_buddy.model import Invocation
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.writer import Backoff, BatchingWriter, Limits, Receipt
from tests.clickhouse.http_server import ChdbServer, Kind
from tests.making import many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

STRIKES: tuple[Kind, ...] = ("fail_before", "drop_after", "cut_body")
"""Not executed and told so; executed and the answer lost; executed in part and nobody knows."""
STAGES = {"put down": 0, "written": 1, "marked as done": 2}
"""The inserts that one call of ``record`` makes."""


@pytest.fixture
def store(server_url: str) -> Iterator[Store]:
    with open_store(server_url) as opened:
        yield opened


def assert_all_once(store: Store, events: list[Invocation]) -> None:
    rows = store.query("SELECT event_id FROM skill_invocation ORDER BY event_id").rows
    assert [event_id for (event_id,) in rows] == sorted(event.event_id for event in events)
    (counted,) = store.query("SELECT sum(invocation_count) FROM skill_metrics").rows
    assert counted == (len(events),)
    assert store.drifted() == []


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("kind", STRIKES)
def test_a_record_that_failed_at_any_stage_is_made_whole_by_telling_it_again(
    server: ChdbServer, server_url: str, kind: Kind, stage: int
) -> None:
    first, second = many(60, seed=1, days=2), many(60, seed=2, days=2)
    with open_store(server_url) as store:
        store.record(first)
        struck = server.healthy()
        server.fault(kind, skip=stage, times=4)
        with pytest.raises(StoreAway):
            store.record(second)
        assert server.healthy() > struck
        store.record(second)
        assert store.record(second) == Recorded(unchanged=60)
        assert_all_once(store, first + second)
    with open_store(server_url) as store:  # another process finds nothing left to do, and does nothing twice
        assert_all_once(store, first + second)


@pytest.mark.long
@pytest.mark.parametrize("kind", [*STRIKES, "drop_before", "slow"])
def test_a_writer_rides_through_faults(server: ChdbServer, store: Store, tmp_path: Path, kind: Kind) -> None:
    events = many(300, seed=3, days=2)
    server.fault(kind, skip=3, times=8, seconds=0.1)
    with writing(store, tmp_path) as writer:
        for start in range(0, 300, 30):
            writer.submit(events[start : start + 30])
        drained(writer)
    assert_all_once(store, events)


def writing(store: Store, folder: Path) -> BatchingWriter:
    return BatchingWriter(
        store,
        folder / "spool",
        patience_seconds=0.3,
        limits=Limits(flush_seconds=0.05),
        backoff=Backoff(first_seconds=0.05, most_seconds=0.5),
    )


def drained(writer: BatchingWriter) -> None:
    until(lambda: not (writer.standing.spooled_bytes or writer.standing.waiting_events))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def killed(server: ChdbServer, seconds: float) -> None:
    """The server dies; connections are refused; it comes back."""
    server.kill()
    time.sleep(seconds)
    server.start()


def hung(server: ChdbServer, seconds: float) -> None:
    """The server takes connections and does not answer."""
    server.pause()
    time.sleep(seconds)
    server.resume()


def hung_then_killed(server: ChdbServer, seconds: float) -> None:
    server.pause()
    time.sleep(seconds / 2)
    server.kill()
    time.sleep(seconds / 2)
    server.start()


def refusing(server: ChdbServer, seconds: float) -> None:
    """The server answers, and refuses every insert: it has too much to do."""
    server.fault("fail_before", times=1_000_000)
    time.sleep(seconds)
    assert server.healthy() > 0


Trouble = Callable[[ChdbServer, float], None]
TROUBLES = [killed, hung, hung_then_killed, refusing]


@pytest.mark.parametrize("trouble", [killed, hung, refusing, pytest.param(hung_then_killed, marks=pytest.mark.long)])
@pytest.mark.long
def test_an_outage_in_the_middle(server: ChdbServer, store: Store, tmp_path: Path, trouble: Trouble) -> None:
    survive(server, store, tmp_path, trouble, events=3_000, outage_seconds=1.5)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_minute_of_outage_in_the_middle_of_a_hundred_thousand(
    server: ChdbServer, store: Store, tmp_path: Path, trouble: Trouble
) -> None:
    survive(server, store, tmp_path, trouble, events=100_000, outage_seconds=60.0)


def survive(
    server: ChdbServer, store: Store, folder: Path, trouble: Trouble, *, events: int, outage_seconds: float
) -> None:
    """Send *events* from four threads; the outage strikes after a quarter of them, the rest outlasts it."""
    sent = [many(events // 4, seed=10 + thread, days=2) for thread in range(4)]
    receipts: list[Receipt] = []
    failures: list[BaseException] = []
    struck = threading.Event()

    def send(mine: list[Invocation]) -> None:
        pause = 1.3 * outage_seconds * 50 / (len(mine) * 3 / 4)
        try:
            for start in range(0, len(mine), 50):
                if start >= len(mine) / 4:
                    struck.wait()
                    time.sleep(pause)
                receipts.append(writer.submit(mine[start : start + 50]))
        except BaseException as error:
            failures.append(error)

    with writing(store, folder) as writer:
        threads = [threading.Thread(target=send, args=(mine,)) for mine in sent]
        for thread in threads:
            thread.start()
        until(lambda: writer.standing.recorded.added > 0)
        struck.set()
        trouble(server, outage_seconds)
        for thread in threads:
            thread.join()
        drained(writer)
    assert failures == []
    assert Receipt.SPOOLED in receipts
    assert_all_once(store, [event for mine in sent for event in mine])
