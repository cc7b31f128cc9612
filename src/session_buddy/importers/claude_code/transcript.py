"""From bytes to lines: the incremental reader of one transcript."""

from __future__ import annotations

import codecs
from pathlib import PurePath

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import Parsed, Parser
from session_buddy.importers.claude_code.conversation import Conversation
from session_buddy.importers.claude_code.ledger import State
from session_buddy.importers.claude_code.lines import Line, decode_line
from session_buddy.importers.shell import ShellRules
from session_buddy.model import BadLine

__all__ = ["LONGEST_LINE", "SOURCE", "Transcript"]

SOURCE = "claude_code"
LONGEST_LINE = 64 * 1024 * 1024
"""A longer line is no transcript's; holding it would be unbounded memory."""


class _Saved(msgspec.Struct):
    offset: int = 0
    line: int = 0
    state: State = msgspec.field(default_factory=State)


_SAVED = msgspec.msgpack.Decoder(_Saved)


class Transcript(Parser):
    """The parser of one ``*.jsonl`` file.

    Memory is bounded: one piece, one line of at most :data:`LONGEST_LINE` bytes, and the
    open calls. The saved state holds the skeleton of a shell command while the call has no
    result (its name depends on how it ends), and nothing else of inputs.
    """

    def __init__(self, path: str, *, user_id: str, rules: ShellRules, state: bytes | None) -> None:
        """Raise :class:`InvalidInput` if *state* is none that :meth:`save` returned."""
        self._path = path
        try:
            self._saved = _SAVED.decode(state) if state is not None else _Saved()
        except msgspec.DecodeError as error:
            raise InvalidInput(
                "state", f"is not from this importer ({error}).", remedy="Read the file from the start."
            ) from error
        session_id = PurePath(path).stem or "unknown"
        self._conversation = Conversation(
            self._saved.state, session_id=session_id, user_id=user_id, source=SOURCE, rules=rules
        )
        self._pieces: list[bytes] = []
        self._held = 0
        self._dropped = 0

    @property
    def offset(self) -> int:
        """Bytes consumed so far: the end of the last complete line."""
        return self._saved.offset

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
        return Parsed(self._conversation.take(), bad)

    def pause(self) -> Parsed:
        """Give what is known of everything still open, at the present end of the file.

        A last line without its newline counts if it is whole: an object that was cut is no JSON.
        """
        bad: list[BadLine] = []
        self._take_unended_line(bad)
        return Parsed(self._conversation.take() + self._conversation.show(), bad)

    def save(self) -> bytes:
        """Return the state from which to go on at :attr:`offset`."""
        self._saved.state.redact()
        return msgspec.msgpack.encode(self._saved)

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
            line = decode_line(data)
        except InvalidInput:
            return  # Cut, so far: it stays unconsumed until the rest is written.
        self._read(line, len(data), bad)
        self._pieces, self._held = [], 0
        # Its newline, once written, ends the line: an empty rest, which is passed over.
        self._saved.offset += len(data)

    def _too_long(self, length: int, bad: list[BadLine]) -> None:
        bad.append(self._bad(length, f"is longer than {LONGEST_LINE} bytes."))
        self._consume(length)

    def _line(self, data: bytes, bad: list[BadLine]) -> None:
        length = len(data)
        if length > LONGEST_LINE:
            self._too_long(length, bad)
            return
        data = data.removeprefix(codecs.BOM_UTF8) if not self._saved.offset else data
        if data and not data.isspace():
            try:
                line = decode_line(data)
            except InvalidInput as error:
                bad.append(self._bad(length, error.problem))
            else:
                self._read(line, length, bad)
        self._consume(length)

    def _read(self, line: Line, length: int, bad: list[BadLine]) -> None:
        try:
            problems = self._conversation.read(line)
        except InvalidInput as error:
            problems = [error.problem]
        if problems:
            bad.extend(self._bad(length, problem) for problem in problems)

    def _consume(self, length: int) -> None:
        self._saved.offset += length + 1
        self._saved.line += 1

    def _bad(self, length: int, reason: str) -> BadLine:
        return BadLine(
            path=self._path,
            line=self._saved.line + 1,
            offset=self._saved.offset,
            length=length,
            reason=reason.removeprefix("line: "),
        )
