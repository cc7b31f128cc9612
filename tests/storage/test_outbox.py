"""Delivery without threads: whatever fails, and whenever it is killed, nothing acknowledged is lost or doubled."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from session_buddy.errors import InvalidInvocation, StoreAway, StoreError, StoreFull
from session_buddy.model import Invocation
from session_buddy.storage import Recorded, segments
from session_buddy.storage.outbox import Backoff, Limits, Outbox
from session_buddy.storage.segments import framed
from session_buddy.storage.spool import Spool
from session_buddy.storage.submissions import Receipt, Submission
from tests.making import invocation


class Killed(BaseException):
    """The process ends here."""


class Ticks:
    """A clock in seconds that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class FakeStore:
    """Remembers what it was told; fails as it is bidden."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.told: list[tuple[str, ...]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def record(self, batch: Sequence[Invocation]) -> Recorded:
        ids = tuple(one.event_id for one in batch)
        self.told.append(ids)
        self.before()
        if any(one.skill_name == "poison" for one in batch):
            raise InvalidInvocation("skill_name", "is poison.", remedy="Do not.")
        new = [one for one in ids if one not in set(self.arrived)]
        self.arrived += new
        self.after()
        return Recorded(added=len(new), unchanged=len(ids) - len(new))


def away() -> None:
    raise StoreAway("It is away.", remedy="Wait.")


def killed() -> None:
    raise Killed


class Rig:
    """An outbox over a fake store, with everything that may happen to it at hand."""

    def __init__(self, folder: Path, *, spool_bytes: int = 1 << 20, **limits: Any) -> None:
        self.folder, self.spool_bytes = folder, spool_bytes
        self.limits = Limits(**{"flush_seconds": 0.0, **limits})
        self.store, self.ticks = FakeStore(), Ticks()
        self.open()

    def open(self) -> None:
        self.spool = Spool(self.folder, limit_bytes=self.spool_bytes, segment_bytes=1500)
        self.outbox = Outbox(
            self.store,  # type: ignore[arg-type]
            self.spool,
            limits=self.limits,
            backoff=Backoff(random=Random(1)),
            clock=self.ticks,
        )

    def drain(self) -> None:
        self.store.before = self.store.after = lambda: None
        for _ in range(1000):
            if (wait := self.outbox.step()) is None:
                return
            self.ticks.now += wait
        raise AssertionError("it never ends")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "spool")


def batch(*numbers: int, **fields: Any) -> list[Invocation]:
    return [invocation(f"e{number}", session_id=f"s{number % 3}", **fields) for number in numbers]


def test_in_good_times_batches_go_to_the_store_together_and_never_touch_the_disk(rig: Rig) -> None:
    submissions = [rig.outbox.put(batch(1, 2)), rig.outbox.put(batch(3))]
    assert [one.receipt() for one in submissions] == [None, None]
    assert rig.outbox.standing.waiting_events == 3
    assert rig.outbox.step() == 0
    assert [one.receipt() for one in submissions] == [Receipt.STORED] * 2
    assert rig.store.told == [("e1", "e2", "e3")]
    assert rig.spool.size_bytes == 0
    assert list(rig.folder.glob("*.segment")) == []
    assert rig.outbox.step() is None
    assert rig.outbox.standing.recorded == Recorded(added=3)


def test_a_flush_takes_whole_batches_of_about_its_size(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", flush_events=3)
    for first in (0, 2, 4, 6):
        rig.outbox.put(batch(first, first + 1))
    rig.drain()
    assert [len(ids) for ids in rig.store.told] == [4, 4]


def test_flushes_keep_their_distance_unless_enough_waits(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", flush_seconds=2.0, flush_events=3)
    rig.outbox.put(batch(1))
    assert rig.outbox.step() == 0, "after a rest, at once"
    rig.ticks.now += 0.5
    rig.outbox.put(batch(2))
    assert rig.outbox.step() == 1.5
    rig.outbox.put(batch(3, 4))
    assert rig.outbox.step() == 0, "three wait"
    assert len(rig.store.told) == 2


def test_an_empty_batch_is_stored_already(rig: Rig) -> None:
    assert rig.outbox.put([]).receipt() is Receipt.STORED
    assert rig.outbox.step() is None


def test_while_the_store_is_away_batches_are_spooled_and_sent_in_order_later(rig: Rig) -> None:
    rig.store.before = away
    first = rig.outbox.put(batch(1))
    assert first.receipt() is None
    rig.outbox.step()
    assert first.receipt() is Receipt.SPOOLED
    assert rig.outbox.put(batch(2)).receipt() is Receipt.SPOOLED
    assert rig.outbox.standing.problem == "It is away. Wait."
    rig.store.before = lambda: None
    assert rig.outbox.put(batch(3)).receipt() is Receipt.SPOOLED, "not before those that wait"
    rig.drain()
    assert rig.store.arrived == ["e1", "e2", "e3"]
    assert rig.outbox.standing.problem is None
    assert rig.outbox.put(batch(4)).receipt() is None, "memory again"


def test_a_batch_whose_answer_was_lost_is_sent_again_as_it_was(rig: Rig) -> None:
    rig.store.after = away  # stored, but the answer is lost
    rig.outbox.put(batch(1))
    rig.outbox.put(batch(2))
    rig.outbox.step()
    rig.drain()
    assert rig.store.told[0] == rig.store.told[1]
    assert rig.store.arrived == ["e1", "e2"]


def test_waits_between_attempts_grow_to_a_limit_and_start_anew_after_success(rig: Rig) -> None:
    rig.store.before = away
    rig.outbox.put(batch(1))
    waits = []
    for _ in range(12):
        assert rig.outbox.step() == 0
        wait = rig.outbox.step()
        assert wait is not None
        waits.append(wait)
        rig.ticks.now += wait
    bounds = [min(0.1 * 2**n, 30.0) for n in range(12)]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert len(set(waits)) == 12, "no jitter"
    rig.drain()
    rig.store.before = away
    rig.outbox.put(batch(2))
    rig.outbox.step()
    assert (rig.outbox.step() or 1) <= 0.1


def test_a_store_that_is_slower_than_its_callers_does_not_fill_the_memory(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", memory_events=4)
    first = [rig.outbox.put(batch(number, number + 1)) for number in (0, 2)]
    assert [one.receipt() for one in first] == [None, None]
    assert rig.outbox.put(batch(4)).receipt() is Receipt.SPOOLED
    assert [one.receipt() for one in first] == [Receipt.SPOOLED] * 2
    assert rig.outbox.standing.waiting_events == 0
    rig.drain()
    assert rig.store.arrived == ["e0", "e1", "e2", "e3", "e4"]


def test_what_is_being_recorded_is_in_memory_too(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", memory_events=4)
    rig.outbox.put(batch(0, 1, 2))
    receipts: list[Receipt | None] = []

    def thinking() -> None:
        rig.store.before = lambda: None
        receipts.extend(rig.outbox.put(batch(number)).receipt() for number in (3, 4))

    rig.store.before = thinking
    rig.outbox.step()
    assert receipts == [None, Receipt.SPOOLED], "a fifth event is one too many"
    rig.drain()
    assert rig.store.arrived == ["e0", "e1", "e2", "e3", "e4"]


def test_one_batch_larger_than_the_memory_limit_is_taken_all_the_same(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", memory_events=2)
    submission = rig.outbox.put(batch(1, 2, 3))
    rig.drain()
    assert submission.receipt() is Receipt.STORED


def test_patience_may_end_while_the_store_still_thinks(rig: Rig) -> None:
    """The batch on its way is spooled, and removed from there when the answer comes after all."""
    rig.outbox.put(batch(1))
    later: list[Submission] = []

    def thinking() -> None:
        rig.store.before = lambda: None
        rig.outbox.spool_unanswered()
        assert not rig.spool.is_empty
        later.append(rig.outbox.put(batch(2)))

    rig.store.before = thinking
    rig.outbox.step()
    assert later[0].receipt() is Receipt.SPOOLED
    rig.drain()
    assert rig.store.told == [("e1",), ("e2",)]


def test_when_even_the_disk_is_full_the_caller_is_told_when_to_come_again(tmp_path: Path) -> None:
    room = 8 + len(framed(batch(1)))
    rig = Rig(tmp_path / "spool", spool_bytes=room)
    rig.store.before = away
    rig.outbox.put(batch(1))
    rig.outbox.step()
    with pytest.raises(StoreFull, match="It is away") as told:
        rig.outbox.put(batch(2))
    assert told.value.retry_after_seconds >= 1
    rig.drain()
    rig.outbox.put(batch(2))
    rig.drain()
    assert rig.store.arrived == ["e1", "e2"]


def test_what_waits_in_memory_is_refused_when_the_disk_is_full_and_not_forgotten(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "spool", spool_bytes=8 + len(framed(batch(1))), flush_events=1)
    rig.store.before = away
    submissions = [rig.outbox.put(batch(number)) for number in range(3)]
    rig.outbox.step()
    assert submissions[0].receipt() is Receipt.SPOOLED
    for submission in submissions[1:]:
        with pytest.raises(StoreFull):
            submission.receipt()


def test_a_batch_that_no_store_can_take_is_told_to_its_sender_and_to_nobody_else(rig: Rig) -> None:
    good, bad, other = rig.outbox.put(batch(1)), rig.outbox.put(batch(2, skill_name="poison")), rig.outbox.put(batch(3))
    rig.drain()
    assert good.receipt() is other.receipt() is Receipt.STORED
    with pytest.raises(InvalidInvocation, match="poison"):
        bad.receipt()
    assert rig.store.arrived == ["e1", "e3"]
    assert rig.outbox.standing.problem is None


def test_a_batch_that_no_store_can_take_does_not_block_the_spool(rig: Rig) -> None:
    rig.store.before = away
    rig.outbox.put(batch(1))
    rig.outbox.step()
    assert rig.outbox.put(batch(2, skill_name="poison")).receipt() is Receipt.SPOOLED
    rig.outbox.put(batch(3))
    rig.drain()
    assert rig.store.arrived == ["e1", "e3"]
    assert rig.outbox.standing.refused == 1
    (kept,) = (rig.folder / "refused").iterdir()
    content = msgspec.json.decode(kept.read_bytes())
    assert [one["event_id"] for one in content["batch"]] == ["e2"]
    assert "is poison" in content["reason"]


def test_a_poisoned_batch_on_its_way_when_patience_ends_is_set_aside_from_the_spool(rig: Rig) -> None:
    submissions = [rig.outbox.put(batch(1)), rig.outbox.put(batch(2, skill_name="poison"))]
    rig.store.before = rig.outbox.spool_unanswered
    rig.outbox.step()
    assert [one.receipt() for one in submissions] == [Receipt.SPOOLED] * 2
    rig.drain()
    assert rig.store.arrived == ["e1"]
    assert rig.outbox.standing.refused == 1


def test_what_cannot_be_written_to_disk_is_told_to_its_sender_only(rig: Rig) -> None:
    half_a_pair = "\ud800"  # no text that can be encoded
    submissions = [rig.outbox.put(batch(1)), rig.outbox.put(batch(2, model=half_a_pair)), rig.outbox.put(batch(3))]
    rig.outbox.spool_unanswered()
    assert submissions[0].receipt() is submissions[2].receipt() is Receipt.SPOOLED
    with pytest.raises(UnicodeEncodeError):
        submissions[1].receipt()
    with pytest.raises(UnicodeEncodeError):
        rig.outbox.put(batch(4, model=half_a_pair))
    rig.drain()
    assert rig.store.arrived == ["e1", "e3"]


def test_a_store_that_goes_away_between_two_batches_told_singly(rig: Rig) -> None:
    submissions = [rig.outbox.put(batch(1)), rig.outbox.put(batch(2)), rig.outbox.put(batch(3, skill_name="poison"))]

    def gone_after_the_second() -> None:
        if len(rig.store.told) == 3:
            away()

    rig.store.before = gone_after_the_second
    rig.outbox.step()
    assert [one.receipt() for one in submissions] == [Receipt.STORED, Receipt.SPOOLED, Receipt.SPOOLED]
    rig.drain()
    assert rig.store.arrived == ["e1", "e2"]
    assert rig.outbox.standing.refused == 1


def test_any_other_error_is_the_stores_and_passes(rig: Rig) -> None:
    def odd() -> None:
        raise RuntimeError("a fault of the program")

    rig.store.before = odd
    submission = rig.outbox.put(batch(1))
    rig.outbox.step()
    assert submission.receipt() is Receipt.SPOOLED
    assert rig.outbox.standing.problem == "a fault of the program"
    rig.drain()
    assert rig.store.arrived == ["e1"]


def test_a_disk_that_cannot_be_read_is_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.store.before = away
    rig.outbox.put(batch(1))
    rig.outbox.step()
    rig.ticks.now += 60

    def unreadable(*_: object) -> None:
        raise OSError("Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "read", unreadable)
        assert rig.outbox.step() == 0
    assert rig.outbox.standing.problem == "Input/output error"
    rig.drain()
    assert rig.store.arrived == ["e1"]


def test_a_closed_outbox_keeps_what_it_has_and_takes_no_more(rig: Rig) -> None:
    submission = rig.outbox.put(batch(1))
    rig.outbox.close()
    assert submission.receipt() is Receipt.SPOOLED
    with pytest.raises(StoreError, match="closed"):
        rig.outbox.put(batch(2))
    rig.open()
    rig.drain()
    assert rig.store.arrived == ["e1"]


class AnyInterleaving(RuleBasedStateMachine):
    """Submits, steps, faults, ends of patience, kills and restarts in any order."""

    @initialize(spool_kib=st.sampled_from([3, 1000]), memory=st.sampled_from([2, 100]), flush=st.sampled_from([2, 50]))
    def begin(self, spool_kib: int, memory: int, flush: int) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.flush = segments._flush
        self.flushes_left: int | None = None
        segments._flush = self.maybe_killed_flush
        self.rig = Rig(self.folder / "spool", spool_bytes=spool_kib * 1024, memory_events=memory, flush_events=flush)
        self.number = 0
        self.unanswered: list[Submission] = []
        self.acknowledged: set[str] = set()
        self.poisoned: set[str] = set()

    def maybe_killed_flush(self, descriptor: int) -> None:
        if self.flushes_left is not None:
            self.flushes_left -= 1
            if self.flushes_left < 0:
                raise Killed

    def make(self, size: int, poison: bool) -> list[Invocation]:
        numbers = range(self.number, self.number + size)
        self.number += size
        if poison:
            self.poisoned |= {f"e{number}" for number in numbers}
        return batch(*numbers, skill_name="poison" if poison else "fine")

    def put(self, size: int, poison: bool) -> None:
        with suppress(StoreFull):
            self.unanswered.append(self.rig.outbox.put(self.make(size, poison)))
        self.note_answers()

    def note_answers(self) -> None:
        still = []
        for submission in self.unanswered:
            try:
                receipt = submission.receipt()
            except (StoreFull, InvalidInvocation):
                continue
            if receipt is None:
                still.append(submission)
            else:
                self.acknowledged |= {one.event_id for one in submission.batch}
        self.unanswered = still

    @rule(size=st.integers(1, 3), poison=st.sampled_from([False] * 7 + [True]), data=st.data())
    def submit(self, size: int, poison: bool, data: st.DataObject) -> None:
        self.living(lambda: self.put(size, poison), data)

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        self.living(lambda: self.rig.outbox.step(), data)

    @rule(data=st.data())
    def patience_ends(self, data: st.DataObject) -> None:
        self.living(self.rig.outbox.spool_unanswered, data)

    @rule(seconds=st.sampled_from([0.05, 1.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.rig.ticks.now += seconds

    @rule(fault=st.sampled_from([away, killed, None]), stored=st.booleans())
    def the_store_changes(self, fault: Callable[[], None] | None, stored: bool) -> None:
        self.rig.store.before = self.rig.store.after = lambda: None
        if fault:
            setattr(self.rig.store, "after" if stored else "before", fault)

    @rule(then=st.sampled_from(["patience", "put", "both", "away"]), stored=st.booleans())
    def the_store_hangs_and_meanwhile(self, then: str, stored: bool) -> None:
        def meanwhile() -> None:
            if then in ("patience", "both", "away"):
                self.rig.outbox.spool_unanswered()
            if then in ("put", "both"):
                self.put(1, False)
            if then == "away":
                away()

        self.the_store_changes(meanwhile, stored)

    @rule(flushes=st.integers(0, 3))
    def a_kill_awaits_at_a_flush(self, flushes: int) -> None:
        self.flushes_left = flushes

    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        self.restart_after_kill(data)

    @rule(data=st.data())
    def close_and_reopen(self, data: st.DataObject) -> None:
        self.living(self.close_and_open, data)

    def close_and_open(self) -> None:
        self.rig.outbox.close()
        self.note_answers()
        assert not self.unanswered
        self.rig.open()

    def living(self, act: Callable[[], object], data: st.DataObject) -> None:
        try:
            act()
        except Killed:
            self.restart_after_kill(data)
        else:
            self.note_answers()

    def restart_after_kill(self, data: st.DataObject) -> None:
        """The process ends: memory is gone, and of what was not flushed any part may be missing."""
        self.note_answers()
        self.unanswered = []
        self.flushes_left = None
        self.rig.store.before = self.rig.store.after = lambda: None
        spool = self.rig.spool
        spool._held.close()
        if spool._open:
            spool._open[1].close()
            path, safe = spool._open[0].path, spool._safe
            size = path.stat().st_size
            flushed = safe.size if safe.number == spool._open[0].number else 0
            with path.open("r+b") as file:
                file.truncate(data.draw(st.integers(flushed, size)))
        self.rig.open()

    @precondition(lambda self: hasattr(self, "rig"))
    @invariant()
    def order_is_kept_and_nothing_doubled(self) -> None:
        numbers = [int(event_id[1:]) for event_id in self.rig.store.arrived]
        assert numbers == sorted(set(numbers))

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.flushes_left = None
        try:
            self.rig.drain()
            self.note_answers()
            assert not self.unanswered
            assert not self.acknowledged - set(self.rig.store.arrived) - self.poisoned
            kept = {
                one["event_id"]
                for path in (self.folder / "spool").glob("refused/*.json")
                for one in msgspec.json.decode(path.read_bytes())["batch"]
            }
            assert self.acknowledged & self.poisoned <= kept
            self.order_is_kept_and_nothing_doubled()
            self.rig.outbox.close()
        finally:
            segments._flush = self.flush
            shutil.rmtree(self.folder)


TestAnyInterleaving = pytest.mark.long(AnyInterleaving.TestCase)
TestAnyInterleaving.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
