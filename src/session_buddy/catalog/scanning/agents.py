"""Which folders hold skills beside those of Claude Code: of other agents, and of whoever administers the machine. Pure.

Folders of one user or project are those that the agents' documentation names: ``.agents`` is what several of them have
agreed on (Codex, Gemini CLI, OpenCode and Copilot read it), the others are of one agent each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from session_buddy.catalog.scanning.sources import Look, Origin, Place

__all__ = ["camp_of", "managed_places", "places_of_project", "places_of_user"]


class _Folder(NamedTuple):
    """A folder with a folder ``skills`` in it."""

    name: str
    of_user: str | None
    """Where it is below a home; ``None`` where no user has one."""
    of_project: bool
    """Whether projects have one, at their top."""


_FOLDERS = (
    _Folder(".agents", ".agents", of_project=True),
    _Folder(".codex", ".codex", of_project=False),
    _Folder(".gemini", ".gemini", of_project=True),
    _Folder("opencode", ".config/opencode", of_project=False),
    _Folder(".opencode", None, of_project=True),
    _Folder(".copilot", ".copilot", of_project=False),
    _Folder(".github", None, of_project=True),
)
_NAMES = frozenset({*(folder.name for folder in _FOLDERS), "codex"})
_MANAGED_OF_CLAUDE = {
    "darwin": "/Library/Application Support/ClaudeCode",
    "linux": "/etc/claude-code",
    "win32": "C:/Program Files/ClaudeCode",
}
_MANAGED_OF_CODEX = "/etc/codex/skills"


def places_of_user(home: Path) -> list[Place]:
    """Return where other agents keep the skills of whoever lives at *home*."""
    return [_place(home / folder.of_user, Origin.USER) for folder in _FOLDERS if folder.of_user]


def places_of_project(root: Path) -> list[Place]:
    """Return where other agents keep the skills of the project at *root*."""
    return [_place(root / folder.name, Origin.PROJECT) for folder in _FOLDERS if folder.of_project]


def managed_places(platform: str) -> list[Place]:
    """Return where the skills are that an organisation gives to everybody on a machine of this *platform*."""
    folder = _MANAGED_OF_CLAUDE.get(platform)
    places = []
    if folder is not None:
        looks = (Look.SKILLS, Look.COMMANDS, Look.AGENTS)
        places = [Place(str(Path(folder) / ".claude" / look), look, Origin.MANAGED) for look in looks]
    if platform != "win32":
        places.append(Place(_MANAGED_OF_CODEX, Look.SKILLS, Origin.MANAGED))
    return places


def camp_of(path: str) -> str:
    """Return a word that is the same for skills which one agent may see side by side, by where their file lies.

    >>> camp_of("/home/me/.codex/skills/review/SKILL.md"), camp_of("/home/me/.claude/skills/review/SKILL.md")
    ('.codex', '')
    """
    parts = path.rsplit(os.sep, 4)
    if len(parts) < 4 or parts[-3] != Look.SKILLS.value:
        return ""
    name = parts[-4].rpartition(os.sep)[2]
    return name if name in _NAMES else ""


def _place(folder: Path, origin: Origin) -> Place:
    return Place(str(folder / Look.SKILLS), Look.SKILLS, origin)
