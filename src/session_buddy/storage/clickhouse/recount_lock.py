"""One recount at a time, by a lock of its own (:mod:`~session_buddy.storage.clickhouse.table_lock`).

The holder says that it lives in the row of its token in ``unfinished_batch``: on a cluster a statement that changes a
table waits for those before it, which a recount has many of, and a row does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from session_buddy.errors import StoreAway
from session_buddy.storage.clickhouse import event_log, table_lock
from session_buddy.storage.clickhouse.literals import literal

__all__ = ["LOCK", "BeingRecounted", "Guarded", "exclusive", "is_held", "require", "signs_of_life"]

LOCK = "recount_lock"
_SIGN_SECONDS = 15
"""Between two signs of life."""
_SILENT_SECONDS = 120
"""A holder that has given no sign for so long is dead; on the server's clock."""
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
        table_lock.release(client, LOCK, token)
        _left.discard(token)


def is_held(client: Any) -> bool:
    """Tell whether somebody has the lock who lives."""
    token = table_lock.holder(client, LOCK)
    return token is not None and token not in _left and _silent_seconds(client, token) <= _SILENT_SECONDS


def require(client: Any, token: str) -> None:
    """Raise :class:`BeingRecounted` where *token* has lost the lock."""
    if table_lock.holder(client, LOCK) != token:
        raise BeingRecounted


def signs_of_life(open_client: Callable[[], Any], token: str) -> AbstractContextManager[None]:
    """Say every few seconds that *token* is alive, over a client of its own."""
    return table_lock.signing(
        open_client, lambda client: event_log.begin(client, token, b""), every_seconds=_SIGN_SECONDS
    )


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
    if is_held(client):
        raise BeingRecounted
    if table_lock.holder(client, LOCK) is not None:
        # Two may break one lock, and the second drop that of the first: who lost finds out by require(), later.
        table_lock.drop(client, LOCK)
    if not table_lock.create(client, LOCK, token):
        raise BeingRecounted


def _silent_seconds(client: Any, token: str) -> int:
    """Return how long ago *token* took the lock or last gave a sign; for ever where it is gone."""
    rows = client.query(
        "SELECT toInt64(now()) - greatest(toInt64(t.metadata_modification_time),"
        f" (SELECT toInt64(max(u.begun_at)) FROM unfinished_batch AS u WHERE u.token = {literal(token)}))"
        f" FROM system.tables AS t WHERE t.database = currentDatabase() AND t.name = '{LOCK}'"
    ).result_rows
    return rows[0][0] if rows else _SILENT_SECONDS + 1
