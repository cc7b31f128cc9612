"""The screen of ``up``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.importing import import_lines
from session_buddy.cli.screens.layout import MARGIN, Column, chart, fitted, flowed, heading, indented, rate
from session_buddy.cli.screens.profile import daily_bars
from session_buddy.cli.screens.ranking import skill_table
from session_buddy.formats import count, date, plural, printable, shown_name
from session_buddy.reports.overview import BrokenSkill, Overview, Trouble

__all__ = ["overview_screen"]

_WEEKS = 6
_NEVER_SHOWN = 8
_BROKEN = (
    Column("skill", justify="left"),
    Column("failed"),
    Column("of completed + failed", rank=2),
    Column("success", rank=1),
    Column("how", justify="left"),
)


def overview_screen(overview: Overview, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield heading("Session-Buddy")
    for line in import_lines(overview.imported):
        yield indented(line)
    yield from _holdings(overview, width)
    if overview.top:
        yield Text()
        yield heading("Most used", f"{len(overview.top)} of {plural(overview.total_skills, 'skill')}")
        yield skill_table(overview.top, now=now, width=width)
    if overview.broke:
        yield Text()
        yield from _broke(overview.broke, width)
    if overview.never_succeeded:
        yield Text()
        yield from _never(overview.never_succeeded, width)
    yield Text()
    yield from _next(overview)


def _holdings(overview: Overview, width: int) -> Iterator[RenderableType]:
    holdings = overview.holdings
    if not (holdings.first_invoked_at and holdings.last_invoked_at):
        return
    span = f"{date(holdings.first_invoked_at)} – {date(holdings.last_invoked_at)}"
    counts = f"{plural(holdings.sessions, 'session')} · {plural(holdings.invocations, 'use')}"
    yield indented(f"{counts} of {plural(holdings.skills, 'skill and tool', 'skills and tools')} · {span}")
    weeks = max(1, min(_WEEKS, (width - MARGIN) // 7))
    bars = daily_bars(overview.daily, holdings.last_invoked_at, 7 * weeks)
    yield chart(bars, "", f"daily, {plural(weeks, 'week')} to {date(holdings.last_invoked_at)}", width)


def _broke(broke: Trouble, width: int) -> Iterator[RenderableType]:
    yield heading("What broke", f"on the last 7 days with uses, {date(broke.since)} – {date(broke.until)}")
    if broke.skills:
        yield fitted(_BROKEN, [_broken_row(skill) for skill in broke.skills], width)
    else:
        yield indented("Nothing: no skill failed on these days.")


def _broken_row(skill: BrokenSkill) -> list[str | Text]:
    settled = skill.completed + skill.failed
    return [
        Text(shown_name(skill.skill), style="bold"),
        Text(count(skill.failed), style="red"),
        count(settled),
        rate(skill.completed / settled),
        ", ".join(f"{printable(error)} ×{count(times)}" for error, times in skill.errors.items()),
    ]


def _never(skills: list[BrokenSkill], width: int) -> Iterator[RenderableType]:
    yield heading("Never succeeded", "none of their completed + failed uses completed")
    named = [f"{shown_name(skill.skill)} 0 of {count(skill.failed)}" for skill in skills[:_NEVER_SHOWN]]
    more = len(skills) - _NEVER_SHOWN
    yield flowed([*named, f"and {count(more)} more"] if more > 0 else named, width, between=" · ")


def _next(overview: Overview) -> Iterator[RenderableType]:
    named = overview.broke.skills if overview.broke and overview.broke.skills else overview.top
    hints = [
        (f"session-buddy skill {printable(named[0].skill)}", "everything about one skill") if named else None,
        ("session-buddy top --by failures", "what fails most"),
        ("session-buddy sessions", "session by session"),
        ("session-buddy status", "the store, and what could not be read"),
    ]
    yield heading("Next")
    shown = [hint for hint in hints if hint]
    longest = max(len(command) for command, _ in shown)
    for command, purpose in shown:
        yield indented(Text(f"{command:<{longest}}  ").append(purpose, "dim"))
