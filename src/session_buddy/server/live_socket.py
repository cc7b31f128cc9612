"""The conversation on one WebSocket: what the client asks for, what the feed tells it."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.websockets import WebSocket

from session_buddy.errors import SessionBuddyError
from session_buddy.feed import Message
from session_buddy.feed.messages import Ping, Pong, Subscribe, Unsubscribe, read_client_message
from session_buddy.server.live_pump import Pump, failure
from session_buddy.server.live_wires import close_quietly, wire_of

__all__ = ["LiveSocket"]

_LONGEST_TEXT = 64 << 10
_MOST_FAULTS = 20
_MOST_UNANSWERED = 32
_WRITE_BYTES = 64 << 10
_PONG = Message(msgspec.json.encode(Pong()))


class LiveSocket:
    """A client on a WebSocket. Raises :class:`~session_buddy.feed.FeedFull` where there are too many already."""

    def __init__(self, websocket: WebSocket, pump: Pump) -> None:
        self._websocket, self._pump = websocket, pump
        self.subscriber = pump.feed.join(self._wake)
        self._ending: asyncio.Task[None] | None = None
        self._faults = 0

    async def converse(self) -> None:
        """Accept, then answer until either side closes."""
        try:
            await self._websocket.accept()
            self._wire = wire_of(self._websocket, self.push)
            self._pump.add(self)
            code, reason = await self._listen()
            if code:
                await close_quietly(self._websocket, code, reason)
        finally:
            self._pump.remove(self)

    def push(self) -> None:
        """Write what waits, as far as the wire takes it; see that a snapshot is read where one is needed."""
        subscriber, wire = self.subscriber, self._wire
        while subscriber.has_waiting and wire.is_writable and (messages := subscriber.take(_WRITE_BYTES)):
            wire.write(messages)
        if subscriber.needs_snapshot and wire.is_writable:
            self._pump.supply(self)

    def end(self) -> None:
        """Close, since the server ends: clients come back when it is there again."""
        self._ending = asyncio.ensure_future(close_quietly(self._websocket, 1012, "The server ends."))

    def abort(self) -> None:
        """Cut the connection."""
        self._wire.abort()

    def _wake(self) -> None:
        self._pump.mark(self)

    async def _listen(self) -> tuple[int, str]:
        """Act on what the client sends; returns the code and reason to close with, 0 where the client has closed."""
        while True:
            event = await self._websocket.receive()
            if event["type"] == "websocket.disconnect":
                return 0, ""
            text = event.get("text")
            if text is None:
                return 1003, "Only text is understood."
            if len(text) > _LONGEST_TEXT:
                return 1009, "The message is too long."
            self._act(text)
            if self._faults > _MOST_FAULTS:
                return 1008, "Too many messages could not be acted upon."
            if self.subscriber.unanswered > _MOST_UNANSWERED:
                self._wire.abort()
                return 0, ""

    def _act(self, text: str) -> None:
        try:
            match read_client_message(text):
                case Subscribe(topics=topics, since=since):
                    self.subscriber.subscribe(topics, since)
                case Unsubscribe(topics=topics):
                    self.subscriber.unsubscribe(topics)
                case Ping():
                    self.subscriber.tell(_PONG)
        except SessionBuddyError as error:
            self._faults += 1
            self.subscriber.tell(failure(error))
        self.push()
