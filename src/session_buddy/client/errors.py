"""What can go wrong between a program and a server."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import NotFound, SessionBuddyError
from session_buddy.feed.messages import FailureBody

__all__ = ["ServerAway", "ServerRefused", "refusal"]


class ServerAway(SessionBuddyError):
    """The server could not be reached, or had no room, for as long as the client was to try.

    What was being recorded may or may not be stored: record it again, that doubles nothing.
    """


class ServerRefused(SessionBuddyError):
    """The server's answer is no, and would be again.

    ``status`` is that of HTTP, None on the live feed. ``type`` is the server's name of the error, ``field`` what it
    is about, ``items`` the faulty invocations of a batch, each with ``index``, ``field``, ``problem`` and ``remedy``.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        type: str = "",
        status: int | None = None,
        field: str | None = None,
        items: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(problem, remedy=remedy)
        self.type, self.status, self.field, self.items = type, status, field, items or []


class _Fault(FailureBody, frozen=True, kw_only=True):
    items: list[dict[str, Any]] | None = None


class _Problem(msgspec.Struct, frozen=True):
    error: _Fault


def refusal(status: int, body: bytes) -> SessionBuddyError:
    """Return the error that an answer with *status* of 400 or above tells of.

    That is :class:`~session_buddy.errors.NotFound`, with suggestions, for a name that is unknown, and
    :class:`ServerRefused` for everything else.
    """
    try:
        fault = msgspec.json.decode(body, type=_Problem).error
    except (msgspec.DecodeError, UnicodeError):
        return ServerRefused(
            f"The server answered with status {status}.",
            remedy="Is this the address of a Session-Buddy server?",
            status=status,
        )
    if fault.type == NotFound.__name__:
        return NotFound(fault.problem, remedy=fault.remedy, suggestions=fault.suggestions or [])
    return ServerRefused(
        fault.problem, remedy=fault.remedy, type=fault.type, status=status, field=fault.field, items=fault.items
    )
