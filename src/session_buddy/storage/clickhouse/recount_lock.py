"""One recount at a time: a table that only one of many can create, with the holder's token for a comment.

The holder says every few seconds that it lives, in the row of its token. A lock whose holder has been silent for
long is broken. Somebody who hung and comes back to find it broken stops before the next statement.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from session_buddy.errors import StoreAway
from session_buddy.storage.clickhouse import event_log
from session_buddy.storage.clickhouse.connection import literal

__all__ = ["LOCK", "BeingRecounted", "Guarded", "exclusive", "is_held", "require", "signs_of_life"]

LOCK = "recount_lock"
_SIGN_SECONDS = 15
"""Between two signs of life."""
_SILENT_SECONDS = 120
"""A holder that has given no sign for so long is dead; on the server's clock."""
_TABLE_EXISTS = 57
_left: set[str] = set()
"""Tokens of this process whose lock could not be taken away, as the server was gone."""


class BeingRecounted(StoreAway):
    """A process recounts: what is counted now, it would not see."""

    def __init__(self) -> None:
        super().__init__(
            "The roll-ups of this store are being recounted.",
            remedy="Try again later: a recount that was killed is taken over after two minutes.",
        )


@contextmanager
def exclusive(client: Any, token: str) -> Iterator[None]:
    """Hold the lock for the length of the block. Raises :class:`BeingRecounted` where another process has it."""
    try:
        _acquire(client, token)
    except BeingRecounted:
        raise
    except BaseException:
        _left.add(token)  # the answer may be lost, and the lock there
        raise
    try:
        yield
    finally:
        _left.add(token)
        if _holder(client) == token:
            client.command(f"DROP TABLE IF EXISTS {LOCK} SYNC")
        _left.discard(token)


def is_held(client: Any) -> bool:
    """Tell whether somebody has the lock who lives."""
    token = _holder(client)
    return token is not None and token not in _left and _silent_seconds(client, token) <= _SILENT_SECONDS


def require(client: Any, token: str) -> None:
    """Raise :class:`BeingRecounted` where *token* has lost the lock."""
    if _holder(client) != token:
        raise BeingRecounted


@contextmanager
def signs_of_life(open_client: Callable[[], Any], token: str) -> Iterator[None]:
    """Say every few seconds that *token* is alive, over a client of its own."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    client, over = open_client(), threading.Event()

    def tell() -> None:
        while not over.wait(_SIGN_SECONDS):
            # A server that is away fails the recount itself; one that is slow is told the next time.
            with suppress(ClickHouseError):
                event_log.begin(client, token, b"")

    teller = threading.Thread(target=tell, name="recount-signs", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        client.close()


class Guarded:
    """A client whose commands are refused once *token* has lost the lock."""

    def __init__(self, client: Any, token: str) -> None:
        self._client, self._token = client, token

    def command(self, *arguments: Any, **named: Any) -> Any:
        """Carry a statement out as the client does. Raises :class:`BeingRecounted`."""
        require(self._client, self._token)
        return self._client.command(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def _acquire(client: Any, token: str) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    if is_held(client):
        raise BeingRecounted
    if _holder(client) is not None:
        # Two may break one lock, and the second drop that of the first: who lost finds out by require(), later.
        client.command(f"DROP TABLE IF EXISTS {LOCK} SYNC")
    try:
        client.command(f"CREATE TABLE {LOCK} (id UInt8) ENGINE = Null COMMENT {literal(token)}")
    except DatabaseError as error:
        if error.code != _TABLE_EXISTS:
            raise
        raise BeingRecounted from error


def _holder(client: Any) -> str | None:
    rows = client.query(
        f"SELECT t.comment FROM system.tables AS t WHERE t.database = currentDatabase() AND t.name = '{LOCK}'"
    ).result_rows
    return rows[0][0] if rows else None


def _silent_seconds(client: Any, token: str) -> int:
    """Return how long ago *token* took the lock or last gave a sign; for ever where it is gone."""
    rows = client.query(
        "SELECT toInt64(now()) - greatest(toInt64(t.metadata_modification_time),"
        f" (SELECT toInt64(max(u.begun_at)) FROM unfinished_batch AS u WHERE u.token = {literal(token)}))"
        f" FROM system.tables AS t WHERE t.database = currentDatabase() AND t.name = '{LOCK}'"
    ).result_rows
    return rows[0][0] if rows else _SILENT_SECONDS + 1
