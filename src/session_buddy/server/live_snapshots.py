"""Snapshots for subscribers, read once for all who ask for the same topics at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from session_buddy.feed import Feed, Message
from session_buddy.feed.messages import Position, Snapshot
from session_buddy.feed.topics import Topics

__all__ = ["ReadSnapshot", "Snapshots"]

ReadSnapshot = Callable[[Topics, Position], Awaitable[Snapshot]]
_READ_AT_ONCE = 4
_KEPT = 64


class _Kept(NamedTuple):
    message: Message
    read_at: float


class Snapshots:
    """Reads snapshots by *read*, a few at once; one that is younger than *fresh_seconds* is given again.

    A thousand clients that come back together cost one reading: each gets the same snapshot, and the deltas since.
    """

    def __init__(self, feed: Feed, read: ReadSnapshot, *, fresh_seconds: float, now: Callable[[], float]) -> None:
        self._feed, self._read, self._fresh_seconds, self._now = feed, read, fresh_seconds, now
        self._kept: dict[Topics, _Kept] = {}
        self._reading: dict[Topics, asyncio.Task[Message]] = {}
        self._turns = asyncio.Semaphore(_READ_AT_ONCE)

    async def get(self, topics: Topics) -> Message:
        """Return a snapshot of *topics*; raises what reading raises."""
        kept = self._kept.get(topics)
        if kept and self._is_good(kept):
            return kept.message
        task = self._reading.get(topics)
        if task is None:
            task = self._reading[topics] = asyncio.ensure_future(self._make(topics))
            task.add_done_callback(lambda done: self._end(topics, done))
        # One of those who wait may leave without taking it from the others.
        return await asyncio.shield(task)

    async def _make(self, topics: Topics) -> Message:
        async with self._turns:
            at = self._feed.position
            snapshot = await self._read(topics, at)
        message = Message(msgspec.json.encode(snapshot), at)
        self._kept = {topics: kept for topics, kept in self._kept.items() if self._is_good(kept)}
        if len(self._kept) < _KEPT:
            self._kept[topics] = _Kept(message, self._now())
        return message

    def _is_good(self, kept: _Kept) -> bool:
        at = kept.message.position
        is_fresh = self._now() - kept.read_at < self._fresh_seconds
        return is_fresh and at is not None and self._feed.past.reaches_back_to(at.offset)

    def _end(self, topics: Topics, task: asyncio.Task[Message]) -> None:
        del self._reading[topics]
        if not task.cancelled():
            task.exception()  # told to those who wait, if any still do
