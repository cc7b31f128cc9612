"""The incremental reader of one transcript."""

from __future__ import annotations

from pathlib import PurePath

import msgspec

from session_buddy.importers.calls.ledger import State
from session_buddy.importers.claude_code.conversation import Conversation
from session_buddy.importers.claude_code.lines import Line, decode_line
from session_buddy.importers.jsonl import JsonLines, decoded
from session_buddy.importers.shell import ShellRules

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
        kept = decoded(_STATE, bytes(place.state)) if bytes(place.state) else State()
        reading = Conversation(
            kept, session_id=PurePath(path).stem or "unknown", user_id=user_id, source=SOURCE, rules=rules
        )
        super().__init__(path, reading, decode_line, place)
