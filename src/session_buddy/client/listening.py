"""What a listener of the live feed knows, and what it does next. Pure: text in, updates out; shells do the I/O."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from session_buddy.client.errors import ServerRefused
from session_buddy.errors import InvalidInput
from session_buddy.feed.messages import (
    Delta,
    Failure,
    Heartbeat,
    Position,
    Recovered,
    Snapshot,
    Subscribe,
    read_server_message,
)
from session_buddy.feed.topics import checked

__all__ = ["LISTENED_TO", "SILENCE_SECONDS", "Listening", "Update"]

Update = Snapshot | Delta | Recovered
SILENCE_SECONDS = 45.0
"""The server sends a heartbeat every 15 seconds: whoever hears nothing for three of them has lost it."""
LISTENED_TO = 64 << 20
"""The largest message taken, in bytes: a snapshot of everything may be large."""
_OWN_FAULTS = frozenset({"topics", "since", "message"})
_log = logging.getLogger(__name__)


class Listening:
    """The state of one listener, over any number of connections.

    Guarantees: an update is told once; deltas come in order, without gaps since the last snapshot.
    Raises :class:`~session_buddy.errors.InvalidInput` for topics that are none.
    """

    def __init__(self, topics: Iterable[str], since: Position | None = None) -> None:
        self._topics = sorted(checked([topics] if isinstance(topics, str) else topics))
        self.position = since
        """Up to here everything has been told."""

    def greeting(self) -> str:
        """Return what to send on every new connection."""
        return msgspec.json.encode(Subscribe(self._topics, self.position)).decode()

    def heard(self, text: str | bytes) -> Update | None:
        """Return what *text* tells that is new, None for nothing.

        Raises :class:`ServerRefused` where the server does not understand what this listener wants.
        """
        try:
            message = read_server_message(text)
        except InvalidInput as error:
            raise ServerRefused(error.problem, remedy=error.remedy) from error
        match message:
            case Snapshot(epoch=epoch, offset=offset) | Recovered(epoch=epoch, offset=offset):
                self.position = Position(epoch, offset)
                return message
            case Delta(epoch=epoch, offset=offset) if self._is_new(epoch, offset):
                self.position = Position(epoch, offset)
                return message
            case Heartbeat(epoch=epoch, offset=offset) if self._is_new(epoch, offset):
                self.position = Position(epoch, offset)
            case Failure(error=fault) if fault.field in _OWN_FAULTS:
                raise ServerRefused(fault.problem, remedy=fault.remedy, type=fault.type, field=fault.field)
            case Failure(error=fault):
                _log.warning("The server says: %s %s", fault.problem, fault.remedy)
        return None

    def _is_new(self, epoch: str, offset: int) -> bool:
        at = self.position
        return at is not None and at.epoch == epoch and offset > at.offset
