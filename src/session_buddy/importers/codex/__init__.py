"""Codex: where it keeps its rollouts, and how they are read (versions 0.30 - 0.144).

One rollout is one ``rollout-*.jsonl`` file below ``sessions``, and is one agent: a subagent has a rollout of its own,
which names the session that it is part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

import msgspec

from session_buddy.importers.codex.conversation import Conversation, Remembered
from session_buddy.importers.codex.lines import RolloutLine, decode_line
from session_buddy.importers.jsonl import JsonLines, decoded
from session_buddy.importers.ruled import RuledImporter

__all__ = ["Codex"]

_STATE = msgspec.msgpack.Decoder(Remembered)


class Codex(RuledImporter):
    """The importer of Codex's rollouts."""

    source = "codex"
    revision = 4

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``sessions`` and ``archived_sessions`` below ``$CODEX_HOME`` or ``~/.codex``; they need not exist."""
        named = environment.get("CODEX_HOME", "").strip()
        folder = Path(named).expanduser() if named else home / ".codex"
        return [folder / "sessions", folder / "archived_sessions"]

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> JsonLines[RolloutLine]:
        """Return a parser for the rollout called *path*, fresh or going on from *state*."""
        place = JsonLines.place(state)
        kept = decoded(_STATE, bytes(place.state)) if bytes(place.state) else Remembered()
        reading = Conversation(
            kept, session_id=PurePath(path).stem or "unknown", user_id=user_id, source=self.source, rules=self.rules
        )
        return JsonLines(path, reading, decode_line, place)
