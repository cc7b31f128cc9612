"""Many WebSocket clients in one process, as cheap as possible: the measured party is the server."""

from __future__ import annotations

import re
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

_HANDSHAKE = (
    "GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDAwMDAwMDAwMDAwMDAwMA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_SNAPSHOT = b'"type":"snapshot"'
_PING = 0x89
_PONG = b"\x8a%c\x00\x00\x00\x00%b"
_STAMP = re.compile(rb'"event_id":"at-(\d+)')


class Crowd:
    """*count* connected clients that count frames; some of them, the probes, measure how old what they hear is.

    The age of an invocation is now minus the moment in its ``event_id``, ``at-NANOSECONDS-…`` of the monotonic clock,
    which processes of one machine share.
    """

    def __init__(self, port: int, topics: Sequence[str | None], probes: int = 0) -> None:
        self._poll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._chunk = bytearray(1 << 20)
        self.ages_ms: list[float] = []
        self.snapshots = 0
        """How many the probes got: the first, and one whenever they were too slow."""
        for number, topic in enumerate(topics):
            client = _Client(connected(port, *([topic] if topic else [])), is_probe=number < probes)
            self._clients[client.socket.fileno()] = client
            self._poll.register(client.socket.fileno(), select.EPOLLIN)

    @property
    def frames(self) -> int:
        """Frames received so far, by all."""
        return sum(client.frames for client in self._clients.values())

    @property
    def size_bytes(self) -> int:
        """Bytes received so far, by all."""
        return sum(client.received for client in self._clients.values())

    def read(self, until: Callable[[], bool], *, quiet_seconds: float = 0.05) -> None:
        """Read what comes until *until* says so; it is asked after each round, at least every *quiet_seconds*."""
        while not until():
            for number, _ in self._poll.poll(quiet_seconds):
                client = self._clients[number]
                size = client.socket.recv_into(self._chunk)
                if not size:
                    raise ConnectionError("the server has closed the connection of a client")
                client.take(memoryview(self._chunk)[:size], self.ages_ms)
                self.snapshots += client.take_snapshots()

    def close(self) -> None:
        """Disconnect all."""
        for client in self._clients.values():
            client.socket.close()
        self._poll.close()


class _Client:
    def __init__(self, opened: socket.socket, *, is_probe: bool) -> None:
        self.socket, self._is_probe = opened, is_probe
        self.frames = self.received = 0
        self._skip = 0
        self._rest = b""
        self._kept: list[bytes] = []
        self._snapshots = 0

    def take(self, chunk: memoryview, ages_ms: list[float]) -> None:
        """Count the frames that end in *chunk*; it need not begin with one."""
        self.received += len(chunk)
        if self._is_probe:
            self._measure(bytes(chunk), ages_ms)
        data: Any = memoryview(self._rest + bytes(chunk)) if self._rest else chunk
        place, self._rest = 0, b""
        while True:
            if self._skip:
                step = min(self._skip, len(data) - place)
                place += step
                self._skip -= step
                if self._skip:
                    return
            header = _header(data[place : place + 10])
            if header is None or (data[place] == _PING and len(data) - place < sum(header)):
                self._rest = bytes(data[place:])
                return
            place += header[0]
            self._skip = header[1]
            if data[place - header[0]] == _PING:
                self.socket.sendall(_PONG % (0x80 | header[1], bytes(data[place : place + header[1]])))
            else:
                self.frames += 1

    def take_snapshots(self) -> int:
        """Return how many snapshots came since the last call; only probes know."""
        found, self._snapshots = self._snapshots, 0
        return found

    def _measure(self, chunk: bytes, ages_ms: list[float]) -> None:
        now = time.monotonic_ns()
        text = b"".join((*self._kept, chunk))
        self._snapshots += text.count(_SNAPSHOT) - sum(kept.count(_SNAPSHOT) for kept in self._kept)
        end = 0
        for found in _STAMP.finditer(text):
            if found.end() < len(text):  # else the number may go on in the next chunk
                ages_ms.append((now - int(found[1])) / 1e6)
                end = found.end()
        self._kept = [text[max(end, len(text) - 40) :]]


def connected(port: int, *topics: str, receive_buffer: int | None = None) -> socket.socket:
    """Return a socket after the handshake, subscribed to *topics* if there are any."""
    opened = socket.socket()
    if receive_buffer:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    opened.connect(("127.0.0.1", port))
    opened.sendall(_HANDSHAKE.format(port=port).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += opened.recv(1)
    assert b" 101 " in answer, answer
    if topics:
        payload = b'{"type":"subscribe","topics":["%b"]}' % b'","'.join(topic.encode() for topic in topics)
        opened.sendall(b"\x81" + bytes([0x80 | len(payload)]) + b"\x00" * 4 + payload)
    return opened


def _header(data: Any) -> tuple[int, int] | None:
    """Return the length of the header and of the payload of an unmasked frame, None if more is needed."""
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    if short < 126:
        return 2, short
    size, form = (4, "!H") if short == 126 else (10, "!Q")
    if len(data) < size:
        return None
    return size, struct.unpack_from(form, data, 2)[0]
