"""OpenCode: where it keeps its sessions, and how they are read.

Since 1.2 all is in ``opencode.db``. Before, each part of a message was a file of JSON below ``storage/part``; what was
moved from there into the database has the same ids, and counts once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

import msgspec

from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.calls.using import words_of
from session_buddy.importers.documents import Document, document_of
from session_buddy.importers.opencode.database import Database
from session_buddy.importers.opencode.parts import Part, told_by
from session_buddy.importers.ruled import RuledImporter
from session_buddy.model import Invocation

__all__ = ["OpenCode"]

_PART = msgspec.json.Decoder(Part)


class OpenCode(RuledImporter):
    """The importer of OpenCode's database and files."""

    source = "opencode"
    revision = 1
    endings = frozenset({".json", ".db"})

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return the database and the older folder of parts below ``$XDG_DATA_HOME`` or ``~/.local/share``."""
        named = environment.get("XDG_DATA_HOME", "").strip()
        data = (Path(named).expanduser() if named else home / ".local" / "share") / "opencode"
        database = environment.get("OPENCODE_DB", "").strip()
        # The older first: the first telling makes the row, and the database tells more, which is added.
        return [data / "storage" / "part", data / database if database else data / "opencode.db"]

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> Document | Database:
        """Return a parser for the part or the database called *path*, fresh or going on from *state*."""
        if path.endswith(".db"):
            return Database(path, user_id=user_id, source=self.source, rules=self.rules, state=state)
        return Document(path, partial(self._read, path, user_id))

    def _read(self, path: str, user_id: str, data: bytes) -> tuple[list[Invocation], list[str]]:
        part = document_of(_PART, data, "part of a message of OpenCode")
        told = told_by(part, part_id=words_of(part.id) or PurePath(path).stem) if part.type == "tool" else None
        if told is None:
            return [], []
        session_id = words_of(part.sessionID) or PurePath(path).parent.name or "unknown"
        dialogue = Dialogue(
            Remembered(session_id=session_id),
            session_id=session_id,
            user_id=user_id,
            source=self.source,
            rules=self.rules,
        )
        dialogue.call(told.event_id, told.use, told.at)
        if told.end is not None:
            dialogue.result(told.event_id, told.end, told.ended_at)
        return dialogue.take() + dialogue.show(), []
