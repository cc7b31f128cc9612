"""Stores with a schema and no rows, each lent to one test at a time.

A schema of a hundred tables and views takes half a second to make and a tenth of that to empty. Whoever tests how
schemas come and go has no use for these: see :func:`~tests.clickhouse.places.new_database`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

from session_buddy.storage import open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url

__all__ = ["Stock", "drop"]


class Stock:
    """Lends stores; *new_url* names a place where there is none yet.

    *client* gives a connection that is open already, if there is one: to open another takes as long as to empty a
    store.
    """

    def __init__(self, new_url: Callable[[], str], client: Callable[[], Any] | None = None) -> None:
        self._new_url, self._client = new_url, client
        self._spare: list[str] = []
        self._made: dict[str, _Made] = {}

    def lend(self) -> str:
        """Return the URL of a store in which nothing was recorded, and that nobody else has."""
        if self._spare:
            return self._spare.pop()
        url = self._new_url()
        open_store(url).close()
        with self._connected(url) as (client, database):
            first_rows = _filled(client, database)
            self._made[url] = _Made(first_rows, _fingerprint(client, database, first_rows))
        return url

    def take_back(self, url: str) -> None:
        """Empty the store for the next test; it is dropped where its schema or its first rows are others now."""
        made = self._made[url]
        with self._connected(url) as (client, database):
            is_as_made = _fingerprint(client, database, made.first_rows) == made.fingerprint
            if is_as_made:
                client.command("SYSTEM START MERGES")
                for table in _filled(client, database) - made.first_rows:
                    client.command(f"TRUNCATE TABLE {database}.{table}")
        if is_as_made:
            self._spare.append(url)
        else:
            drop(url)

    @contextmanager
    def _connected(self, url: str) -> Iterator[tuple[Any, str]]:
        """A client on the engine, and the name of the database of *url*."""
        address = parse_url(url)
        if self._client:
            yield self._client(), address.database
            return
        with closing(open_client(address)) as client:
            yield client, address.database


def drop(*urls: str) -> None:
    """Remove the databases that *urls* name: each of them keeps its tables in memory until then."""
    for url in urls:
        address = parse_url(url)
        client = open_client(address)
        client.command(f"DROP DATABASE IF EXISTS {address.database} SYNC")
        client.close()


class _Made(NamedTuple):
    """A store as it was made: the tables that the schema itself puts rows into, and what all of it amounts to."""

    first_rows: frozenset[str]
    fingerprint: dict[str, str]


def _filled(client: Any, database: str) -> frozenset[str]:
    sql = f"SELECT name FROM system.tables WHERE database = '{database}' AND total_rows > 0"
    return frozenset(name for (name,) in client.query(sql).result_rows)


def _fingerprint(client: Any, database: str, first_rows: Iterable[str]) -> dict[str, str]:
    """Return the statement behind each table and view, and a digest of each table in *first_rows*."""
    sql = f"SELECT name, create_table_query FROM system.tables WHERE database = '{database}'"
    found = dict(client.query(sql).result_rows)
    digests = [
        f"SELECT '{table}', count(), sum(cityHash64(toString(tuple(*)))) FROM {database}.{table} FINAL"
        for table in sorted(found.keys() & set(first_rows))
    ]
    if digests:
        for table, *digest in client.query(" UNION ALL ".join(digests)).result_rows:
            found[f"rows of {table}"] = str(digest)
    return found
