"""``skills.db`` of lesleslie/session-buddy: the uses it recorded, in its schema of versions 1 to 4.

Only its event log is read. Its counts, rates (percentages) and anomalies follow from that log, and so do ours. What
users typed, and its embeddings, are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from session_buddy.importers.base import Importer
from session_buddy.importers.finding import files_of
from session_buddy.importers.skills_db.reading import SkillsReading
from session_buddy.model import SkillFacts

__all__ = ["SkillsDatabase"]


class SkillsDatabase(Importer):
    """The importer of such databases."""

    endings = frozenset({".db"})

    @property
    def name(self) -> str:
        """The word stored in ``source``."""
        return "session_buddy"

    @property
    def version(self) -> str:
        """Raised when the same rows come to give other invocations."""
        return "1"

    @property
    def suffixes(self) -> frozenset[str]:
        """What the names of its files end in."""
        return self.endings

    def prepare(self) -> None:
        """Nothing is needed."""

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return nothing: it knows no more than names."""
        return []

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return that of the home folder; those of projects are in ``.session-buddy`` there, and must be named."""
        return [home / ".session-buddy" / "skills.db"]

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the databases below *root*, or *root* itself."""
        return files_of(self.name, root, self.endings)

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> SkillsReading:
        """Return a parser for the database at *path*, fresh or going on from *state*."""
        return SkillsReading(path, user_id=user_id, source=self.name, state=state)
