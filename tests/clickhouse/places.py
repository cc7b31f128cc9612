"""Databases for tests: the engine opens one folder in a process, so they share it, each with a database of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.stock import Stock, drop

__all__ = ["drop", "elsewhere", "folder", "lend", "memory", "new_database", "take_back"]

_numbers = count(1)


def memory() -> Path | None:
    """Return where files are kept in memory, if anywhere: the engine flushes each of the hundred files of a schema."""
    place = Path("/dev/shm")
    return place if place.is_dir() else None


@cache
def folder() -> str:
    """The one folder of this process; it is removed when the process ends."""
    made = tempfile.mkdtemp(prefix="session-buddy-tests-", dir=memory())
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    atexit.register(_end_engine)
    _keep_engine(made)
    return made


@contextmanager
def elsewhere() -> Iterator[None]:
    """Let the engine open another folder in this process, for the length of the block."""
    was_kept = bool(_kept)
    _end_engine()
    try:
        yield
    finally:
        if was_kept:
            _keep_engine(folder())


_kept: list[Any] = []
"""A connection that stays open.

When the last one closes the engine ends; to start it again takes half a second and leaves threads behind for good.
"""


def _keep_engine(folder: str) -> None:
    _kept.append(open_client(parse_url(f"chdb:///{folder}")))


def _end_engine() -> None:
    while _kept:
        _kept.pop().close()


def new_database() -> str:
    """Return the URL of a store that nobody has used yet."""
    return f"chdb:///{folder()}?database=test_{next(_numbers)}"


def lend() -> str:
    """Return the URL of a store in which nothing was recorded; see :class:`~tests.clickhouse.stock.Stock`."""
    return _stock.lend()


def take_back(*urls: str) -> None:
    """End the loan of stores. Nobody has them open any more."""
    for url in urls:
        _stock.take_back(url)


_stock = Stock(new_database, lambda: _kept[0])
