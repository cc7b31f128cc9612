"""Where blocking calls run: few threads, a bounded number of callers that wait for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from session_buddy.errors import StoreFull

__all__ = ["Lane", "Threads"]

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """Runs blocking calls in up to *threads* threads; as many as *waiting* more may wait for a free one."""

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"session-buddy-{name}")
        self._room = threading.BoundedSemaphore(threads + waiting)
        self._running: set[Future[Any]] = set()

    async def run(self, action: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Return what *action* returns; raises what it raises, and :class:`StoreFull` where too many wait.

        A caller that is cancelled leaves its call running: there is no way to stop a thread.
        """
        if not self._room.acquire(blocking=False):
            raise StoreFull(
                "Too many requests wait for the store.", remedy="Send it again in 1 s.", retry_after_seconds=1.0
            )
        future = self._executor.submit(partial(action, *arguments, **options))
        self._running.add(future)
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    async def end(self, seconds: float) -> None:
        """Take no more calls, forget those that have not begun, and wait up to *seconds* for the others."""
        self.close()
        if running := [asyncio.wrap_future(future) for future in tuple(self._running)]:
            await asyncio.wait([asyncio.ensure_future(_ended(one)) for one in running], timeout=seconds)

    def close(self) -> None:
        """Take no more calls, and forget those that have not begun."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: Future[Any]) -> None:
        self._running.discard(future)
        self._room.release()


async def _ended(call: asyncio.Future[Any]) -> None:
    """Return when *call* has ended, however it did: whoever waited for it has been told."""
    await asyncio.gather(call, return_exceptions=True)


class Threads:
    """The lanes of a server: reading never waits behind writing."""

    def __init__(self) -> None:
        # SQLite's readers take turns anyway; a few more threads serve engines where they do not.
        self.reads = Lane("read", threads=8, waiting=256)
        # Each of these sleeps until a flush that many share: threads are what group commit needs.
        self.writes = Lane("write", threads=64, waiting=256)

    def close(self) -> None:
        """Take no more calls."""
        self.reads.close()
        self.writes.close()
