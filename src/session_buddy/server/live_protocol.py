"""The protocols that the server gives to uvicorn, made for many clients that are told the same, and for bad ones.

uvicorn's WebSocket protocol frames each message for each connection, behind a coroutine. This one also lets the app
write frames that are made already, several at once, straight to the transport, and tells it when the transport takes
more. Both cut off what uvicorn's own leave open: peers that stay connected and read nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.http11 import Request

from session_buddy.server.http_protocol import PatientHttpProtocol

__all__ = ["EXTENSION", "LiveHttpProtocol", "LiveWebSocketProtocol"]

EXTENSION = "session_buddy.wire"
"""The ASGI extension under which an app finds the connection itself."""

_log = logging.getLogger(__name__)


class _CutsOffStalledPeers(asyncio.Protocol):
    """A part of a protocol: a peer that takes nothing for *stall_seconds* is cut off, what waits for it is freed."""

    stall_seconds = 60.0

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _stall: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Note that the peer takes nothing for now."""
        super().pause_writing()
        self._stall = self.loop.call_later(self.stall_seconds, self._give_up)

    def resume_writing(self) -> None:
        """Note that the peer takes more."""
        super().resume_writing()
        self._end_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._end_stall()

    def _give_up(self) -> None:
        self._stall = None
        _log.info("A client has read nothing for %g s, its connection is closed.", self.stall_seconds)
        self.transport.abort()

    def _end_stall(self) -> None:
        if self._stall:
            self._stall.cancel()
            self._stall = None


class LiveHttpProtocol(_CutsOffStalledPeers, PatientHttpProtocol):
    """The HTTP protocol, which lets go of peers that stay connected and read nothing, as well."""


class LiveWebSocketProtocol(_CutsOffStalledPeers, WebSocketsSansIOProtocol):
    """uvicorn's protocol, with a way past ASGI for frames that are made already.

    Guarantees: a frame is written whole or not at all, and nothing is written after a close frame.
    """

    when_writable: Callable[[], None] | None = None
    """Called when the transport takes more again, and once when the connection is gone."""

    @property
    def is_open(self) -> bool:
        """Whether frames may be written."""
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def is_writable(self) -> bool:
        """Whether the transport takes more without piling it up."""
        return self.is_open and self.writable.is_set()

    def write_frames(self, frames: bytes) -> None:
        """Write whole, unmasked, uncompressed frames; nothing where the connection is not open."""
        if self.is_open:
            self.transport.write(frames)

    def abort(self) -> None:
        """Cut the connection; what is not sent is dropped."""
        self.transport.abort()

    def handle_connect(self, event: Request) -> None:
        """Let the app find this connection in its scope."""
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = {"wire": self}

    def resume_writing(self) -> None:
        """Note that the peer takes more."""
        super().resume_writing()
        if self.when_writable:
            self.when_writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the app know, and forget it."""
        super().connection_lost(exc)
        if self.when_writable:
            self.when_writable()
            self.when_writable = None

    def send_receive_event_to_app(self) -> None:
        """Pass a message on; what is no UTF-8 closes the connection, without a trace in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "not UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def keepalive_timeout(self) -> None:
        """Close a peer that does not answer pings; closing alone would wait for ever for it to read the rest."""
        super().keepalive_timeout()
        self._cut_off_if_stuck()

    def shutdown(self) -> None:
        """Close because the server ends; a peer that reads nothing must not hold it up."""
        super().shutdown()
        self._cut_off_if_stuck()

    def _cut_off_if_stuck(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
