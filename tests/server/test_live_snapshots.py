"""Snapshots are read once for all who ask together."""

from __future__ import annotations

import asyncio

import pytest

from session_buddy.errors import StoreBusy
from session_buddy.feed import Feed, FeedLimits
from session_buddy.feed.messages import Position, Snapshot
from session_buddy.feed.topics import Topics
from session_buddy.server.live_snapshots import Snapshots
from tests.making import invocation

ALL: Topics = frozenset(["all"])


class Reader:
    """Reads when it is let, and counts."""

    def __init__(self) -> None:
        self.asked: list[Position] = []
        self.at_once = self.most_at_once = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.fault: Exception | None = None

    async def __call__(self, topics: Topics, at: Position) -> Snapshot:
        self.asked.append(at)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may_go_on.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.fault:
            raise self.fault
        return Snapshot(epoch=at.epoch, offset=at.offset, skills=[], invocations=[], anomalies=[])


class Table:
    """A feed, a reader, and snapshots by a clock that stands still."""

    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        self.feed, self.reader = Feed("e", limits=FeedLimits(**limits)), Reader()
        self.snapshots = Snapshots(self.feed, self.reader, fresh_seconds=1.0, now=lambda: self.now)


def test_many_who_ask_together_cost_one_reading_and_so_do_those_just_after() -> None:
    async def scene() -> None:
        table = Table()
        found = await asyncio.gather(*(table.snapshots.get(ALL) for _ in range(100)))
        table.now = 0.9
        found.append(await table.snapshots.get(ALL))
        assert len(set(map(id, found))) == 1
        assert len(table.reader.asked) == 1
        table.now = 1.0
        assert await table.snapshots.get(ALL) is not found[0]

    asyncio.run(scene())


def test_a_kept_one_is_not_given_when_the_deltas_since_are_gone() -> None:
    async def scene() -> None:
        table = Table(kept_deltas=2)
        first = await table.snapshots.get(ALL)
        table.feed.publish([invocation("1")])
        assert await table.snapshots.get(ALL) is first
        for number in range(3):
            table.feed.publish([invocation(str(number))])
        assert (await table.snapshots.get(ALL)).position == Position("e", 4)
        table.feed.start_over()
        assert (await table.snapshots.get(ALL)).position == Position("e", 5)

    asyncio.run(scene())


def test_its_position_is_from_before_it_was_read() -> None:
    async def scene() -> None:
        table = Table()
        table.reader.may_go_on.clear()
        asking = asyncio.ensure_future(table.snapshots.get(ALL))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        table.feed.publish([invocation("1")])
        table.reader.may_go_on.set()
        assert (await asking).position == Position("e", 0)

    asyncio.run(scene())


def test_one_who_leaves_does_not_take_it_from_the_others() -> None:
    async def scene() -> None:
        table = Table()
        table.reader.may_go_on.clear()
        leaves, stays = (asyncio.ensure_future(table.snapshots.get(ALL)) for _ in range(2))
        await asyncio.sleep(0.01)
        leaves.cancel()
        await asyncio.sleep(0)
        table.reader.may_go_on.set()
        assert (await stays).position == Position("e", 0)
        assert len(table.reader.asked) == 1

    asyncio.run(scene())


def test_a_failure_is_told_to_all_and_not_kept() -> None:
    async def scene() -> None:
        table = Table()
        table.reader.fault = StoreBusy("Busy.", remedy="Wait.")
        found = await asyncio.gather(*(table.snapshots.get(ALL) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [StoreBusy] * 3
        table.reader.fault = None
        assert (await table.snapshots.get(ALL)).position == Position("e", 0)

    asyncio.run(scene())


def test_a_failure_that_nobody_waits_for_any_more_is_no_trouble() -> None:
    async def scene() -> None:
        table = Table()
        table.reader.fault = StoreBusy("Busy.", remedy="Wait.")
        asking = asyncio.ensure_future(table.snapshots.get(ALL))
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.01)

    asyncio.run(scene())


def test_few_are_read_at_once_and_few_are_kept() -> None:
    async def scene() -> None:
        table = Table()
        scopes = [frozenset([f"skill:{number}"]) for number in range(100)]
        await asyncio.gather(*map(table.snapshots.get, scopes))
        assert table.reader.most_at_once == 4
        assert len(table.reader.asked) == 100
        assert len(table.snapshots._kept) == 64
        table.now = 5.0
        await table.snapshots.get(ALL)
        assert list(table.snapshots._kept) == [ALL]

    asyncio.run(scene())
