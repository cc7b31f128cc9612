"""Bodies of requests: read within bounds of size, time and memory, and inflated within them too."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

from session_buddy.errors import StoreFull
from session_buddy.server.problems import BadBody, BodyTooLarge, BodyTooSlow, UnsupportedBody

__all__ = ["Room", "inflated", "read_body", "require_type"]

_GZIP = 31
"""What zlib calls a gzip header and trailer around 32 KiB windows."""
_PIECE_BYTES = 64 << 10
_MOST_MEMBERS = 1_000


class Room:
    """How many bytes of bodies may be in the server at once; to be used on one event loop."""

    def __init__(self, total_bytes: int) -> None:
        self._left = total_bytes

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Hold]:
        """Give a hold on bytes that ends with the block."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self._left += hold.size

    def take(self, size: int) -> None:
        """Set *size* bytes aside; raises :class:`StoreFull` where there are not as many."""
        if size > self._left:
            raise StoreFull(
                "The server has as much to record as it can hold.",
                remedy="Send it again in 1 s.",
                retry_after_seconds=1.0,
            )
        self._left -= size


class Hold:
    """The bytes that one request has set aside."""

    def __init__(self, room: Room) -> None:
        self._room, self.size = room, 0

    def grow(self, size: int) -> None:
        """Set *size* bytes more aside; raises :class:`StoreFull`."""
        self._room.take(size)
        self.size += size


def require_type(request: Request, wanted: str) -> None:
    """Raise :class:`UnsupportedBody` where the body is said to be anything but *wanted*."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise UnsupportedBody(
            f"The body is said to be {kind or 'of no type'}.", remedy=f"Send it with 'Content-Type: {wanted}'."
        )


async def read_body(request: Request, *, most_bytes: int, seconds: float, hold: Hold | None = None) -> bytes:
    """Return the body as it was sent.

    Raises :class:`BodyTooLarge`, at the first byte where the headers tell, :class:`BodyTooSlow` where it has not
    arrived within *seconds*, and :class:`StoreFull` where *hold* finds no room.
    """
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most_bytes:
        raise _too_large(most_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                if hold:
                    hold.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError as error:
        raise BodyTooSlow(
            f"The body did not arrive within {seconds:g} s.", remedy="Send less at once, or over a faster line."
        ) from error
    except ClientDisconnect as error:
        raise BadBody("The body ended before its end.", remedy="Send it whole.") from error
    return b"".join(chunks)


def inflated(data: bytes, encoding: str, *, most_bytes: int) -> bytes:
    """Return *data* without its *encoding*, a ``Content-Encoding``; never inflates to more than *most_bytes*.

    Raises :class:`UnsupportedBody`, :class:`BadBody` and :class:`BodyTooLarge`.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return data
    if encoding != "gzip":
        raise UnsupportedBody(f"The encoding {encoding!r} is not taken.", remedy="Send it as it is, or as gzip.")
    parts: list[bytes] = []
    room = most_bytes
    members, inflating = 0, None
    # By the piece: what follows a member is copied, and of a whole body that would be copied for each of its members.
    for start in range(0, len(data), _PIECE_BYTES):
        piece = data[start : start + _PIECE_BYTES]
        while piece:
            if inflating is None:  # gzip files that follow one another are one
                members += 1
                if members > _MOST_MEMBERS:
                    raise BadBody(f"The gzip has more than {_MOST_MEMBERS:,} members.", remedy="Compress it as one.")
                inflating = zlib.decompressobj(_GZIP)
            try:
                part = inflating.decompress(piece, room + 1)
            except zlib.error as error:
                raise BadBody("The body is no gzip.", remedy="Compress it with gzip, or send it as it is.") from error
            room -= len(part)
            if room < 0:
                raise _too_large(most_bytes)
            parts.append(part)
            piece = inflating.unused_data if inflating.eof else b""
            inflating = None if inflating.eof else inflating
    if inflating is not None:
        raise BadBody("The gzip ends before its end.", remedy="Send it whole.")
    return b"".join(parts)


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body, or what it inflates to, has more than {most_bytes:,} bytes.", remedy="Send several smaller ones."
    )
