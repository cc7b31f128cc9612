"""A lock that servers keep: a table that only one of many can create, with its holder's token for a comment.

The holder gives a sign of life every few seconds. Who finds a lock that has been silent for long breaks it, and a
holder that hung and comes back to find it broken stops before its next statement. A sign touches the table without
saying whose it is: given late, for a lock that somebody else has by then, it takes nothing from them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from session_buddy.storage.clickhouse.literals import literal

__all__ = ["create", "drop", "holder", "release", "sign", "signing", "silent_seconds"]

_TABLE_EXISTS = 57


def create(client: Any, table: str, token: str) -> bool:
    """Take the lock *table* for *token*. Return whether that was possible."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        client.command(f"CREATE TABLE {table} (id UInt8) ENGINE = Null COMMENT {literal(token)}")
    except DatabaseError as error:
        if error.code != _TABLE_EXISTS:
            raise
        return False
    return True


def holder(client: Any, table: str) -> str | None:
    """Return the token of who has the lock; None where nobody does."""
    rows = client.query(f"SELECT t.comment FROM system.tables AS t WHERE {_is(table)}").result_rows
    return rows[0][0] if rows else None


def silent_seconds(client: Any, table: str, *, database: str | None = None) -> int | None:
    """Return how long ago the lock was taken, or its holder last gave a sign, on the server's clock.

    None where nobody has it. *database* is where it stands, unless that is the client's own.
    """
    rows = client.query(
        "SELECT toInt64(now()) - toInt64(t.metadata_modification_time) FROM system.tables AS t"
        f" WHERE {_is(table, database)}"
    ).result_rows
    return rows[0][0] if rows else None


def sign(client: Any, table: str) -> None:
    """Give a sign of life."""
    client.command(f"ALTER TABLE {table} COMMENT COLUMN id 'alive'")


def drop(client: Any, table: str) -> None:
    """Take the lock away, whoever has it."""
    client.command(f"DROP TABLE IF EXISTS {table} SYNC")


def release(client: Any, table: str, token: str) -> None:
    """Give the lock back, unless it was broken and is somebody else's by now."""
    if holder(client, table) == token:
        drop(client, table)


@contextmanager
def signing(open_client: Callable[[], Any], give: Callable[[Any], None], *, every_seconds: float) -> Iterator[None]:
    """Have a thread *give* a sign of life from time to time, over a client of its own, for the length of the block."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    client, over = open_client(), threading.Event()

    def tell() -> None:
        while not over.wait(every_seconds):
            # A server that is away fails the work itself; one that is slow is told the next time.
            with suppress(ClickHouseError):
                give(client)

    teller = threading.Thread(target=tell, name="signs-of-life", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        client.close()


def _is(table: str, database: str | None = None) -> str:
    where = literal(database) if database else "currentDatabase()"
    return f"t.database = {where} AND t.name = {literal(table)}"
