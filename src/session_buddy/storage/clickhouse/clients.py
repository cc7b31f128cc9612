"""The clients of one store: who may use which at a time, and how they are closed while one of them hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from session_buddy.errors import StoreError
from session_buddy.storage.clickhouse.connection import Address, open_client

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Clients", "Turns"]


class Turns:
    """Clients that one thread at a time may use. Who comes after the end gets a :class:`StoreError`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._clients: list[Client] = []
        self.is_over = False
        """Whether the end was told; somebody may still have the clients."""
        self._is_given_up = False

    def add(self, client: Client) -> Client:
        """Take *client* in, to be closed at the end."""
        self._clients.append(client)
        return client

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Use the clients for the length of the block, after whoever does now."""
        with self._lock:
            self.refuse_over()
            try:
                yield
            finally:
                if self.is_over:
                    self._close()  # who ended them did not wait so long

    def refuse_over(self) -> None:
        """Raise after the end."""
        if self.is_over:
            raise StoreError(f"The store {self._url} has been closed.", remedy="Open it again with open_store().")

    def refuse_given_up(self) -> None:
        """Raise where the end did not wait for the turn that this is: somebody else may be at its work by now."""
        if self._is_given_up:
            self.refuse_over()

    def end(self, *, within_seconds: float) -> bool:
        """Close the clients after the turn that is being taken; return whether that came to its end in time.

        If not, they are closed by the thread that has them, as soon as it gives them back.
        """
        self.is_over = True
        if not self._lock.acquire(timeout=max(0.0, within_seconds)):
            self._is_given_up = True
            return False
        try:
            self._close()
        finally:
            self._lock.release()
        return True

    def _close(self) -> None:
        while self._clients:
            self._clients.pop().close()


class Clients:
    """Opens what a store at *address* needs, and closes all of it. Streams have a client each, and wait for nobody."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.writes, self.reads = Turns(address.url), Turns(address.url)
        self._streams: set[Turns] = set()

    @cached_property
    def writer(self) -> Client:
        """To be used in a turn of :attr:`writes`, as is the :attr:`second_writer`."""
        return self.writes.add(self.aside(self._address.database))

    @cached_property
    def second_writer(self) -> Client:
        """For the parts of large batches."""
        return self.writes.add(self.aside(self._address.database))

    @cached_property
    def reader(self) -> Client:
        """Cannot write, whatever it is told. To be used in a turn of :attr:`reads`."""
        return self.reads.add(self._opened_reader())

    @contextmanager
    def streaming(self) -> Iterator[tuple[Turns, Client]]:
        """Yield a reader of one's own, to be used in turns with who closes the store."""
        self.reads.refuse_over()
        turns = Turns(self._address.url)
        client = turns.add(self._opened_reader())
        self._streams.add(turns)
        try:
            yield turns, client
        finally:
            self._streams.discard(turns)
            turns.end(within_seconds=0.0)

    def aside(self, database: str) -> Client:
        """Open a client that the caller closes."""
        return open_client(self._address, database=database)

    def close(self, *, within_seconds: float) -> bool:
        """Close all; return whether the write that is under way, if one is, came to its end in time.

        It is told once: closing what is closed does nothing.
        """
        if self.writes.is_over:
            return True
        deadline = time.monotonic() + within_seconds
        for reading in (*self._streams, self.reads):
            reading.end(within_seconds=deadline - time.monotonic())
        return self.writes.end(within_seconds=deadline - time.monotonic())

    def _opened_reader(self) -> Client:
        return open_client(self._address, reads_only=True, database=self._address.database)
