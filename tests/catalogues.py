"""A catalogue for tests: skills that are written down here and there, some used, some not, some broken."""

from __future__ import annotations

from pathlib import Path

from session_buddy.catalog.keeping import scan_into
from session_buddy.model import Kind, Outcome
from session_buddy.storage import Store
from tests.catalog.scanning.making import Disk, skill_text
from tests.making import NOW, invocation, shifted

__all__ = ["fill_catalogue", "write_skills"]


def write_skills(folder: Path) -> Disk:
    """Write skills below *folder*."""
    disk = Disk(folder)
    disk.skill("review", skill_text("review", "Reviews what was changed.", "word " * 200))
    disk.skill("outline", skill_text("outline", "Outlines a chapter. " * 20))
    disk.skill("broken", "---\nname: broken\ndescription: Use when: now\n---\n")
    disk.skill("odd", skill_text("Odd One", "Odd."))
    disk.skill("review", below=disk.project() / ".claude" / "skills")
    disk.skill("pack", below=disk.plugin(version="1.2") / "skills")
    disk.json(disk.home / ".claude.json", {"mcpServers": {"db": {"env": {"KEY": "hunter2"}}}})
    disk.skill("<b>bold", skill_text("bold", "<script>alert(1)</script>"))
    return disk


def fill_catalogue(store: Store, folder: Path) -> Disk:
    """Write skills below *folder*, use some of them, and look for them."""
    disk = write_skills(folder)
    uses = [
        *[("review", Kind.SKILL, Outcome.COMPLETED)] * 9,
        ("review", Kind.SKILL, Outcome.FAILED),
        ("pack", Kind.SKILL, Outcome.COMPLETED),
        *[("pytest-run", Kind.SHELL, Outcome.FAILED)] * 3,
        ("pytest-run", Kind.SHELL, Outcome.COMPLETED),
        *[("mcp__db__find", Kind.MCP, Outcome.COMPLETED)] * 2,
        *[("Read", Kind.TOOL, Outcome.COMPLETED)] * 40,
    ]
    store.record(
        invocation(
            f"catalogue-{number}", skill_name=skill, kind=kind, outcome=outcome, invoked_at=shifted(NOW, seconds=number)
        )
        for number, (skill, kind, outcome) in enumerate(uses)
    )
    scan_into(store, disk.places(), machine="desk", now=NOW)
    return disk
