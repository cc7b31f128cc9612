"""What the importers of agents that run shells have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from session_buddy.importers.base import Importer
from session_buddy.importers.jsonl import first_moment
from session_buddy.importers.shell import ShellRules, digest
from session_buddy.model import SkillFacts

__all__ = ["RuledImporter"]


class RuledImporter(Importer):
    """Reads files of JSON lines, and names what ran in shells by rules.

    *rules* are the built-in ones by default, which are parsed when the first file is.
    """

    source: ClassVar[str]
    revision: ClassVar[int]
    """Raised when the same file comes to give other invocations."""

    def __init__(self, rules: ShellRules | None = None) -> None:
        self._rules = rules

    @property
    def name(self) -> str:
        """The word stored in ``source``."""
        return self.source

    @property
    def version(self) -> str:
        """A digest of the rules and of the way files are read."""
        return f"{self.revision}.{(self._rules.digest if self._rules else digest())[:16]}"

    @property
    def rules(self) -> ShellRules:
        """The rules in force."""
        return self._rules or ShellRules.builtin()

    def prepare(self) -> None:
        """Parse the rules."""
        self._rules = self.rules

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what the rules say of skills that are commands."""
        return self.rules.facts(skill_names)

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the files below *root* that are this agent's, sorted, or *root* itself if it is one."""
        found = [root] if root.is_file() else sorted(path for path in root.rglob("*.jsonl") if path.is_file())
        yield from (path for path in found if self.is_own(path))

    @abstractmethod
    def is_own(self, path: Path) -> bool:
        """Tell by its name whether a file of JSON lines is this agent's."""

    def moment(self, data: bytes) -> str | None:
        """See :meth:`Importer.moment`."""
        return first_moment(data)
