"""The screen of ``top``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.formats import NOTHING, ago, count, date, duration, plural, printable, signed_points
from session_buddy.cli.reports.ranking import Ranking, SkillFigures
from session_buddy.cli.screens.layout import Column, fitted, note, rate

__all__ = ["ranking_screen", "skill_table", "trend"]

_COLUMNS = (
    Column("skill", justify="left"),
    Column("kind", rank=3, justify="left"),
    Column("uses"),
    Column("success"),
    Column("failed"),
    Column("abandoned", rank=4),
    Column("avg", rank=1),
    Column("24 h", rank=5),
    Column("7-day trend", rank=6, justify="left"),
    Column("last used", rank=2),
)
_ARROWS = {"improving": ("↗", "green"), "declining": ("↘", "red"), "stable": ("→", "default")}


def ranking_screen(ranking: Ranking, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    since = f", since {date(ranking.since)}" if ranking.since else ""
    if not ranking.skills:
        yield note(f"No such skill was used{since}. To import what your agents did: session-buddy up")
        return
    yield skill_table(ranking.skills, now=now, width=width)
    yield note(f"  {len(ranking.skills)} of {plural(ranking.total, 'skill')}{since}, by {ranking.order}")
    yield note("  success = completed of completed + failed")


def skill_table(skills: Sequence[SkillFigures], *, now: str, width: int) -> RenderableType:
    """Return *skills* as a table."""
    return fitted(_COLUMNS, [_row(skill, now) for skill in skills], width)


def trend(word: str | None, slope: float | None) -> Text:
    """Return a trend as an arrow and percentage points per day; nothing where the data do not suffice."""
    if word not in _ARROWS:
        return Text(NOTHING, style="dim")
    arrow, style = _ARROWS[word]
    return Text(f"{arrow} {signed_points(slope)} pt/d", style=style)


def _row(skill: SkillFigures, now: str) -> list[str | Text]:
    return [
        Text(printable(skill.skill), style="bold"),
        Text(skill.kind, style="dim"),
        count(skill.invocations),
        rate(skill.success_rate),
        _dim_if_none(skill.failed),
        _dim_if_none(skill.abandoned),
        duration(skill.avg_duration_seconds),
        count(skill.invocation_count_24h) if skill.invocation_count_24h else NOTHING,
        trend(skill.trend, skill.trend_slope),
        ago(skill.last_invoked_at, now),
    ]


def _dim_if_none(number: int | None) -> Text:
    return Text(count(number) if number else NOTHING, style="" if number else "dim")
