"""The HTTP protocol that the server gives to uvicorn: uvicorn's own, which also lets go of who never ends a request.

uvicorn waits for the rest of a request's head for ever; bodies have a time limit of their own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PatientHttpProtocol"]


class PatientHttpProtocol(H11Protocol):
    """uvicorn's protocol; a connection on which the next request has not come within *head_seconds* is closed."""

    head_seconds = 20.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch the connection."""
        super().connection_made(transport)
        self.loop.call_later(self.head_seconds, self._look, None)

    def _look(self, before: Any) -> None:
        """Close the connection unless it is at a request, or has ended one since *before*, the last one seen."""
        # A WebSocket has another protocol from its first request on.
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self.cycle is before and (before is None or before.response_complete):
            self.transport.close()
        else:
            self.loop.call_later(self.head_seconds, self._look, self.cycle)
