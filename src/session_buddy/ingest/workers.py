"""Reading portions side by side, and giving them back in the order of the files.

The order matters: where two files tell of the same call, the first telling makes the row,
so the same files give the same rows however many processes read them.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.importers.base import Importer, fault_told
from session_buddy.ingest.files import Reading
from session_buddy.ingest.portion import Portion, read_portion

__all__ = ["Failure", "read_all"]

_SMALL_BYTES = 8 << 20
"""Below this much to read, starting processes costs more than it saves."""
_AHEAD = 6
"""Readings under way or waiting to be stored, for each process: the bound on memory."""

Failure = tuple[str, str]
"""A path and why it could not be read."""


def read_all(
    readings: Sequence[Reading],
    importers: Mapping[str, Importer],
    *,
    user_id: str,
    processes: int | None = None,
) -> Iterator[Portion | Failure]:
    """Yield the portions of all *readings* in their order; a file that cannot be read gives a :data:`Failure`."""
    todo = sum(max(0, reading.size - reading.offset) for reading in readings)
    processes = processes or os.cpu_count() or 1
    if processes == 1 or todo < _SMALL_BYTES or len(readings) == 1:
        for reading in readings:
            yield from _read_here(reading, importers, user_id)
    else:
        yield from _read_apart(readings, importers, user_id, processes)


def _read_here(reading: Reading, importers: Mapping[str, Importer], user_id: str) -> Iterator[Portion | Failure]:
    rest: Reading | None = reading
    while rest:
        result = _attempt(importers[rest.importer], rest, user_id)
        yield result
        rest = result.next if isinstance(result, Portion) else None


def _read_apart(
    readings: Sequence[Reading], importers: Mapping[str, Importer], user_id: str, processes: int
) -> Iterator[Portion | Failure]:
    for importer in importers.values():
        importer.prepare()
    waiting = deque(readings)
    with ProcessPoolExecutor(
        processes, mp_context=_context(), initializer=_become_worker, initargs=(dict(importers), user_id)
    ) as pool:
        under_way: deque[Future[bytes]] = deque()
        while waiting or under_way:
            while waiting and len(under_way) < processes * _AHEAD:
                under_way.append(pool.submit(_work, waiting.popleft()))
            result = _DECODER.decode(under_way.popleft().result())
            if isinstance(result, Portion) and result.next:
                under_way.appendleft(pool.submit(_work, result.next))
            yield result


def _context() -> multiprocessing.context.BaseContext:
    # Forking is fast and safe while there is one thread; otherwise a fresh process is.
    forkable = "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1
    return multiprocessing.get_context("fork" if forkable else "spawn")


_worker: tuple[Mapping[str, Importer], str]
# Between processes results travel as MessagePack, in a third of the time that pickle takes.
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Portion | Failure)


def _become_worker(importers: Mapping[str, Importer], user_id: str) -> None:
    global _worker
    _worker = (importers, user_id)
    # Ctrl-C reaches the whole group; the parent says goodbye for all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Parsing makes much short-lived garbage and few cycles.
    gc.set_threshold(100_000, 10, 10)


def _work(reading: Reading) -> bytes:
    importers, user_id = _worker
    return _ENCODER.encode(_attempt(importers[reading.importer], reading, user_id))


def _attempt(importer: Importer, reading: Reading, user_id: str) -> Portion | Failure:
    try:
        return read_portion(importer, reading, user_id=user_id)
    except OSError as error:
        return reading.path, error.strerror or str(error)
    except SessionBuddyError:
        raise
    except Exception as error:
        return reading.path, fault_told(error)
