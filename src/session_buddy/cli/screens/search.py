"""The screen of ``search``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import indented, note
from session_buddy.formats import ago, plural, printable, shown_name
from session_buddy.reports.search import FoundSkill, SearchAnswer

__all__ = ["search_screen"]

_LONGEST = 300


def search_screen(found: SearchAnswer, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    for notice in found.notices:
        yield note(printable(notice))
    if not found.skills:
        yield note("No skill fits that. Skills are found by their names and descriptions: say it in other words.")
        return
    for skill in found.skills:
        yield _headline(skill, now)
        if skill.description:
            yield indented(Text(_short(printable(skill.description), min(_LONGEST, 2 * width))))
        yield indented(note(skill.why))
    phase = f", in {found.phase}" if found.phase else ""
    yield note(f"{len(found.skills)} of {plural(found.total, 'skill')}{phase}, by {found.model}")


def _headline(skill: FoundSkill, now: str) -> Text:
    line = Text(shown_name(skill.skill), style="bold")
    kind = skill.kind or "never used"
    used = f", last used {ago(skill.last_invoked_at, now)}" if skill.last_invoked_at else ""
    return line.append(f"  {kind}{used}", style="not bold dim")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
