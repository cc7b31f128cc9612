"""What takes long to read, remembered for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")
_WORTH_KEEPING_SECONDS = 0.5
_TIMES_AS_LONG = 20
_MOST = 32


class Kept:
    """Remembers what took more than half a second to read, twenty times as long as it took.

    So no more than a twentieth of the time goes into reading one thing, however many pages show it, and what is quick
    to read is always new. While one reads a thing anew, others get what was there before, or wait where nothing was.
    Threads may share one.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._guard = threading.Lock()
        self._found: OrderedDict[Hashable, _Slot] = OrderedDict()

    def read(self, key: Hashable, reader: Callable[[], T]) -> T:
        """Return what *reader* gives, or what it gave before for *key*; raises what it raises."""
        slot = self._slot(key)
        before = slot.kept
        if before is not None and slot.lock.locked():
            old: T = before.value
            return old
        with slot.lock:
            kept = slot.kept
            if kept is not None and self._seconds() < kept.until:
                value: T = kept.value
                return value
            begun = self._seconds()
            value = reader()
            ended = self._seconds()
            took = ended - begun
            slot.kept = _Value(value, ended + _TIMES_AS_LONG * took) if took > _WORTH_KEEPING_SECONDS else None
            return value

    def is_being_read(self, key: Hashable) -> bool:
        """Tell whether somebody reads *key* for the first time at this moment: whoever reads it now must wait."""
        slot = self._slot(key)
        return slot.kept is None and slot.lock.locked()

    def _slot(self, key: Hashable) -> _Slot:
        with self._guard:
            slot = self._found.setdefault(key, _Slot())
            self._found.move_to_end(key)
            while len(self._found) > _MOST:
                self._found.popitem(last=False)
            return slot


class _Value(NamedTuple):
    value: Any
    until: float


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: _Value | None = None
