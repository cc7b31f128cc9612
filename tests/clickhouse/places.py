"""Databases for tests: the engine opens one folder in a process, so they share it, each with a database of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.stock import Stock, drop

__all__ = ["drop", "folder", "lend", "memory", "new_database", "take_back"]

_numbers = count(1)


def memory() -> Path | None:
    """Return where files are kept in memory, if anywhere: the engine flushes each of the hundred files of a schema."""
    place = Path("/dev/shm")
    return place if place.is_dir() else None


@cache
def folder() -> str:
    """The one folder of this process; it is removed when the process ends.

    One connection stays open: when the last one closes the engine ends, and each time it starts again takes half a
    second, and leaves some threads behind for good.
    """
    made = tempfile.mkdtemp(prefix="session-buddy-tests-", dir=memory())
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    atexit.register(open_client(parse_url(f"chdb:///{made}")).close)
    return made


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


_stock = Stock(new_database)
