"""What can be told of a store by its URL, whatever its engine: whether it is there, and how its schema stands."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_buddy.storage import is_clickhouse, sqlite_path
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.contract import Origin
from session_buddy.storage.redaction import without_password
from session_buddy.storage.store import Store

__all__ = ["digest_of", "file_of", "is_there", "migrations_of", "names_in", "shown", "size_of"]

_IN_FILES = ("sqlite", "chdb")
_NAMES = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
_NAMES_IN_CLICKHOUSE = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT IN ('MaterializedView', 'Null')"
    " AND name NOT LIKE 'roll\\_%'"
)
_SIZE_IN_CLICKHOUSE = (
    "SELECT toInt64(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = currentDatabase()"
)


def shown(url: str) -> str:
    """Return *url* without the password: fit to be shown.

    >>> shown("clickhouse://me:se/cr@et@host/db")
    'clickhouse://me@host/db'
    """
    return without_password(url)


def digest_of(url: str) -> str:
    """Return what tells the store at *url* from any other: the same from every folder, and with every password."""
    scheme, _, place = url.partition(":///")
    if scheme in _IN_FILES:
        identity = f"{scheme}:{Path(place).expanduser().absolute()}"
    else:
        # Without the account: with a new password it still is the same store.
        identity = re.sub("://.*@", "://", url)
    return hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()


def file_of(url: str) -> Path | None:
    """Return the file that is the whole store, None where it is more than a file, or elsewhere.

    Raises :class:`UnknownStore` for a URL no engine answers to.
    """
    return None if is_clickhouse(url) else sqlite_path(url)


def is_there(url: str, *, patience_seconds: float = 0.0) -> bool:
    """Tell whether there is a store at *url*; makes none. An empty file is none, though SQLite would make one of it.

    Raises what opening it raises where that cannot be told: :class:`StoreAway`, :class:`StoreBusy`,
    :class:`MissingExtra`, and :class:`UnknownStore`.
    """
    file = file_of(url)
    if file is not None:
        return file.exists() and file.stat().st_size > 0
    with migrations_of(url, patience_seconds=patience_seconds) as manager:
        return manager.status().origin is not Origin.EMPTY


@contextmanager
def migrations_of(url: str, *, patience_seconds: float = 0.0) -> Iterator[MigrationManager]:
    """Give the migrations of the store at *url*, there or not; connections are closed with the block.

    *patience_seconds* is how long a folder is waited for that another process has open.
    """
    file = file_of(url)
    if file is not None:
        yield MigrationManager(db_path=file)
        return
    from session_buddy.storage.clickhouse.connection import parse_url
    from session_buddy.storage.clickhouse.upkeep import SCRIPTS
    from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget

    target = ClickHouseTarget(parse_url(url), patience_seconds=patience_seconds)
    try:
        yield MigrationManager(scripts=SCRIPTS, target=target)
    finally:
        target.close()


def names_in(store: Store) -> list[str]:
    """Return the names of all tables and views of *store* that are there to be read; sums in the making are not."""
    return [name for (name,) in store.query(_NAMES_IN_CLICKHOUSE if is_clickhouse(store.url) else _NAMES).rows]


def size_of(store: Store) -> int:
    """Return the bytes that *store* takes on disk; of a cluster, those on the node that answers."""
    if is_clickhouse(store.url):
        return int(store.query(_SIZE_IN_CLICKHOUSE).rows[0][0])
    file = sqlite_path(store.url)
    return sum(part.stat().st_size for part in (file, Path(f"{file}-wal")) if part.exists())
