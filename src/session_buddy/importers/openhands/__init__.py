"""OpenHands: where it keeps its conversations, and how they are read (before version 1, and since).

An event is a file of its own: ``sessions/<id>/events/<n>.json``, later ``conversations/<id>/events/event-*.json``. A
trajectory, as it is exported, holds all events of a conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.documents import Document
from session_buddy.importers.openhands.conversation import Conversation
from session_buddy.importers.openhands.events import events_of
from session_buddy.importers.ruled import RuledImporter
from session_buddy.model import Invocation

__all__ = ["OpenHands"]


class OpenHands(RuledImporter):
    """The importer of OpenHands' events and trajectories."""

    source = "openhands"
    revision = 1
    endings = frozenset({".json"})

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return the folders of conversations below ``$OH_PERSISTENCE_DIR``, or ``~/.openhands``."""
        named = environment.get("OH_PERSISTENCE_DIR", "").strip()
        folder = Path(named).expanduser() if named else home / ".openhands"
        return [folder / "conversations", folder / "sessions"]

    def parser(self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None) -> Document:
        """Return a parser for the event or the trajectory called *path*."""
        return Document(path, partial(self._read, path, user_id))

    def _read(self, path: str, user_id: str, data: bytes) -> tuple[list[Invocation], list[str]]:
        file = PurePath(path)
        is_event = file.parent.name == "events"
        conversation_id = (file.parent.parent.name if is_event else file.stem) or "unknown"
        dialogue = Dialogue(
            Remembered(session_id=conversation_id),
            session_id=conversation_id,
            user_id=user_id,
            source=self.source,
            rules=self.rules,
        )
        problems = Conversation(dialogue, conversation_id).read(events_of(data))
        return dialogue.take() + dialogue.show(), problems
