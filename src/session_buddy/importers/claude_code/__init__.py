"""Claude Code: where it keeps its transcripts, and how they are read (versions 1.0 - 2.1).

One transcript is one ``*.jsonl`` file below ``projects``; those of subagents stand beside
the session's own (``agent-*.jsonl``) or below it (``<session>/subagents``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from session_buddy.importers.claude_code.transcript import SOURCE, Transcript
from session_buddy.importers.ruled import RuledImporter

__all__ = ["ClaudeCode"]


class ClaudeCode(RuledImporter):
    """The importer of Claude Code's transcripts."""

    source = SOURCE
    revision = 5

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``projects`` below ``$CLAUDE_CONFIG_DIR`` (one folder, or several with commas) or the defaults.

        The folders need not exist.
        """
        named = [part.strip() for part in environment.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
        folders = [_expanded(part, home) for part in named] or [home / ".claude", home / ".config" / "claude"]
        return [folder if folder.name == "projects" else folder / "projects" for folder in folders]

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> Transcript:
        """Return a parser for the transcript called *path*, fresh or going on from *state*."""
        return Transcript(path, user_id=user_id, rules=self.rules, state=state)


def _expanded(text: str, home: Path) -> Path:
    return home / text[2:] if text.startswith("~/") else Path(text)
