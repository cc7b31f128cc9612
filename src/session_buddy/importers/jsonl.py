"""From bytes to lines: the incremental reader of a file that holds one JSON object a line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import Parsed, Parser, fault_told
from session_buddy.model import BadLine, Invocation, parse_time

__all__ = ["LONGEST_LINE", "JsonLines", "Reading", "decoded", "first_moment"]

LONGEST_LINE = 64 * 1024 * 1024
"""A longer line is no transcript's; holding it would be unbounded memory."""

_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"([^"\\]{1,40})"')

L = TypeVar("L")
R = TypeVar("R", contravariant=True)


class Reading(Protocol[R]):
    """What makes sense of the lines of one file, in order. No I/O, no clock."""

    def read(self, line: R) -> list[str]:
        """Take in *line*; return what in it had to be left out, and why. May raise :class:`InvalidInput`."""
        ...

    def take(self) -> list[Invocation]:
        """Return the invocations that have become complete since the last time."""
        ...

    def show(self) -> list[Invocation]:
        """Return all open calls as far as they are known."""
        ...

    def save(self) -> bytes:
        """Return the state to go on from."""
        ...


class Place(msgspec.Struct):
    """How far a file has been read, and the state of who reads it."""

    offset: int = 0
    line: int = 0
    state: msgspec.Raw = msgspec.Raw(b"")


_PLACE = msgspec.msgpack.Decoder(Place)


def first_moment(data: bytes) -> str | None:
    """Return the first time in *data* that stands under ``timestamp``, ``None`` where there is none."""
    for found in _TIMESTAMP.finditer(data):
        with suppress(InvalidInput):
            return parse_time(found[1].decode("ascii", "replace"))
    return None


def decoded(decoder: msgspec.msgpack.Decoder[L], state: bytes) -> L:
    """Return what *state* holds; raises :class:`InvalidInput` for what no importer of this version wrote."""
    try:
        return decoder.decode(state)
    except msgspec.DecodeError as error:
        raise InvalidInput(
            "state", f"is not from this importer ({error}).", remedy="Read the file from the start."
        ) from error


class JsonLines(Parser, Generic[L]):
    """The parser of one file.

    Memory is bounded: one piece, one line of at most :data:`LONGEST_LINE` bytes, and what the reading holds.
    """

    def __init__(self, path: str, reading: Reading[L], decode: Callable[[bytes], L], place: Place) -> None:
        """Take what makes sense of lines, and what makes one of bytes.

        *decode* raises :class:`InvalidInput` for what is no whole line.
        """
        self._path, self._reading, self._decode, self._place = path, reading, decode, place
        self._pieces: list[bytes] = []
        self._held = 0
        self._dropped = 0

    @staticmethod
    def place(state: bytes | None) -> Place:
        """Return the place that :meth:`save` wrote as *state*, or the beginning.

        Raises :class:`InvalidInput` for what it did not write.
        """
        return decoded(_PLACE, state) if state is not None else Place()

    @property
    def offset(self) -> int:
        """Bytes consumed so far: the end of the last complete line."""
        return self._place.offset

    def feed(self, data: bytes) -> Parsed:
        """Take the bytes that follow those already fed; lines may be cut anywhere."""
        bad: list[BadLine] = []
        first, *lines = data.split(b"\n")
        self._hold(first)
        if lines:
            last = lines.pop()
            self._end_held_line(bad)
            for line in lines:
                self._line(line, bad)
            self._hold(last)
        return Parsed(self._reading.take(), bad)

    def pause(self) -> Parsed:
        """Give what is known of everything still open, at the present end of the file.

        A last line without its newline counts if it is whole: an object that was cut is no JSON.
        """
        bad: list[BadLine] = []
        self._take_unended_line(bad)
        return Parsed(self._reading.take() + self._reading.show(), bad)

    def save(self) -> bytes:
        """Return the state from which to go on at :attr:`offset`."""
        self._place.state = msgspec.Raw(self._reading.save())
        return msgspec.msgpack.encode(self._place)

    def _hold(self, piece: bytes) -> None:
        """Keep the beginning of a line, or count it only if the line has grown too long."""
        if self._held + self._dropped + len(piece) > LONGEST_LINE:
            self._dropped += self._held + len(piece)
            self._pieces, self._held = [], 0
        elif piece:
            self._pieces.append(piece)
            self._held += len(piece)

    def _end_held_line(self, bad: list[BadLine]) -> None:
        pieces, dropped = self._pieces, self._dropped
        self._pieces, self._held, self._dropped = [], 0, 0
        if dropped:
            self._too_long(dropped, bad)
        else:
            self._line(b"".join(pieces), bad)

    def _take_unended_line(self, bad: list[BadLine]) -> None:
        data = b"".join(self._pieces)
        try:
            line = self._decode(data)
        except InvalidInput:
            return  # Cut, so far: it stays unconsumed until the rest is written.
        self._read(line, len(data), bad)
        self._pieces, self._held = [], 0
        # Its newline, once written, ends the line: an empty rest, which is passed over.
        self._place.offset += len(data)

    def _too_long(self, length: int, bad: list[BadLine]) -> None:
        bad.append(self._bad(length, f"is longer than {LONGEST_LINE} bytes."))
        self._consume(length)

    def _line(self, data: bytes, bad: list[BadLine]) -> None:
        length = len(data)
        if length > LONGEST_LINE:
            self._too_long(length, bad)
            return
        data = data.removeprefix(codecs.BOM_UTF8) if not self._place.offset else data
        if data and not data.isspace():
            try:
                line = self._decode(data)
            except InvalidInput as error:
                bad.append(self._bad(length, error.problem))
            else:
                self._read(line, length, bad)
        self._consume(length)

    def _read(self, line: L, length: int, bad: list[BadLine]) -> None:
        try:
            problems = self._reading.read(line)
        except InvalidInput as error:
            problems = [error.problem]
        except Exception as error:
            problems = [fault_told(error)]
        if problems:
            bad.extend(self._bad(length, problem) for problem in problems)

    def _consume(self, length: int) -> None:
        self._place.offset += length + 1
        self._place.line += 1

    def _bad(self, length: int, reason: str) -> BadLine:
        return BadLine(
            path=self._path,
            line=self._place.line + 1,
            offset=self._place.offset,
            length=length,
            reason=reason.removeprefix("line: "),
        )
