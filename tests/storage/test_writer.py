"""Many threads, one writer, a store that comes and goes: everything acknowledged is there once, roll-ups too."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import InvalidInvocation, StoreAway, StoreError, StoreFull
from session_buddy.model import Invocation
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.writer import Backoff, BatchingWriter, Limits, Receipt
from tests.making import invocation, many

ROOT = Path(__file__).resolve().parents[2]
QUICK = Limits(flush_seconds=0.01)


def soon() -> Backoff:
    return Backoff(first_seconds=0.005, most_seconds=0.05)


class Wavering:
    """A SQLite store behind a line that is cut, hangs or loses answers, as *fault* has it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self.batches: list[int] = []

    def record(self, batch: Sequence[Invocation]) -> Recorded:
        self.before()
        recorded = self.store.record(batch)
        self.batches.append(len(batch))
        self.after()
        return recorded


def away() -> None:
    raise StoreAway("It is away.", remedy="Wait.")


def writer_on(store: Wavering, folder: Path, **options: Any) -> BatchingWriter:
    options = {"limits": QUICK, "backoff": soon(), **options}
    return BatchingWriter(store, folder, **options)  # type: ignore[arg-type]


def in_threads(number: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(f"sqlite:///{tmp_path}/s.db") as opened:
        yield Wavering(opened)


def stored(store: Wavering) -> list[str]:
    return [event_id for (event_id,) in store.store.query("SELECT event_id FROM skill_invocation").rows]


def test_a_batch_is_stored_when_submit_returns(store: Wavering, tmp_path: Path) -> None:
    with writer_on(store, tmp_path / "spool") as writer:
        assert writer.submit([invocation("a"), invocation("b")]) is Receipt.STORED
        assert sorted(stored(store)) == ["a", "b"]
        assert writer.submit([invocation("a")]) is Receipt.STORED
        assert writer.standing.recorded == Recorded(added=2, unchanged=1)


def test_a_lone_batch_does_not_wait_for_company(store: Wavering, tmp_path: Path) -> None:
    with writer_on(store, tmp_path / "spool", limits=Limits(flush_seconds=60), patience_seconds=30) as writer:
        began = time.monotonic()
        assert writer.submit([invocation("a")]) is Receipt.STORED
        assert time.monotonic() - began < 20


def test_many_callers_share_transactions(store: Wavering, tmp_path: Path) -> None:
    store.before = lambda: time.sleep(0.02)  # while one is under way, the next gathers
    with writer_on(store, tmp_path / "spool", patience_seconds=30) as writer:

        def send(index: int) -> None:
            for event in many(20, seed=index):
                writer.submit([event])

        in_threads(16, send)
        assert writer.standing.waiting_events == 0
    assert sum(store.batches) == 320
    assert len(store.batches) <= 80
    assert len(stored(store)) == 320
    assert store.store.drifted() == []


def test_a_store_that_hangs_keeps_nobody_waiting(store: Wavering, tmp_path: Path) -> None:
    hanging, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hanging.set()
        assert go_on.wait(30)

    store.before = hang
    with writer_on(store, tmp_path / "spool", patience_seconds=0.05) as writer:
        assert writer.submit([invocation("a")]) is Receipt.SPOOLED
        assert hanging.is_set()
        assert writer.submit([invocation("b")]) is Receipt.SPOOLED
        assert stored(store) == []
        go_on.set()
    assert sorted(stored(store)) == ["a", "b"]
    assert list((tmp_path / "spool").glob("*.segment")) == []


def test_closing_does_not_wait_for_a_store_that_hangs(store: Wavering, tmp_path: Path) -> None:
    go_on = threading.Event()
    store.before = lambda: go_on.wait(30) and None
    writer = writer_on(store, tmp_path / "spool", patience_seconds=0.05)
    assert writer.submit([invocation("a")]) is Receipt.SPOOLED
    began = time.monotonic()
    writer.close(drain_seconds=0.1)
    assert time.monotonic() - began < 10
    store.before = lambda: None
    go_on.set()  # the thread that was left behind comes to its end
    with writer_on(store, tmp_path / "spool"):
        pass
    assert stored(store) == ["a"]


def test_a_writer_closed_while_the_store_is_away_goes_on_when_it_is_opened_again(
    store: Wavering, tmp_path: Path
) -> None:
    store.before = away
    with writer_on(store, tmp_path / "spool") as writer:
        assert writer.submit([invocation("a")]) is Receipt.SPOOLED
        assert writer.standing.problem == "It is away. Wait."
        assert writer.standing.spooled_bytes > 0
    store.before = lambda: None
    with writer_on(store, tmp_path / "spool"):
        pass
    assert stored(store) == ["a"]


def test_a_closed_writer_takes_nothing(store: Wavering, tmp_path: Path) -> None:
    writer = writer_on(store, tmp_path / "spool")
    writer.close()
    with pytest.raises(StoreError, match="closed"):
        writer.submit([invocation("a")])


def test_nothing_more_is_taken_in_while_it_closes(store: Wavering, tmp_path: Path) -> None:
    go_on = threading.Event()
    store.before = lambda: go_on.wait(30) and None
    writer = writer_on(store, tmp_path / "spool", patience_seconds=0.05)
    writer.submit([invocation("a")])
    closing = threading.Thread(target=writer.close, kwargs={"drain_seconds": 20})
    closing.start()
    time.sleep(0.2)
    assert closing.is_alive()
    with pytest.raises(StoreError, match="closed"):
        writer.submit([invocation("b")])
    go_on.set()
    closing.join()
    assert stored(store) == ["a"]


def test_a_full_spool_pushes_back_and_takes_in_again_later(store: Wavering, tmp_path: Path) -> None:
    store.before = away
    with writer_on(store, tmp_path / "spool", spool_bytes=20_000) as writer:
        taken = []
        with pytest.raises(StoreFull) as told:
            for event in many(10_000):
                writer.submit([event])
                taken.append(event.event_id)
        assert told.value.retry_after_seconds > 0
        assert taken
        store.before = lambda: None
        deadline = time.monotonic() + 30
        while writer.standing.spooled_bytes and time.monotonic() < deadline:
            time.sleep(0.01)
        assert writer.submit([invocation("after")]) is Receipt.STORED
    assert set(stored(store)) >= {*taken, "after"}


def test_the_error_of_a_batch_reaches_its_sender(store: Wavering, tmp_path: Path) -> None:
    record = store.store.record

    def strict(batch: Sequence[Invocation]) -> Recorded:
        if any(one.skill_name == "poison" for one in batch):
            raise InvalidInvocation("skill_name", "is poison.", remedy="Do not.")
        return record(batch)

    store.store.record = strict  # type: ignore[method-assign, assignment]
    with writer_on(store, tmp_path / "spool") as writer:
        with pytest.raises(InvalidInvocation, match="poison"):
            writer.submit([invocation("bad", skill_name="poison")])
        assert writer.submit([invocation("good")]) is Receipt.STORED


def outage(store: Wavering, seconds: float, seed: int) -> None:
    """Cut the line, hang and lose answers by turns for so long, then mend it."""
    rnd = random.Random(seed)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        store.before = rnd.choice([away, lambda: time.sleep(0.1), lambda: None])
        store.after = rnd.choice([away, lambda: None])
        time.sleep(rnd.uniform(0, 0.1))
    store.before = store.after = lambda: None


def survive_an_outage(store: Wavering, folder: Path, *, events: int, seconds: float) -> None:
    by_thread = [many(events // 8, seed=index, days=3) for index in range(8)]
    receipts: list[Receipt] = []
    with writer_on(store, folder, patience_seconds=0.05) as writer:

        def send(index: int) -> None:
            for start in range(0, len(by_thread[index]), 25):
                receipts.append(writer.submit(by_thread[index][start : start + 25]))
                time.sleep(seconds / (events / 8 / 25))

        trouble = threading.Timer(seconds / 4, outage, [store, seconds / 2, 7])
        trouble.start()
        in_threads(8, send)
        trouble.join()
        deadline = time.monotonic() + 120
        while writer.standing.spooled_bytes and time.monotonic() < deadline:
            time.sleep(0.02)
        assert writer.standing.problem is None
    assert set(receipts) == {Receipt.STORED, Receipt.SPOOLED}
    expected = sorted(event.event_id for one in by_thread for event in one)
    assert sorted(stored(store)) == expected
    assert store.store.drifted() == []


@pytest.mark.long
def test_everything_is_there_once_after_an_outage(store: Wavering, tmp_path: Path) -> None:
    survive_an_outage(store, tmp_path / "spool", events=4_000, seconds=2.0)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_are_there_once_after_a_minute_of_outage(store: Wavering, tmp_path: Path) -> None:
    survive_an_outage(store, tmp_path / "spool", events=100_000, seconds=120.0)


SUBMITTING = """
import random, sys
from pathlib import Path
from session_buddy.errors import StoreAway
from session_buddy.storage import open_store
from session_buddy.storage.writer import Backoff, BatchingWriter, Limits
from tests.making import invocation
folder, start = Path(sys.argv[1]), int(sys.argv[2])
store, rnd = open_store(f"sqlite:///{folder}/s.db"), random.Random(start)
record = store.record
def wavering(batch):
    if rnd.random() < 0.4:
        raise StoreAway("It is away.", remedy="Wait.")
    recorded = record(batch)
    if rnd.random() < 0.2:
        raise StoreAway("The answer was lost.", remedy="Wait.")
    return recorded
store.record = wavering
writer = BatchingWriter(store, folder / "spool", limits=Limits(flush_seconds=0.0),
                        backoff=Backoff(first_seconds=0.001, most_seconds=0.01))
print("open", flush=True)
for number in range(start, start + 100_000):
    writer.submit([invocation(f"e{number:07}", session_id=f"s{number % 7}")])
    print(f"{number:07}", flush=True)
"""


@pytest.mark.long
def test_a_writer_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rnd = random.Random(5)
    acknowledged: set[str] = set()
    for start in range(0, 800_000, 100_000):
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SUBMITTING, str(tmp_path), str(start)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        time.sleep(rnd.uniform(0.01, 0.4))
        process.kill()
        told = process.stdout.read().split("\n")[:-1]  # the last line may be cut
        process.communicate()
        acknowledged |= {f"e{number}" for number in told}
    with open_store(f"sqlite:///{tmp_path}/s.db") as store, BatchingWriter(store, tmp_path / "spool"):
        pass
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        found = [event_id for (event_id,) in store.query("SELECT event_id FROM skill_invocation").rows]
        assert len(acknowledged) > 50
        assert acknowledged <= set(found)
        assert len(found) == len(set(found)) <= len(acknowledged) + 8
        assert store.drifted() == []
