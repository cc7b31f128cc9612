"""The screen of ``top``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, date, duration, plural, shown_name, signed_points
from session_buddy.ordering import RankingOrder
from session_buddy.reports.ranking import Ranking, SkillFigures

__all__ = ["HOW_LONG", "ranking_screen", "skill_table", "trend"]

HOW_LONG = "from call to result, your waits included, unless the tool reports its own"
"""What an average duration is an average of."""

_COLUMNS = (
    Column("skill", justify="left"),
    Column("kind", rank=5, justify="left"),
    Column("uses"),
    Column("success", note="success = completed of completed + failed"),
    Column("failed", rank=1),
    Column("abandoned", rank=3),
    Column("not known", rank=2, note="not known = nothing tells how these uses ended"),
    Column("neither", rank=2, note="neither = abandoned, or nothing tells how these uses ended"),
    Column("avg", rank=4, note=f"avg: {HOW_LONG}"),
    Column("24 h", rank=7),
    Column("7-day trend", rank=8, justify="left"),
    Column("last used", rank=6),
)
_ORDERED_BY = {RankingOrder.FAILURES: "failed", RankingOrder.DURATION: "avg", RankingOrder.RECENT: "last used"}
_ARROWS = {"improving": ("↗", "green"), "declining": ("↘", "red"), "stable": ("→", "default")}


def ranking_screen(ranking: Ranking, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    since = f", since {date(ranking.since)}" if ranking.since else ""
    if not ranking.skills:
        last = f" The last use was on {date(ranking.last_invoked_at)}." if ranking.last_invoked_at else ""
        yield note(f"No such skill was used{since}.{last} To import what your agents did: session-buddy up")
        return
    yield skill_table(ranking.skills, now=now, width=width, order=ranking.order)
    yield indented(note(f"{len(ranking.skills)} of {plural(ranking.total, 'skill')}{since}, by {ranking.order}"))


def skill_table(
    skills: Sequence[SkillFigures], *, now: str, width: int, order: RankingOrder = RankingOrder.USES
) -> RenderableType:
    """Return *skills* as a table, in which the column of their *order* stays at any width."""
    kept = _ORDERED_BY.get(order)
    columns = [column._replace(rank=0) if column.title == kept else column for column in _COLUMNS]
    return fitted(columns, [_row(skill, now) for skill in skills], width)


def trend(word: str | None, slope: float | None) -> Text:
    """Return a trend as an arrow and percentage points per day; nothing where the data do not suffice."""
    if word not in _ARROWS:
        return Text(NOTHING, style="dim")
    arrow, style = _ARROWS[word]
    return Text(f"{arrow} {signed_points(slope)} pt/d", style=style)


def _row(skill: SkillFigures, now: str) -> list[str | Text]:
    return [
        Text(shown_name(skill.skill), style="bold"),
        Text(skill.kind, style="dim"),
        count(skill.invocations),
        rate(skill.success_rate),
        _dim_if_none(skill.failed),
        _dim_if_none(skill.abandoned),
        _dim_if_none(skill.unknown),
        # Days count the two together.
        _dim_if_none(skill.invocations - skill.completed - skill.failed) if skill.unknown is None else NOTHING,
        duration(skill.avg_duration_seconds),
        count(skill.invocation_count_24h) if skill.invocation_count_24h else NOTHING,
        trend(skill.trend, skill.trend_slope),
        ago(skill.last_invoked_at, now),
    ]


def _dim_if_none(number: int | None) -> Text:
    return Text(count(number) if number else NOTHING, style="" if number else "dim")
