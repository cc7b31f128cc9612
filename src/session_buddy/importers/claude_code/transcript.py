"""The incremental reader of one transcript."""

from __future__ import annotations

from pathlib import PurePath

import msgspec

from session_buddy.importers.claude_code.conversation import Conversation
from session_buddy.importers.claude_code.ledger import State
from session_buddy.importers.claude_code.lines import Line, decode_line
from session_buddy.importers.jsonl import JsonLines, Reading, decoded
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Invocation

__all__ = ["SOURCE", "Transcript"]

SOURCE = "claude_code"
_STATE = msgspec.msgpack.Decoder(State)


class Transcript(JsonLines[Line]):
    """The parser of one ``*.jsonl`` file.

    The saved state holds the skeleton of a shell command while the call has no result (its name depends on how it
    ends), and nothing else of inputs.
    """

    def __init__(self, path: str, *, user_id: str, rules: ShellRules, state: bytes | None) -> None:
        """Raise :class:`InvalidInput` if *state* is none that :meth:`save` returned."""
        place = self.place(state)
        super().__init__(path, _Conversation(path, bytes(place.state), user_id=user_id, rules=rules), place)


class _Conversation(Reading[Line]):
    def __init__(self, path: str, state: bytes, *, user_id: str, rules: ShellRules) -> None:
        self._state = decoded(_STATE, state) if state else State()
        session_id = PurePath(path).stem or "unknown"
        self._conversation = Conversation(
            self._state, session_id=session_id, user_id=user_id, source=SOURCE, rules=rules
        )

    def decode(self, data: bytes) -> Line:
        return decode_line(data)

    def read(self, line: Line) -> list[str]:
        return self._conversation.read(line)

    def take(self) -> list[Invocation]:
        return self._conversation.take()

    def show(self) -> list[Invocation]:
        return self._conversation.show()

    def save(self) -> bytes:
        self._state.redact()
        return msgspec.msgpack.encode(self._state)
