"""Copilot CLI: where it keeps its sessions, and how they are read (versions 1.0).

A session is one ``events.jsonl`` in a folder of its own below ``session-state``; subagents stand in the same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

import msgspec

from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.copilot.events import Event, decode_event
from session_buddy.importers.copilot.session import Session
from session_buddy.importers.jsonl import JsonLines, decoded
from session_buddy.importers.ruled import RuledImporter

__all__ = ["Copilot"]

_STATE = msgspec.msgpack.Decoder(Remembered)


class Copilot(RuledImporter):
    """The importer of Copilot CLI's sessions."""

    source = "copilot"
    revision = 1

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``session-state`` below ``$COPILOT_HOME`` or ``~/.copilot``; it need not exist."""
        named = environment.get("COPILOT_HOME", "").strip()
        return [(Path(named).expanduser() if named else home / ".copilot") / "session-state"]

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> JsonLines[Event]:
        """Return a parser for the session called *path*, fresh or going on from *state*."""
        file = PurePath(path)
        place = JsonLines.place(state)
        kept = decoded(_STATE, bytes(place.state)) if bytes(place.state) else Remembered()
        session_id = file.parent.name if file.stem == "events" else file.stem
        dialogue = Dialogue(
            kept, session_id=session_id or "unknown", user_id=user_id, source=self.source, rules=self.rules
        )
        return JsonLines(path, Session(dialogue), decode_event, place)
