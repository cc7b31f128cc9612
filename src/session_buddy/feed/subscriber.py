"""One subscriber: what waits to be sent to it, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TYPE_CHECKING

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.feed.messages import Position, Recovered
from session_buddy.feed.past import Message
from session_buddy.feed.topics import Topics, checked, reduced

if TYPE_CHECKING:
    from session_buddy.feed.core import Feed

__all__ = ["Subscriber"]


class _Stage(Enum):
    SILENT = auto()
    """No topics: nothing is told."""
    CURRENT = auto()
    """Deltas are queued as they are published."""
    CATCHING_UP = auto()
    """Deltas are taken from the past until it is current."""
    NEEDS_SNAPSHOT = auto()
    """What it has is worth nothing, or it has nothing."""
    AWAITS_SNAPSHOT = auto()
    """One is being read for it."""


# Looked at for each subscriber and message: a name is found faster than a member of an enumeration.
_SILENT, _CURRENT, _CATCHING_UP = _Stage.SILENT, _Stage.CURRENT, _Stage.CATCHING_UP
_NEEDS, _AWAITS = _Stage.NEEDS_SNAPSHOT, _Stage.AWAITS_SNAPSHOT


class Subscriber:
    """Somebody who hears of the topics it asked for; made by :meth:`Feed.join`.

    Guarantees:

    * It gets every delta within its topics, in order and once, after a snapshot or the position it gave; or, if it
      takes them more slowly than they come, a fresh snapshot in place of those that it did not get.
    * What waits for it is bounded; nobody else waits for it.

    *wake* is called when something new waits. Whoever writes to the wire then calls :meth:`take` as often as the wire
    takes more, and, where :attr:`needs_snapshot`, :meth:`begin_snapshot` and later :meth:`give_snapshot`.
    """

    def __init__(self, feed: Feed, wake: Callable[[], None]) -> None:
        self._feed, self._wake = feed, wake
        self._limits = feed.limits
        self._stage = _SILENT
        self._topics: Topics = frozenset()
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._replies: deque[Message] = deque()
        self._position = 0
        """While catching up: the offset up to which the past has been told."""
        self._recovering = False
        self._ticket = 0

    @property
    def topics(self) -> Topics:
        """The topics it asked for."""
        return self._topics

    @property
    def scope(self) -> Topics:
        """The least set of topics that means the same."""
        return reduced(self._topics)

    @property
    def needs_snapshot(self) -> bool:
        """Whether a snapshot has to be read for it."""
        return self._stage is _NEEDS

    @property
    def is_current(self) -> bool:
        """Whether it has been given everything that there is to tell."""
        return self._stage in (_CURRENT, _SILENT) and not self._queue and not self._replies

    @property
    def has_waiting(self) -> bool:
        """Whether :meth:`take` may have something to give."""
        return bool(self._queue or self._replies) or self._stage is _CATCHING_UP

    @property
    def unanswered(self) -> int:
        """How many replies wait; they are not bounded here."""
        return len(self._replies)

    @property
    def queued_bytes(self) -> int:
        """How much waits, replies aside."""
        return self._queued_bytes

    def subscribe(self, topics: Iterable[str], since: Position | None = None) -> None:
        """Add *topics*; tell everything within all its topics since *since*, or from a snapshot on.

        A position of another epoch, of the future or too long ago leads to a snapshot. Raises
        :class:`InvalidInput`, and changes nothing, for what is no topic and for too many.
        """
        wanted = self._topics | checked(topics)
        most = self._limits.topics_per_subscriber
        if len(wanted) > most:
            raise InvalidInput(
                "topics", f"{len(wanted)} are too many.", remedy=f"Up to {most} at once; all takes in every skill."
            )
        self._set_topics(wanted)
        self._clear()
        if since is not None and self._feed.can_recover(since):
            self._stage, self._position, self._recovering = _CATCHING_UP, since.offset, True
        else:
            self._stage = _NEEDS
        self._wake()

    def unsubscribe(self, topics: Iterable[str]) -> None:
        """Take *topics* away, those that are there; what was queued of them may still come.

        Raises :class:`InvalidInput` for what is no topic.
        """
        self._set_topics(self._topics - checked(topics))
        if not self._topics:
            self._clear()
            self._stage = _SILENT
        elif self._stage is _AWAITS:
            self._stage = _NEEDS
            self._wake()

    def offer(self, message: Message) -> None:
        """Queue a delta that was just published, or, where too much waits, ask for a snapshot in its place."""
        if self._stage is not _CURRENT:
            return
        size, queue = len(message.text), self._queue
        if not queue:
            queue.append(message)
            self._queued_bytes = size
            self._wake()
        elif len(queue) >= self._limits.queue_messages or self._queued_bytes + size > self._limits.queue_bytes:
            self.collapse()
        else:
            queue.append(message)
            self._queued_bytes += size

    def collapse(self) -> None:
        """Drop what is queued; a snapshot is to take its place."""
        if self._stage is not _SILENT:
            self._clear()
            self._stage = _NEEDS
            self._wake()

    def tell(self, reply: Message) -> None:
        """Queue *reply*, which is for this subscriber alone, before anything else."""
        self._replies.append(reply)
        self._wake()

    def begin_snapshot(self) -> int:
        """Say that a snapshot of :attr:`scope` is being read; returns the ticket to give it with.

        It must be of an offset that the feed has now, or had, and be read after that offset was looked up.
        """
        self._stage = _AWAITS
        self._ticket += 1
        return self._ticket

    def give_snapshot(self, ticket: int, snapshot: Message) -> None:
        """Queue *snapshot*; deltas follow from its offset on. One that is no longer wanted is dropped."""
        if self._is_awaited(ticket):
            if snapshot.position is None:
                raise ValueError("a snapshot has a position")
            self._queue.append(snapshot)
            self._queued_bytes = len(snapshot.text)
            self._stage, self._position, self._recovering = _CATCHING_UP, snapshot.position.offset, False
            self._wake()

    def give_up_snapshot(self, ticket: int) -> None:
        """Say that the snapshot could not be read; it is needed as before."""
        if self._is_awaited(ticket):
            self._stage = _NEEDS

    def take(self, budget_bytes: int) -> list[Message]:
        """Return what to send next, in order: about *budget_bytes*, nothing only if nothing waits."""
        if self._stage is _CURRENT and len(self._queue) == 1 and not self._replies:
            self._queued_bytes = 0
            return [self._queue.popleft()]
        taken: list[Message] = []
        left = budget_bytes
        while self._replies and left > 0:
            taken.append(self._replies.popleft())
            left -= len(taken[-1].text)
        while self._queue and left > 0:
            taken.append(self._queue.popleft())
            self._queued_bytes -= len(taken[-1].text)
            left -= len(taken[-1].text)
        if self._stage is _CATCHING_UP and not self._queue and left > 0:
            taken += self._catch_up(left)
        return taken

    def leave(self) -> None:
        """End it: nothing is queued any more."""
        self._set_topics(frozenset())
        self._clear()
        self._replies.clear()
        self._stage = _SILENT
        self._feed.forget(self)

    def _catch_up(self, budget_bytes: int) -> list[Message]:
        """Return deltas of the past; asks for a snapshot where they are gone by now."""
        if not self._feed.past.reaches_back_to(self._position):
            self._stage = _NEEDS
            return []
        found: list[Message] = []
        left, scope = budget_bytes, self.scope
        for delta in self._feed.past.after(self._position):
            if left <= 0:
                return found
            self._position = delta.offset
            if message := delta.message(scope):
                found.append(message)
                left -= len(message.text)
        self._stage = _CURRENT
        if self._recovering:
            found.append(_recovered(self._feed.position))
        return found

    def _is_awaited(self, ticket: int) -> bool:
        return self._stage is _AWAITS and ticket == self._ticket

    def _set_topics(self, topics: Topics) -> None:
        before, self._topics = self.scope, topics
        self._feed.move(self, before, self.scope)

    def _clear(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0


def _recovered(at: Position) -> Message:
    return Message(msgspec.json.encode(Recovered(epoch=at.epoch, offset=at.offset)), at)
