"""What was measured in CI, on its way to a store or to a server: first on this machine's disk, then there.

The same folders as those of ``session_buddy.track``: what could not be delivered the next command records, or the
server.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.ingest.told import deliver, keep
from session_buddy.ingest.waiting import Waiting
from session_buddy.model import Invocation

__all__ = ["Delivery", "Undelivered"]

_PATIENCE_SECONDS = 10.0
_BUSY_SECONDS = 5.0
"""How long another process may take that is delivering: what it did not see is not recorded when it ends."""


class Undelivered(msgspec.Struct, frozen=True):
    """Why something was not recorded, and where it waits to be, if it does."""

    reason: str
    waits_in: Path | None

    def __str__(self) -> str:
        waits = f" It waits in {self.waits_in}." if self.waits_in else ""
        return f"{self.reason.rstrip('.')}.{waits}"


class Delivery:
    """Delivers to *server* if there is one, else to the store at *store_url*; the default store has no URL of its own.

    *default_url* is that of the default store.
    """

    def __init__(
        self,
        data_folder: Path,
        *,
        default_url: str,
        store_url: str | None = None,
        server: str | None = None,
        token: str | None = None,
    ) -> None:
        self._store_url = store_url or default_url
        self._server, self._token = server, token
        self._waiting = Waiting(data_folder / "told" / _folder_name(store_url, server))

    @property
    def folder(self) -> Path:
        """Where it waits what is not delivered yet."""
        return self._waiting.folder

    def keep(self, invocations: Iterable[Invocation]) -> None:
        """Put *invocations* on disk, where they wait. Raises :class:`OSError`."""
        for invocation in invocations:
            keep(self._waiting, invocation)

    def deliver(self, invocations: Iterable[Invocation] = ()) -> Undelivered | None:
        """Record *invocations*, and what waits from before; None where that is done. Never raises.

        What cannot be recorded now is on disk when this returns, unless the disk refuses it too.
        """
        kept = False
        try:
            self.keep(invocations)
            kept = True
            if self._waiting.is_empty():
                return None
            if self._server:
                self._send(self._server)
            else:
                self._store()
        except Exception as error:  # a command, or a run of tests, must end as it would without us
            reason = error.problem if isinstance(error, SessionBuddyError) else f"{type(error).__name__}: {error}"
            return Undelivered(reason, self.folder if kept else None)
        return None

    def _send(self, server: str) -> None:
        from session_buddy.client.sending import send

        deliver(
            self._waiting,
            lambda told: send(told, server, self._token, patience_seconds=_PATIENCE_SECONDS),
            patience_seconds=_BUSY_SECONDS,
        )

    def _store(self) -> None:
        from session_buddy.storage import open_store

        with open_store(self._store_url) as store:
            deliver(self._waiting, store.record, patience_seconds=_BUSY_SECONDS)


def _folder_name(store_url: str | None, server: str | None) -> str:
    from session_buddy.storage.locations import digest_of

    if server is not None:
        return f"server-{digest_of(server.rstrip('/'))}"
    return "default" if store_url is None else digest_of(store_url)
