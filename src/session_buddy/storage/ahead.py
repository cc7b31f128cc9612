"""Reading on one thread while another writes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

__all__ = ["read_ahead"]

_Item = TypeVar("_Item")
_PATIENCE_SECONDS = 0.1
"""How long the reader waits for room before it looks whether anybody still wants its items."""


class _End:
    """Stands in the queue behind the last item, with the error that ended the reading, if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(source: Callable[[], Generator[_Item, None, None]], *, depth: int = 2) -> Generator[_Item, None, None]:
    """Yield the items of *source*, made, advanced and closed by a thread of its own, at most *depth* items ahead.

    An error of *source* is raised here, after the items before it. Closing this generator ends the thread.
    """
    queue: Queue[_Item | _End] = Queue(depth)
    unwanted = Event()

    def offer(item: _Item | _End) -> bool:
        while not unwanted.is_set():
            try:
                queue.put(item, timeout=_PATIENCE_SECONDS)
            except Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            with closing(source()) as items:
                for item in items:
                    if not offer(item):
                        return
        except BaseException as error:
            offer(_End(error))
        else:
            offer(_End())

    reader = Thread(target=read, name="read-ahead", daemon=True)
    reader.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error:
            raise item.error
    finally:
        unwanted.set()
        reader.join()
