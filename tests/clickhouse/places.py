"""Databases for tests: the engine opens one folder in a process, so they share it, each with a database of its own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from itertools import count
from pathlib import Path

from session_buddy.storage.clickhouse.connection import open_client, parse_url

_numbers = count(1)


@cache
def folder() -> str:
    """The one folder of this process; it is removed when the process ends.

    In memory where there is such a place: a schema of a hundred tables and views is flushed for every database.
    One connection stays open: when the last one closes the engine ends, and each time it starts again takes half a
    second, and leaves some threads behind for good.
    """
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="session-buddy-tests-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    atexit.register(open_client(parse_url(f"chdb:///{made}")).close)
    return made


def new_database() -> str:
    """Return the URL of a store that nobody has used yet."""
    return f"chdb:///{folder()}?database=test_{next(_numbers)}"


def drop(*urls: str) -> None:
    """Remove the databases that *urls* name: each of them keeps its tables in memory until then."""
    for url in urls:
        address = parse_url(url)
        client = open_client(address)
        client.command(f"DROP DATABASE IF EXISTS {address.database} SYNC")
        client.close()
