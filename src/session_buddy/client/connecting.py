"""What both clients need to reach a server: address, token, patience; and which failures pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from websockets.exceptions import InvalidStatus, WebSocketException

from session_buddy.client.calls import is_worth_retrying
from session_buddy.client.errors import ServerAway, refusal
from session_buddy.client.listening import LISTENED_TO, SILENCE_SECONDS
from session_buddy.client.retrying import Attempts, Backoff, seconds_asked
from session_buddy.errors import InvalidInput, SessionBuddyError

__all__ = ["PASSING", "Address", "Retrying", "address_of", "lost", "wait_after"]

PASSING = (OSError, TimeoutError, WebSocketException)
"""What a connection to the live feed fails with; :func:`lost` tells which of it passes."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Address(msgspec.Struct, frozen=True):
    """Where a server is, and what it is shown."""

    url: str
    headers: Mapping[str, str]
    is_near: bool
    """Whether it is on this machine: compressing takes longer than sending then."""

    @property
    def live_url(self) -> str:
        """The address of the live feed."""
        return f"ws{self.url.removeprefix('http')}/api/v1/live"

    def options(self) -> dict[str, Any]:
        """Return the options for a WebSocket."""
        return {
            "additional_headers": dict(self.headers),
            "max_size": LISTENED_TO,
            "compression": None,
            "ping_timeout": SILENCE_SECONDS,
        }


class Retrying(msgspec.Struct, frozen=True, kw_only=True):
    """How long to try, and by which clock."""

    patience_seconds: float | None
    backoff: Backoff = Backoff()
    now: Callable[[], float] = time.monotonic

    def attempts(self) -> Attempts:
        """Return a new count of failures."""
        return Attempts(self.backoff, self.patience_seconds, self.now)


def address_of(url: str, token: str | None) -> Address:
    """Return the address that *url* names; raises :class:`~session_buddy.errors.InvalidInput` for what is none."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = named and not (parts.query or parts.fragment)
    except ValueError:
        good = False
    if not good:
        raise InvalidInput("url", f"{url!r} is no address of a server.", remedy="Write it as http://127.0.0.1:8765")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Address(url.rstrip("/"), headers, parts.hostname in _LOOPBACK)


def wait_after(attempts: Attempts, response: httpx.Response | httpx.TransportError) -> float | None:
    """Return the seconds to wait before a call is sent again; None where *response* is the answer to it.

    Raises :class:`ServerAway` where there is none and patience is at its end.
    """
    if isinstance(response, httpx.Response):
        if not is_worth_retrying(response.status_code):
            return None
        wait = attempts.failed(asked_to_wait=seconds_asked(response.headers.get("Retry-After")))
        if wait is None:
            said = refusal(response.status_code, response.content)
            raise ServerAway(f"The server has no room: {said}", remedy="Try again later.") from said
        return wait
    wait = attempts.failed()
    if wait is None:
        raise _away(response) from response
    return wait


def lost(attempts: Attempts, error: Exception) -> float:
    """Return the seconds to wait before connecting to the live feed again after *error*.

    Raises what the server refused with, if that would not pass, and :class:`ServerAway` where patience is at its end.
    """
    asked = 0.0
    if isinstance(error, InvalidStatus):
        response = error.response
        if not is_worth_retrying(response.status_code):
            raise refusal(response.status_code, bytes(response.body or b"")) from error
        asked = seconds_asked(response.headers.get("Retry-After"))
    wait = attempts.failed(asked_to_wait=asked)
    if wait is None:
        raise _away(error) from error
    return wait


def _away(error: Exception) -> SessionBuddyError:
    return ServerAway(
        f"The server cannot be reached: {str(error) or type(error).__name__}.",
        remedy="See that 'session-buddy serve' runs there, and that the address is right.",
    )
