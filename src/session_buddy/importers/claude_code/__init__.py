"""Claude Code: where it keeps its transcripts, and how they are read (versions 1.0 - 2.1).

One transcript is one ``*.jsonl`` file below ``projects``; those of subagents stand beside
the session's own (``agent-*.jsonl``) or below it (``<session>/subagents``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from session_buddy.importers.base import Importer
from session_buddy.importers.claude_code.transcript import SOURCE, Transcript
from session_buddy.importers.jsonl import first_moment
from session_buddy.importers.shell import ShellRules, digest
from session_buddy.model import SkillFacts

__all__ = ["ClaudeCode"]

_REVISION = 1
"""Raised when the same transcript comes to give other invocations."""


class ClaudeCode(Importer):
    """The importer of Claude Code's transcripts.

    *rules* name what runs in its shells; by default the built-in ones, which are parsed
    when the first transcript is.
    """

    def __init__(self, rules: ShellRules | None = None) -> None:
        self._rules = rules

    @property
    def name(self) -> str:
        """``claude_code``."""
        return SOURCE

    @property
    def version(self) -> str:
        """A digest of the rules and of the way transcripts are read."""
        return f"{_REVISION}.{(self._rules.digest if self._rules else digest())[:16]}"

    def prepare(self) -> None:
        """Parse the rules."""
        self._rules = self._rules or ShellRules.builtin()

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what the rules say of skills that are commands."""
        self.prepare()
        return self._rules.facts(skill_names) if self._rules else []

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``projects`` below ``$CLAUDE_CONFIG_DIR`` (one folder, or several with commas) or the defaults.

        The folders need not exist.
        """
        named = [part.strip() for part in environment.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
        folders = [_expanded(part, home) for part in named] or [home / ".claude", home / ".config" / "claude"]
        return [folder if folder.name == "projects" else folder / "projects" for folder in folders]

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the ``*.jsonl`` files below *root*, sorted, or *root* itself if it is one file; no rollout of Codex."""
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*.jsonl") if path.is_file())
        yield from (path for path in found if not path.name.startswith("rollout-"))

    def moment(self, data: bytes) -> str | None:
        """See :meth:`Importer.moment`."""
        return first_moment(data)

    def parser(self, path: str, *, user_id: str, state: bytes | None = None) -> Transcript:
        """Return a parser for the transcript called *path*, fresh or going on from *state*."""
        return Transcript(path, user_id=user_id, rules=self._rules or ShellRules.builtin(), state=state)


def _expanded(text: str, home: Path) -> Path:
    return home / text[2:] if text.startswith("~/") else Path(text)
