"""When connections are written to: no sockets."""

from __future__ import annotations

import asyncio

from session_buddy.feed import Feed, Message
from session_buddy.feed.messages import Position, Snapshot
from session_buddy.feed.topics import Topics
from session_buddy.server.live_pump import LiveSettings, Pump
from tests.making import invocation


async def read(_: Topics, at: Position) -> Snapshot:
    return Snapshot(epoch=at.epoch, offset=at.offset, skills=[], invocations=[], anomalies=[])


class Peer:
    """A connection that takes all there is, and remembers in which portions."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.subscriber = pump.feed.join(lambda: pump.mark(self))
        self.portions: list[list[Message]] = []
        self.ended = self.aborted = False
        self.on_push = lambda: None
        pump.add(self)
        self.subscriber.subscribe(["all"], since=pump.feed.position)

    def push(self) -> None:
        self.on_push()
        if messages := self.subscriber.take(1 << 20):
            self.portions.append(messages)
        self.pump.supply(self)

    def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.aborted = True


def pump_of(feed: Feed, **settings: float) -> Pump:
    return Pump(feed, read, LiveSettings(**{"flush_seconds": 0.01, "heartbeat_seconds": 60.0, **settings}))


def test_what_comes_together_is_written_together() -> None:
    async def scene() -> None:
        feed = Feed("e")
        peer = Peer(pump_of(feed, flush_seconds=0.05))
        await asyncio.sleep(0.01)
        peer.portions.clear()
        for number in range(5):
            feed.publish([invocation(str(number))])
            await asyncio.sleep(0)
        assert peer.portions == []
        await asyncio.sleep(0.2)
        assert [len(portion) for portion in peer.portions] == [5]

    asyncio.run(scene())


def test_a_thousand_connections_are_written_to_in_slices_between_which_others_get_their_turn() -> None:
    async def scene() -> None:
        feed = Feed("e")
        pump = pump_of(feed)
        peers = [Peer(pump) for _ in range(1_000)]
        await asyncio.sleep(0.1)
        feed.publish([invocation("1")])
        turns, told = 0, 0
        while told < 1_000:
            before = told
            await asyncio.sleep(0)
            told = sum(any(message.position == Position("e", 1) for message in peer.portions[-1]) for peer in peers)
            turns += told > before
        assert turns == 5

    asyncio.run(scene())


def test_what_is_marked_during_a_flush_is_written_by_the_next() -> None:
    async def scene() -> None:
        feed = Feed("e")
        pump = pump_of(feed)
        first, second = Peer(pump), Peer(pump)
        await asyncio.sleep(0.05)
        second.on_push = lambda: feed.publish([invocation("2")]) and None if feed.offset == 1 else None
        feed.publish([invocation("1")])
        await asyncio.sleep(0.1)
        told = [[message.position for portion in peer.portions for message in portion] for peer in (first, second)]
        assert told == [[Position("e", 0), Position("e", 1), Position("e", 2)]] * 2

    asyncio.run(scene())


def test_one_that_leaves_while_others_are_written_to_is_passed_over() -> None:
    async def scene() -> None:
        feed = Feed("e")
        pump = pump_of(feed)
        first, second, third = Peer(pump), Peer(pump), Peer(pump)
        await asyncio.sleep(0.05)
        second.portions.clear()
        first.on_push = lambda: pump.remove(second)
        feed.publish([invocation("1")])
        await asyncio.sleep(0.05)
        assert second.portions == []
        assert len(third.portions) == 2
        assert (len(pump), len(feed)) == (2, 2)

    asyncio.run(scene())


def test_heartbeats_come_only_to_those_who_have_been_told_everything() -> None:
    async def scene() -> None:
        feed = Feed("e")
        pump = pump_of(feed, heartbeat_seconds=0.02)
        quick, slow = Peer(pump), Peer(pump)
        slow.push = lambda: None  # type: ignore[method-assign]
        feed.publish([invocation("1")])
        await asyncio.sleep(0.2)
        assert b"heartbeat" in quick.portions[-1][-1].text
        assert slow.subscriber.unanswered == 0
        assert [b"heartbeat" in message.text for message in slow.subscriber.take(1 << 20)] == [False, False]

    asyncio.run(scene())


def test_without_connections_it_rests() -> None:
    async def scene() -> None:
        pump = pump_of(Feed("e"), heartbeat_seconds=0.01)
        peer = Peer(pump)
        pump.remove(peer)
        await asyncio.sleep(0.05)
        assert pump._heartbeat is None
        Peer(pump)
        assert pump._heartbeat is not None
        pump.close()

    asyncio.run(scene())


def test_a_fault_while_a_snapshot_is_made_ends_that_connection(caplog: object) -> None:
    async def scene() -> None:
        feed = Feed("e")

        async def fail(_: Topics, __: Position) -> Snapshot:
            raise ZeroDivisionError

        pump = Pump(feed, fail, LiveSettings())
        peer = Peer(pump)
        peer.subscriber.collapse()
        await asyncio.sleep(0.1)
        assert peer.aborted

    asyncio.run(scene())


def test_the_end_of_the_server_is_told_to_all() -> None:
    async def scene() -> None:
        pump = pump_of(Feed("e"))
        peers = [Peer(pump) for _ in range(3)]
        pump.close()
        assert all(peer.ended for peer in peers)

    asyncio.run(scene())
