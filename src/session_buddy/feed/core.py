"""The feed: publishes what changed to those who asked for it. Pure: no I/O, no clock, no threads.

Everything is called from one thread, that of the event loop. Shells around it write to sockets, and read snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.feed.messages import AnomalyRow, Heartbeat, InvocationRow, Position, SkillRow
from session_buddy.feed.past import Message, Past, PastDelta
from session_buddy.feed.subscriber import Subscriber
from session_buddy.feed.topics import Topics
from session_buddy.model import Invocation

__all__ = ["Feed", "FeedFull", "FeedLimits"]


class FeedLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds the memory of a feed."""

    subscribers: int = 2_000
    topics_per_subscriber: int = 100
    queue_messages: int = 1_000
    """What may wait for one subscriber that is slower than the feed; beyond it a snapshot takes their place."""
    queue_bytes: int = 2 << 20
    """More than is published at once, or the quickest would be too slow. What is queued is shared, not copied."""
    kept_deltas: int = 10_000
    """How far back a subscriber can be told what it missed."""
    kept_bytes: int = 32 << 20
    rows_per_delta: int = 500


class FeedFull(SessionBuddyError):
    """There are as many subscribers as the feed takes; try again after ``retry_after_seconds``."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The live feed has {most:,} subscribers already.", remedy="Try again in a minute.")
        self.retry_after_seconds = 60.0


class Feed:
    """Publish and subscribe in one process.

    *epoch* names this life of the feed: offsets of another epoch mean nothing here.

    A delta goes only to subscribers whose topics it touches, and its text is made once for all that share the same
    topics. Publishing takes time in proportion to these, and never waits for anybody.

    >>> feed = Feed("e1")
    >>> subscriber = feed.join(lambda: None)
    >>> subscriber.subscribe(["all"], since=Position("e1", 0))
    >>> [message.text for message in subscriber.take(1_000)]
    [b'{"type":"recovered","epoch":"e1","offset":0,"recovered":true}']
    """

    def __init__(self, epoch: str, *, limits: FeedLimits | None = None) -> None:
        if not epoch or not epoch.isprintable():
            raise ValueError("an epoch is one line of text")
        self.epoch = epoch
        self.limits = limits or FeedLimits()
        self.past = Past(kept_deltas=self.limits.kept_deltas, kept_bytes=self.limits.kept_bytes)
        self._offset = 0
        self._subscribers: dict[Subscriber, None] = {}
        self._scopes: dict[Topics, dict[Subscriber, None]] = {}
        self._by_topic: dict[str, dict[Topics, None]] = {}
        self._categories: dict[str, str | None] = {}
        self._heartbeat: Message | None = None

    @property
    def offset(self) -> int:
        """The number of the last delta."""
        return self._offset

    @property
    def position(self) -> Position:
        """Where the feed is now."""
        return Position(self.epoch, self._offset)

    def __len__(self) -> int:
        """Return the number of subscribers."""
        return len(self._subscribers)

    def publish(
        self,
        invocations: Sequence[Invocation] = (),
        *,
        skills: Iterable[SkillRow] = (),
        anomalies: Iterable[AnomalyRow] = (),
    ) -> int:
        """Tell what was stored; returns the offset of the last delta. Much at once becomes several deltas.

        *invocations* are new or say more than before, *anomalies* have opened or are resolved, *skills* are the rows
        of those that changed, from which the feed learns their categories. What is published must be in the store
        already, so that a snapshot read later has it too.
        """
        rows, opened = list(skills), list(anomalies)
        self._categories.update((row.skill_name, row.category) for row in rows)
        told = (InvocationRow.of(one, self._categories.get(one.skill_name)) for one in invocations)
        most = self.limits.rows_per_delta
        while True:
            now_told = list(islice(told, most))
            now_rows, rows = rows[:most], rows[most:]
            now_opened, opened = opened[:most], opened[most:]
            if not (now_told or now_rows or now_opened):
                return self._offset
            self._tell(now_rows, now_told, now_opened)

    def start_over(self) -> None:
        """Say that something happened that was not published: everybody gets a snapshot."""
        self._offset += 1
        self.past.forget(self._offset)
        for subscriber in tuple(self._subscribers):
            subscriber.collapse()

    def join(self, wake: Callable[[], None]) -> Subscriber:
        """Return a new subscriber without topics; *wake* is called when something waits for it.

        Raises :class:`FeedFull`.
        """
        if len(self._subscribers) >= self.limits.subscribers:
            raise FeedFull(self.limits.subscribers)
        subscriber = Subscriber(self, wake)
        self._subscribers[subscriber] = None
        return subscriber

    def can_recover(self, since: Position) -> bool:
        """Tell whether everything after *since* can still be told."""
        return since.epoch == self.epoch and since.offset <= self._offset and self.past.reaches_back_to(since.offset)

    def heartbeat(self) -> Message:
        """Return the heartbeat of the present offset: for subscribers that are current."""
        if self._heartbeat is None or self._heartbeat.position != self.position:
            text = msgspec.json.encode(Heartbeat(epoch=self.epoch, offset=self._offset))
            self._heartbeat = Message(text, self.position)
        return self._heartbeat

    def move(self, subscriber: Subscriber, before: Topics, after: Topics) -> None:
        """Note that *subscriber* hears of *after* instead of *before*; only for :class:`Subscriber`."""
        if before == after:
            return
        if before:
            members = self._scopes[before]
            del members[subscriber]
            if not members:
                self._drop(before)
        if after:
            if after not in self._scopes:
                self._scopes[after] = {}
                for topic in after:
                    self._by_topic.setdefault(topic, {})[after] = None
            self._scopes[after][subscriber] = None

    def forget(self, subscriber: Subscriber) -> None:
        """Take *subscriber* out; only for :class:`Subscriber`."""
        self._subscribers.pop(subscriber, None)

    def _tell(
        self, skills: Sequence[SkillRow], invocations: Sequence[InvocationRow], anomalies: Sequence[AnomalyRow]
    ) -> None:
        self._offset += 1
        delta = PastDelta(self.position, skills, invocations, anomalies, self._categories.get)
        self.past.add(delta)
        touched = dict.fromkeys(scope for topic in delta.topics for scope in self._by_topic.get(topic, ()))
        for scope in touched:
            if message := delta.message(scope):
                # A subscriber may leave, and another come, while it is being told.
                for subscriber in tuple(self._scopes.get(scope, ())):
                    subscriber.offer(message)

    def _drop(self, scope: Topics) -> None:
        del self._scopes[scope]
        for topic in scope:
            scopes = self._by_topic[topic]
            del scopes[scope]
            if not scopes:
                del self._by_topic[topic]
