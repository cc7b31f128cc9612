"""The batching writer of servers: many callers, few large transactions, and a store that may go away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from session_buddy.model import Invocation
from session_buddy.storage.outbox import Backoff, Limits, Outbox, Standing
from session_buddy.storage.spool import Spool
from session_buddy.storage.store import Store
from session_buddy.storage.submissions import Receipt

__all__ = ["Backoff", "BatchingWriter", "Limits", "Receipt", "Standing"]


class BatchingWriter:
    """Records batches of many threads in *store*, together; safe to use from any number of threads.

    Guarantees:

    * **Acknowledged means durable**: :meth:`submit` returns when its batch is stored, or on disk in the folder
      *spool_folder*. A batch that the store has not taken after *patience_seconds* is spooled, so a store that
      hangs keeps nobody waiting. What is found in the folder on opening is delivered first.
    * **Exactly once**: delivery is repeated until the store has answered; event ids make repetition harmless.
    * **In order**: batches reach the store in the order in which they were taken in, hence those of a session too.
    * **Bounded**: memory by *limits*, the folder by *spool_bytes*. Beyond that
      :class:`~session_buddy.errors.StoreFull` tells the caller when to come again. Nothing is dropped.
    * **Whole**: what was submitted together is recorded together.

    Each process needs a spool folder of its own, on a disk that outlives it. The store stays the caller's to close.

    >>> with BatchingWriter(store, Path("/var/spool/session-buddy")) as writer:  # doctest: +SKIP
    ...     writer.submit([invocation])
    <Receipt.STORED: 'stored'>
    """

    def __init__(
        self,
        store: Store,
        spool_folder: Path,
        *,
        spool_bytes: int = 1 << 30,
        patience_seconds: float = 1.0,
        limits: Limits | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = Outbox(
            store, Spool(spool_folder, limit_bytes=spool_bytes), limits=limits, backoff=backoff, clock=clock
        )
        self._patience_seconds, self._clock = patience_seconds, clock
        self._wake = threading.Event()
        self._stop_at: float | None = None
        self._flusher = threading.Thread(target=self._deliver, name="session-buddy-writer", daemon=True)
        self._flusher.start()

    def submit(self, batch: Iterable[Invocation]) -> Receipt:
        """Return when *batch* is stored or spooled; the receipt says which.

        Raises :class:`~session_buddy.errors.StoreFull` when neither is possible for now, and what the store
        raises for a batch that it can never take. After an error the batch may be sent again without harm.
        """
        submission = self._outbox.put(batch)
        self._wake.set()
        if not submission.answered.wait(self._patience_seconds):
            self._outbox.spool_unanswered()
        receipt = submission.receipt()
        if receipt is None:
            raise AssertionError("a batch that is neither in memory nor in the spool has an answer")
        return receipt

    @property
    def standing(self) -> Standing:
        """How the delivery stands: for a page of status, or metrics."""
        return self._outbox.standing

    def close(self, *, drain_seconds: float = 5.0) -> None:
        """Deliver what waits for up to *drain_seconds*, unless the store is away; leave the rest in the spool."""
        self._outbox.refuse_more()
        self._stop_at = self._clock() + drain_seconds
        self._wake.set()
        self._flusher.join(drain_seconds + self._patience_seconds)  # a store that hangs is left behind
        self._outbox.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _deliver(self) -> None:
        while True:
            self._wake.clear()
            wait = self._outbox.step()
            if self._stop_at is not None and (
                wait is None or self._clock() >= self._stop_at or self._outbox.standing.problem
            ):
                return
            if wait != 0:
                self._wake.wait(wait)
