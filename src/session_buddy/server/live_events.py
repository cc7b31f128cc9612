"""The live feed as server-sent events: the same messages, for places where WebSockets are blocked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from session_buddy.feed import Message
from session_buddy.feed.messages import Position
from session_buddy.server.live_pump import Pump

__all__ = ["EventStream"]

_WRITE_BYTES = 64 << 10
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep events back
]
_OPENING = b"retry: 2000\n\n"


class EventStream:
    """A client on server-sent events; an ASGI app that answers one request.

    Each event is one message of the feed; its id is the position to come back with. Raises
    :class:`~session_buddy.errors.InvalidInput` for topics that are none and
    :class:`~session_buddy.feed.FeedFull` where there are too many clients already.
    """

    def __init__(self, pump: Pump, topics: Sequence[str], since: Position | None) -> None:
        self._pump = pump
        self._something = asyncio.Event()
        self._closed = False
        self.subscriber = pump.feed.join(self._something.set)
        try:
            self.subscriber.subscribe(topics, since)
        except BaseException:
            self.subscriber.leave()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client leaves or the server ends."""
        self._pump.add(self)
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pump.remove(self)
            leaving.cancel()
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

    def push(self) -> None:
        """Have sent what waits."""
        self._something.set()

    def end(self) -> None:
        """End the stream: the server ends."""
        self._closed = True
        self._something.set()

    def abort(self) -> None:
        """Do the same: there is no other way to end a stream."""
        self.end()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _OPENING, "more_body": True})
        while not self._closed:
            self._something.clear()
            self._pump.supply(self)
            if messages := self.subscriber.take(_WRITE_BYTES):
                body = b"".join([message.form(_event) for message in messages])
                await send({"type": "http.response.body", "body": body, "more_body": True})
            else:
                await self._something.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(message: Message) -> bytes:
    # JSON as it is made here has no line breaks.
    name = b"id: %b\n" % str(message.position).encode() if message.position else b""
    return b"%bdata: %b\n\n" % (name, message.text)
