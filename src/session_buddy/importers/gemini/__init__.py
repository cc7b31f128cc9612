"""Gemini CLI: where it keeps its sessions, and how they are read (as JSON up to 0.35, as JSON lines since).

A session is ``session-*.json`` or ``session-*.jsonl`` in ``chats`` of a project's folder; a subagent's is in a folder
there that is called after the session it is part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

import msgspec

from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.documents import Document
from session_buddy.importers.gemini.records import Record, decode_document, decode_line
from session_buddy.importers.gemini.session import Session
from session_buddy.importers.jsonl import JsonLines, decoded
from session_buddy.importers.ruled import RuledImporter
from session_buddy.model import Invocation

__all__ = ["Gemini"]

_STATE = msgspec.msgpack.Decoder(Remembered)


class Gemini(RuledImporter):
    """The importer of Gemini CLI's sessions."""

    source = "gemini"
    revision = 1
    endings = frozenset({".json", ".jsonl"})

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``.gemini/tmp`` below ``$GEMINI_CLI_HOME`` or the home folder; it need not exist."""
        named = environment.get("GEMINI_CLI_HOME", "").strip()
        return [(Path(named).expanduser() if named else home) / ".gemini" / "tmp"]

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> JsonLines[Record] | Document:
        """Return a parser for the session called *path*, fresh or going on from *state*."""
        if not path.endswith(".jsonl"):
            return Document(path, partial(self._read, path, user_id))
        place = JsonLines.place(state)
        kept = decoded(_STATE, bytes(place.state)) if bytes(place.state) else Remembered()
        return JsonLines(path, self._session(path, user_id, kept), decode_line, place)

    def _read(self, path: str, user_id: str, data: bytes) -> tuple[list[Invocation], list[str]]:
        session = self._session(path, user_id, Remembered())
        problems = session.read(decode_document(data))
        return session.take() + session.show(), problems

    def _session(self, path: str, user_id: str, kept: Remembered) -> Session:
        file = PurePath(path)
        dialogue = Dialogue(
            kept, session_id=file.stem or "unknown", user_id=user_id, source=self.source, rules=self.rules
        )
        return Session(dialogue, parent_session=file.parent.name if file.parent.parent.name == "chats" else None)
