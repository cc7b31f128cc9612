"""SWE-agent: how its trajectories are read (versions 0.5 to 1.1). A run is one ``<instance>.traj``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePath

from session_buddy.importers.calls.dialogue import Dialogue, Remembered
from session_buddy.importers.documents import Document
from session_buddy.importers.ruled import RuledImporter
from session_buddy.importers.swe_agent.trajectory import decode_trajectory, take_steps
from session_buddy.model import Invocation

__all__ = ["SweAgent"]


class SweAgent(RuledImporter):
    """The importer of SWE-agent's trajectories."""

    source = "swe_agent"
    revision = 1
    endings = frozenset({".traj"})

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return ``$SWE_AGENT_TRAJECTORY_DIR``: without it they stand wherever SWE-agent was installed."""
        named = environment.get("SWE_AGENT_TRAJECTORY_DIR", "").strip()
        return [Path(named).expanduser()] if named else []

    def parser(self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None) -> Document:
        """Return a parser for the trajectory called *path*."""
        return Document(path, partial(self._read, path, user_id, written_at))

    def _read(self, path: str, user_id: str, written_at: str | None, data: bytes) -> tuple[list[Invocation], list[str]]:
        run, instance = decode_trajectory(data), PurePath(path).stem or "unknown"
        dialogue = Dialogue(
            Remembered(session_id=instance), session_id=instance, user_id=user_id, source=self.source, rules=self.rules
        )
        problems = take_steps(run, dialogue, instance=instance, written_at=written_at)
        return dialogue.take() + dialogue.show(), problems
