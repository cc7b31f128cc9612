"""The screen of ``top --live``: skills as they stand, and what is used right now."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, note
from session_buddy.cli.screens.ranking import skill_table
from session_buddy.formats import NOTHING, date, duration, folder_name, plural, printable, shown_name
from session_buddy.reports.latest import LatestInvocation
from session_buddy.reports.ranking import Ranking

__all__ = ["LATEST", "live_screen"]

LATEST = 10
"""How many of the newest uses are shown, where there is room."""
_FRAME = 11
"""Lines that are neither skills nor uses: headings, titles of columns, notes, what is between them."""
_FEWEST = 3
_STYLES = {"completed": "green", "failed": "red", "abandoned": "yellow"}
_COLUMNS = (
    Column("skill", justify="left"),
    Column("at"),
    Column("project", rank=2, justify="left"),
    Column("took", rank=1),
    Column("end", justify="left"),
)


def live_screen(
    ranking: Ranking, latest: Sequence[LatestInvocation], *, now: str, width: int, height: int, limit: int = sys.maxsize
) -> RenderableType:
    """Return the screen in at most *height* lines, as far as that is enough for a few of each.

    *ranking* is of all skills, since all count in the uses of the last day; at most *limit* of them are shown.
    """
    if not ranking.skills:
        return Group(_title(now), note("Nothing was used yet. This screen notices by itself when something is."))
    uses = min(len(latest), LATEST, max(_FEWEST, (height - _FRAME) // 2))
    skills = min(limit, max(_FEWEST, height - _FRAME - uses))
    recent = sum(skill.invocation_count_24h for skill in ranking.skills)
    return Group(
        _title(now),
        skill_table(ranking.skills[:skills], now=now, width=width, order=ranking.order),
        Text(),
        heading("Now", f"{plural(recent, 'use')} in the last 24 hours"),
        fitted(_COLUMNS, [_row(use, now) for use in latest[:uses]], width),
    )


def _title(now: str) -> Text:
    return heading("Session-Buddy", f"live, {now[11:19]} UTC, Ctrl-C ends it")


def _row(use: LatestInvocation, now: str) -> list[str | Text]:
    end = f"{use.outcome or NOTHING}{f' ({printable(use.error_type)})' if use.error_type else ''}"
    return [
        Text(shown_name(use.skill), style="bold"),
        use.invoked_at[11:19] if use.invoked_at[:10] == now[:10] else date(use.invoked_at),
        Text(folder_name(use.project), style="dim"),
        duration(use.duration_seconds),
        Text(end, style=_STYLES.get(use.outcome or "", "dim")),
    ]
