"""What is owed to a store: batches in memory, and on disk once the store is away. No thread, no waiting.

Batches are handed on in the order they came, so the order within a session is kept. In good times they go
from memory to the store. As soon as the store is away or slow, everything still unanswered goes to the spool,
in order, and so does all that comes after, until the spool has been sent and memory is enough again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random

import msgspec

from session_buddy.errors import StoreError, StoreFull
from session_buddy.model import Invocation
from session_buddy.storage.spool import Spool, SpoolFull
from session_buddy.storage.store import Recorded, Store
from session_buddy.storage.submissions import BATCH_AT_FAULT, Flight, Receipt, Submission, answer_all, can_be_spooled

__all__ = ["Backoff", "Limits", "Outbox", "Standing"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a flush is due, and how much may wait in memory."""

    flush_events: int = 20_000
    """A flush is due at once when so many wait, and takes about so many."""
    flush_seconds: float = 0.25
    """Otherwise flushes begin at least this long apart; after a rest, one begins at once."""
    memory_events: int = 100_000
    """More than that, with those that are being recorded, go to disk, though the store answers."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the delivery stands."""

    recorded: Recorded
    """What the store said of everything delivered so far."""
    refused: int
    """Batches of the spool that no store can take; they are in its folder ``refused``."""
    waiting_events: int
    """In memory, unanswered."""
    spooled_bytes: int
    problem: str | None
    """Why the last delivery failed, until one succeeds."""


class Backoff:
    """How long to wait before trying again: twice as long each time, up to a limit, with jitter.

    The jitter, up to half of the wait, keeps a fleet of writers from returning in step.
    """

    def __init__(self, *, first_seconds: float = 0.1, most_seconds: float = 30.0, random: Random | None = None) -> None:
        self._first, self._most, self._random = first_seconds, most_seconds, random or Random()
        self._next = first_seconds

    def next_wait(self) -> float:
        """Return the seconds to wait after one more failure."""
        wait = self._next * self._random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._most)
        return wait

    def reset(self) -> None:
        """Begin anew, after a success."""
        self._next = self._first


class Outbox:
    """Delivers batches to *store*, through *spool* when the store is away; safe to use from several threads.

    Anybody may :meth:`put`; one thread calls :meth:`step`, again and again. *clock* counts seconds.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        *,
        limits: Limits | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._spool, self._clock = spool, clock
        self._limits, self._backoff = limits or Limits(), backoff or Backoff()
        self._lock = threading.RLock()
        self._queue: deque[Submission] = deque()
        self._queued_events = 0
        self._flight: Flight | None = None
        self._flush_at = self._retry_at = clock()
        self._recorded, self._refused = Recorded(), 0
        self._problem: str | None = None
        self._closed = False

    @property
    def standing(self) -> Standing:
        """How the delivery stands at this moment."""
        with self._lock:
            return Standing(
                recorded=self._recorded,
                refused=self._refused,
                waiting_events=self._events_in_memory(),
                spooled_bytes=self._spool.size_bytes,
                problem=self._problem,
            )

    def put(self, batch: Iterable[Invocation]) -> Submission:
        """Take *batch* in; it is answered by :meth:`step`, or at once if it goes to the spool.

        Raises :class:`~session_buddy.errors.StoreFull` if it had to and the spool is full.
        """
        submission = Submission(tuple(batch))
        if not submission.batch:
            submission.answer(Receipt.STORED)
            return submission
        with self._lock:
            if self._closed:
                raise StoreError("This writer is closed.", remedy="Open a new one.")
            if self._fits_in_memory(submission):
                self._queue.append(submission)
                self._queued_events += len(submission.batch)
                return submission
            self.spool_unanswered()
            try:
                mark = self._spool.append(submission.batch)
            except SpoolFull as error:
                raise self._full(error) from error
        try:
            self._spool.sync(mark)  # outside the lock, so that many share one flush of the disk
        except SpoolFull as error:
            raise self._full(error) from error
        submission.answer(Receipt.SPOOLED)
        return submission

    def spool_unanswered(self) -> None:
        """Move everything in memory to the spool, in order, and answer it.

        What is being recorded at this moment is spooled too; when that succeeds it is removed again.
        """
        with self._lock:
            if self._flight and not self._flight.segment:
                self._spool_flight(self._flight)
            waiting = list(self._queue)
            self._queue.clear()
            self._queued_events = 0
            self._spool_queued(waiting)

    def step(self) -> float | None:
        """Deliver one batch, if one is due. Return the seconds until the next is, None if nothing waits.

        Never raises for a fault of the store or the disk: delivery is tried again, later and later.
        """
        with self._lock:
            now = self._clock()
            spooled = not self._spool.is_empty
            if not spooled and not self._queue:
                return None
            full = self._queued_events >= self._limits.flush_events
            due = self._retry_at if spooled or full else max(self._retry_at, self._flush_at)
            if due > now:
                return due - now
            flight = None if spooled else self._take_off(now)
        try:
            if flight:
                self._deliver_flight(flight)
            else:
                self._deliver_oldest_segment()
        except Exception as error:
            self._postpone(error)
        else:
            self._succeeded()
        return 0.0

    def refuse_more(self) -> None:
        """Take nothing in from now on."""
        with self._lock:
            self._closed = True

    def close(self) -> None:
        """Put what is unanswered into the spool and let go of that; the store stays open."""
        with self._lock:
            self._closed = True
            self.spool_unanswered()
            self._spool.close()

    def _fits_in_memory(self, submission: Submission) -> bool:
        if self._problem or not self._spool.is_empty:
            return False
        waiting = self._events_in_memory()
        return not waiting or waiting + len(submission.batch) <= self._limits.memory_events

    def _events_in_memory(self) -> int:
        flying = sum(len(one.batch) for one in self._flight.submissions) if self._flight else 0
        return self._queued_events + flying

    def _take_off(self, now: float) -> Flight:
        submissions: list[Submission] = []
        events = 0
        while self._queue and events < self._limits.flush_events:
            submissions.append(self._queue.popleft())
            events += len(submissions[-1].batch)
        self._queued_events -= events
        self._flush_at = now + self._limits.flush_seconds
        self._flight = Flight(submissions)
        return self._flight

    def _deliver_flight(self, flight: Flight) -> None:
        try:
            self._tell([one.batch for one in flight.submissions])
        except BATCH_AT_FAULT:
            for submission in flight.submissions:
                try:
                    self._tell([submission.batch])
                except BATCH_AT_FAULT as error:
                    flight.refused = True
                    submission.answer(error)
                else:
                    submission.answer(Receipt.STORED)
        with self._lock:
            for submission in flight.submissions:
                submission.answer(Receipt.STORED)
            if flight.segment and not flight.refused:
                self._spool.remove(flight.segment)
            self._flight = None

    def _deliver_oldest_segment(self) -> None:
        segment = self._spool.oldest()
        if segment is None:
            return
        batches = self._spool.read(segment)
        try:
            self._tell(batches)
        except BATCH_AT_FAULT:
            for number, batch in enumerate(batches):
                try:
                    self._tell([batch])
                except BATCH_AT_FAULT as error:
                    self._spool.set_aside(f"{segment.path.stem}.{number}", batch, reason=str(error))
                    self._refused += 1
        self._spool.remove(segment)

    def _tell(self, batches: Sequence[Sequence[Invocation]]) -> None:
        if invocations := [invocation for batch in batches for invocation in batch]:
            recorded = self._store.record(invocations)
            with self._lock:
                self._recorded += recorded

    def _succeeded(self) -> None:
        with self._lock:
            self._backoff.reset()
            self._problem, self._retry_at = None, self._clock()

    def _postpone(self, error: Exception) -> None:
        with self._lock:
            self._problem = str(error) or type(error).__name__
            self._retry_at = self._clock() + self._backoff.next_wait()
            self.spool_unanswered()
            self._flight = None

    def _spool_flight(self, flight: Flight) -> None:
        pending = [one for one in flight.submissions if one.pending and can_be_spooled(one)]
        if not pending:
            return
        try:
            flight.segment = self._spool.add_segment(one.batch for one in pending)
        except SpoolFull as error:
            answer_all(pending, self._full(error))
        else:
            answer_all(pending, Receipt.SPOOLED)

    def _spool_queued(self, waiting: list[Submission]) -> None:
        """Spool *waiting*; one flush of the disk is enough for all."""
        written: list[Submission] = []
        mark = None
        for submission in filter(can_be_spooled, waiting):
            try:
                mark = self._spool.append(submission.batch)
                written.append(submission)
            except SpoolFull as error:
                submission.answer(self._full(error))
        if mark is None:
            return
        try:
            self._spool.sync(mark)
        except SpoolFull as error:
            answer_all(written, self._full(error))
        else:
            answer_all(written, Receipt.SPOOLED)

    def _full(self, error: SpoolFull) -> StoreFull:
        wait = max(1.0, self._retry_at - self._clock())
        because = f" The store: {self._problem}" if self._problem else ""
        return StoreFull(
            f"Nothing more can be taken in: {error}.{because}",
            remedy=f"Send it again in {wait:.0f} s.",
            retry_after_seconds=wait,
        )
