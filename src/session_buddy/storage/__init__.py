"""Where facts live: one contract, several engines, chosen by URL."""

from __future__ import annotations

from pathlib import Path

from session_buddy.errors import UnknownStore
from session_buddy.storage.redaction import without_password
from session_buddy.storage.store import Checkpoint, Clock, Recorded, Rows, Store, Tail

__all__ = ["Checkpoint", "Clock", "Recorded", "Rows", "Store", "Tail", "is_clickhouse", "open_store", "sqlite_path"]

_CLICKHOUSE = ("chdb", "clickhouse", "clickhouses")


def open_store(url: str, *, clock: Clock | None = None, patience_seconds: float = 300.0) -> Store:
    """Open the store at *url*, creating and migrating it where needed.

    ``sqlite:///relative/file.db``, ``sqlite:////absolute/file.db`` and ``sqlite:///~/file.db``
    name a SQLite file; ``chdb:///folder?database=name`` a ClickHouse in this process,
    ``clickhouse://user:password@host:8123/database`` a server and ``clickhouses://`` one with TLS.
    *clock* replaces the computer's clock, also inside the views; *patience_seconds* is how long
    a write waits for other writers.

    Raises :class:`~session_buddy.errors.UnknownStore` for a URL no engine answers to,
    :class:`~session_buddy.errors.MissingExtra` for one whose engine is not installed, and
    :class:`~session_buddy.errors.MigrationError` where the schema cannot be trusted.
    """
    if is_clickhouse(url):
        from session_buddy.storage.clickhouse.store import ClickHouseStore

        return ClickHouseStore(url, clock=clock, patience_seconds=patience_seconds)
    path = sqlite_path(url)
    from session_buddy.storage.sqlite import SQLiteStore

    return SQLiteStore(path, clock=clock, patience_seconds=patience_seconds)


def is_clickhouse(url: str) -> bool:
    """Tell whether the URL of a store asks for ClickHouse, in this process or on a server."""
    return url.partition("://")[0].lower() in _CLICKHOUSE


def sqlite_path(url: str) -> Path:
    """Return the file that a ``sqlite:///`` URL names.

    Raises :class:`~session_buddy.errors.UnknownStore` for any other URL.
    """
    scheme, separator, name = url.partition(":///")
    if scheme.lower() != "sqlite" or not separator or name in {"", ":memory:"}:
        raise UnknownStore(
            f"No engine answers to the store URL {without_password(url)!r}.",
            remedy="Give a file: sqlite:///session-buddy.db (relative) or sqlite:////var/lib/session-buddy.db.",
        )
    return Path(name).expanduser()
