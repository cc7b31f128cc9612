"""How the data are, and how the server is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.reports.health import DataHealth, read_health
from session_buddy.server.site import Site
from session_buddy.storage.outbox import Standing

__all__ = ["Life", "Readiness", "ReadinessProbe", "ServerHealth", "read_server_health"]

_PATIENCE_SECONDS = 2.0
_FULL = 0.95
_FRESH_SECONDS = 1.0


class ServerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How sound the data are, and whether the server gets on with its work."""

    data: DataHealth
    delivery: Standing
    """How recording stands."""
    troubles: list[str]
    """What the server fails at in the background, in sentences; empty if all is well."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """The server runs."""

    alive: bool = True


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the server can do its work now."""

    ready: bool
    store_answers: bool
    takes_more: bool
    """Whether there is room for what is recorded."""


class ReadinessProbe:
    """Asks the store at most once a second, however often it is asked itself: anybody may."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._found: tuple[float, Readiness] | None = None
        self._asking = asyncio.Lock()

    async def ask(self, site: Site) -> Readiness:
        """Return whether *site* is ready; a store that has not answered within two seconds does not."""
        async with self._asking:
            if self._found is None or self._seconds() - self._found[0] >= _FRESH_SECONDS:
                self._found = self._seconds(), await _asked(site)
            return self._found[1]


def read_server_health(site: Site) -> ServerHealth:
    """Return how the data and the server are; blocks."""
    data = read_health(site.store, site.present() if site.present else None)
    return ServerHealth(data=data, delivery=site.writer.standing, troubles=site.troubles())


async def _asked(site: Site) -> Readiness:
    answers = await _answers(site)
    takes_more = site.writer.standing.spooled_bytes < _FULL * site.spool_bytes
    return Readiness(ready=answers and takes_more, store_answers=answers, takes_more=takes_more)


async def _answers(site: Site) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await site.threads.reads.run(site.store.query, "SELECT value FROM store_counts WHERE name = 'sessions'")
    except (SessionBuddyError, TimeoutError):
        return False
    return True
