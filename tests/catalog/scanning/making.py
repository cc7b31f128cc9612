"""Skills on a disk of the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from session_buddy.catalog.scanning.places import Places, default_places
from session_buddy.catalog.scanning.sources import Look, Origin, Place

__all__ = ["Disk", "skill_text"]


def skill_text(name: str, description: str | None = None, body: str = "Do it.") -> str:
    return f"---\nname: {name}\ndescription: {description or f'Does {name}.'}\n---\n{body}\n"


class Disk:
    """A home with Claude Code in it, and projects beside it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.claude = self.home / ".claude"
        self.claude.mkdir(parents=True)
        self.projects: list[Path] = []

    def write(self, path: Path, text: str | bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def json(self, path: Path, value: Any) -> Path:
        return self.write(path, json.dumps(value))

    def skill(self, name: str, text: str | None = None, below: Path | None = None) -> Path:
        return self.write((below or self.claude / "skills") / name / "SKILL.md", text or skill_text(name))

    def project(self, name: str = "shop", *, repository: bool = True) -> Path:
        folder = self.home / "work" / name
        folder.mkdir(parents=True)
        if repository:
            (folder / ".git").mkdir()
        self.projects.append(folder)
        return folder

    def plugin(self, name: str = "acme", version: str = "1.0", market: str = "bazaar", *, listed: bool = True) -> Path:
        """Install a plugin; return its folder."""
        root = self.claude / "plugins" / "cache" / market / name / version
        self.json(root / ".claude-plugin" / "plugin.json", {"name": name, "version": version})
        if listed:
            path = self.claude / "plugins" / "installed_plugins.json"
            known = json.loads(path.read_text())["plugins"] if path.exists() else {}
            known[f"{name}@{market}"] = [{"scope": "user", "installPath": str(root), "version": version}]
            self.json(path, {"version": 2, "plugins": known})
        return root

    def places(self, *rules: Path) -> Places:
        return default_places(
            [self.claude], self.home, self.projects, [Place(str(path), Look.RULES, Origin.SHELL) for path in rules]
        )
