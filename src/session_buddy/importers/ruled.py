"""What the importers of agents have in common: names by rules, files by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from session_buddy.importers.base import Importer
from session_buddy.importers.finding import files_of
from session_buddy.importers.jsonl import first_moment
from session_buddy.importers.shell import ShellRules, digest
from session_buddy.model import SkillFacts

__all__ = ["RuledImporter"]


class RuledImporter(Importer):
    """Reads the files that are its own, and names what ran in shells by rules.

    *rules* are the built-in ones by default, which are parsed when the first file is.
    """

    source: ClassVar[str]
    revision: ClassVar[int]
    """Raised when the same file comes to give other invocations."""
    endings: ClassVar[frozenset[str]] = frozenset({".jsonl"})

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

    @property
    def suffixes(self) -> frozenset[str]:
        """What the names of its files end in."""
        return self.endings

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the files below *root* that are this agent's, sorted, or *root* itself if it is one."""
        return files_of(self.source, root, self.endings)

    def moment(self, data: bytes) -> str | None:
        """See :meth:`Importer.moment`."""
        return first_moment(data)
