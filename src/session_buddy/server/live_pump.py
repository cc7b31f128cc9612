"""What all live connections of a server share: when they are written to, heartbeats, snapshots, the end."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.feed import Feed, Message, Subscriber
from session_buddy.feed.messages import Failure
from session_buddy.server.live_snapshots import ReadSnapshot, Snapshots

__all__ = ["LiveSettings", "Peer", "Pump", "failure"]

_AT_ONCE = 200
"""Connections written to before anything else in the process gets its turn."""
_log = logging.getLogger(__name__)


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The rhythm of the live feed, in seconds."""

    heartbeat_seconds: float = 15.0
    flush_seconds: float = 0.02
    """Messages for one connection that come within this time are written together."""
    fresh_seconds: float = 1.0
    """How long a snapshot is given to others who ask for the same."""
    retry_seconds: float = 2.0
    """After a snapshot could not be read."""


class Peer(Protocol):
    """A live connection."""

    subscriber: Subscriber

    def push(self) -> None:
        """Write what waits, as far as the wire takes it."""

    def end(self) -> None:
        """Close the connection in good order: the server ends."""

    def abort(self) -> None:
        """Cut the connection."""


class Pump:
    """Has connections written to soon after something is there for them, a few at a time.

    Publishing marks them; writing follows on the event loop, in slices, at most once in *flush_seconds*, and never
    for more than half of the time. So a burst of deltas costs each client one write, and REST is never kept waiting
    for a thousand of them.
    """

    def __init__(self, feed: Feed, read: ReadSnapshot, settings: LiveSettings) -> None:
        self.feed, self.settings = feed, settings
        self._loop = asyncio.get_running_loop()
        self._snapshots = Snapshots(feed, read, fresh_seconds=settings.fresh_seconds, now=self._loop.time)
        self._peers: dict[Peer, None] = {}
        self._marked: dict[Peer, None] = {}
        self._supplying: dict[Peer, asyncio.Task[None]] = {}
        self._flushing = False
        self._flushed_at, self._pause = 0.0, 0.0
        self._heartbeat: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of connections."""
        return len(self._peers)

    def add(self, peer: Peer) -> None:
        """Take *peer* in."""
        self._peers[peer] = None
        if self._heartbeat is None:
            self._heartbeat = self._loop.call_later(self.settings.heartbeat_seconds, self._beat)

    def remove(self, peer: Peer) -> None:
        """Let *peer* go, with what waits for it."""
        if supplying := self._supplying.pop(peer, None):
            supplying.cancel()
        self._peers.pop(peer, None)
        self._marked.pop(peer, None)
        peer.subscriber.leave()

    def mark(self, peer: Peer) -> None:
        """Note that something waits for *peer*; it is written soon."""
        self._marked[peer] = None
        if not self._flushing:
            self._flushing = True
            wait = self._flushed_at + self._pause - self._loop.time()
            self._loop.call_later(max(0.0, wait), self._flush)

    def supply(self, peer: Peer) -> None:
        """See that a snapshot is read, if *peer* needs one; it is marked when it is there."""
        if peer.subscriber.needs_snapshot and peer not in self._supplying and peer in self._peers:
            self._supplying[peer] = asyncio.ensure_future(self._supply(peer))

    async def _supply(self, peer: Peer) -> None:
        try:
            await self._read_for(peer.subscriber)
        except Exception:
            _log.exception("A snapshot could not be made, a live connection is closed.")
            peer.abort()
        finally:
            self._supplying.pop(peer, None)

    async def _read_for(self, subscriber: Subscriber) -> None:
        """Read until *subscriber* has what it needs; a store that cannot be read is told, and tried again."""
        while subscriber.needs_snapshot:
            ticket = subscriber.begin_snapshot()
            try:
                subscriber.give_snapshot(ticket, await self._snapshots.get(subscriber.scope))
            except SessionBuddyError as error:
                subscriber.tell(failure(error))
                await asyncio.sleep(self.settings.retry_seconds)
                subscriber.give_up_snapshot(ticket)

    def close(self) -> None:
        """End all connections, so that the server can end."""
        if self._heartbeat:
            self._heartbeat.cancel()
            self._heartbeat = None
        for peer in tuple(self._peers):
            peer.end()

    def _flush(self) -> None:
        began = self._loop.time()
        marked, self._marked = self._marked, {}
        self._flush_some(list(marked), began)

    def _flush_some(self, peers: list[Peer], began: float) -> None:
        for peer in peers[:_AT_ONCE]:
            if peer in self._peers:
                self._push(peer)
        if rest := peers[_AT_ONCE:]:
            self._loop.call_soon(self._flush_some, rest, began)
            return
        self._flushing = False
        self._flushed_at = self._loop.time()
        self._pause = max(self.settings.flush_seconds, self._flushed_at - began)
        if self._marked:
            self.mark(next(iter(self._marked)))

    def _push(self, peer: Peer) -> None:
        try:
            peer.push()
        except Exception:
            # One connection's fault is not the others'.
            _log.exception("A live connection could not be written to, and is closed.")
            peer.abort()

    def _beat(self) -> None:
        self._heartbeat = self._loop.call_later(self.settings.heartbeat_seconds, self._beat) if self._peers else None
        for peer in self._peers:
            if peer.subscriber.is_current:
                peer.subscriber.tell(self.feed.heartbeat())


def failure(error: SessionBuddyError) -> Message:
    """Return *error* as a message for one subscriber."""
    return Message(msgspec.json.encode(Failure.of(error)))
