"""How messages of the feed get onto a WebSocket: straight to the transport where the server lets us, else by ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.frames import Frame, Opcode

from session_buddy.feed import Message
from session_buddy.server.live_protocol import EXTENSION, LiveWebSocketProtocol

__all__ = ["AsgiWire", "DirectWire", "Wire", "close_quietly", "wire_of"]


class Wire(Protocol):
    """Where messages are written."""

    @property
    def is_writable(self) -> bool:
        """Whether it takes more now; if not, it says so when it does."""

    def write(self, messages: Sequence[Message]) -> None:
        """Write *messages*, whole; only while :attr:`is_writable`."""

    def abort(self) -> None:
        """Cut the connection."""


def wire_of(websocket: WebSocket, when_writable: Callable[[], None]) -> Wire:
    """Return the quickest wire of an accepted *websocket*; it calls *when_writable* when it takes more again."""
    found = websocket.scope.get("extensions", {}).get(EXTENSION, {}).get("wire")
    if isinstance(found, LiveWebSocketProtocol):
        return DirectWire(found, when_writable)
    return AsgiWire(websocket, when_writable)


class DirectWire:
    """Writes frames that are made once for all subscribers, and several of them at once."""

    def __init__(self, protocol: LiveWebSocketProtocol, when_writable: Callable[[], None]) -> None:
        self._protocol = protocol
        protocol.when_writable = when_writable

    @property
    def is_writable(self) -> bool:
        """See :attr:`Wire.is_writable`."""
        return self._protocol.is_writable

    def write(self, messages: Sequence[Message]) -> None:
        """See :meth:`Wire.write`."""
        if len(messages) == 1:
            self._protocol.write_frames(messages[0].form(_frame))
        else:
            self._protocol.write_frames(b"".join([message.form(_frame) for message in messages]))

    def abort(self) -> None:
        """See :meth:`Wire.abort`."""
        self._protocol.abort()


class AsgiWire:
    """Writes through ASGI, one message after the other: on any server, more slowly."""

    def __init__(self, websocket: WebSocket, when_writable: Callable[[], None]) -> None:
        self._websocket, self._when_writable = websocket, when_writable
        self._sending: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._open = True

    @property
    def is_writable(self) -> bool:
        """See :attr:`Wire.is_writable`."""
        return self._open and self._sending is None

    def write(self, messages: Sequence[Message]) -> None:
        """See :meth:`Wire.write`."""
        self._sending = asyncio.ensure_future(self._send(messages))

    def abort(self) -> None:
        """See :meth:`Wire.abort`; ASGI knows only of closing."""
        self._open = False
        if self._sending:
            self._sending.cancel()
        self._closing = asyncio.ensure_future(close_quietly(self._websocket, 1011, ""))

    async def _send(self, messages: Sequence[Message]) -> None:
        try:
            for message in messages:
                await self._websocket.send_text(message.text.decode())
        except (WebSocketDisconnect, RuntimeError):
            # The peer is gone, or we have closed; starlette says the one or the other. Who receives hears of it too.
            self._open = False
        finally:
            self._sending = None
        self._when_writable()


async def close_quietly(websocket: WebSocket, code: int, reason: str) -> None:
    """Close *websocket*, unless it is closed already."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(code, reason)


def _frame(message: Message) -> bytes:
    return Frame(Opcode.TEXT, message.text).serialize(mask=False)
