"""The same charts as shapes for SVG, for a report that must show them without any script. Pure.

All numbers are pixels of a drawing 720 wide, which scales as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from session_buddy.experiments.analysis import CoursePoint
from session_buddy.experiments.comparing import Comparison, Role
from session_buddy.experiments.verdict import told_lift
from session_buddy.formats import count, date
from session_buddy.reports.experiment_wording import Leaning, leaning, metric_words
from session_buddy.server.pages.experiment_figures import axis_marks, course_range, forest_range, forest_rows

__all__ = ["WIDTH", "CourseDrawing", "Dot", "ForestDrawing", "ForestRow", "Tick", "drawn_course", "drawn_forest"]

WIDTH = 720.0
_ROW, _FOOT = 46.0, 26.0
_LEFT, _RIGHT = 56.0, 8.0
_LIFTS, _GAP, _USERS = 190.0, 14.0, 56.0


class Tick(msgspec.Struct, frozen=True):
    """A mark of an axis."""

    at: float
    text: str


class ForestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: its words above its interval."""

    y: float
    words: str
    told: str
    low: float
    point: float
    high: float
    is_primary: bool
    is_worse: bool


class ForestDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics one below the other, over one axis of lifts."""

    height: float
    zero: float
    ticks: list[Tick]
    rows: list[ForestRow]


class Dot(msgspec.Struct, frozen=True, kw_only=True):
    """One day."""

    x: float
    y: float | None
    """None where there is no lift yet."""
    top: float
    """Of the bar of its users, which stands on the bottom."""
    title: str


class CourseDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """Days from left to right: the lift in its band above, users below."""

    height: float
    lifts_bottom: float
    bottom: float
    zero: float
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bar: float
    """How wide a bar is."""
    band: str
    """As the points of a polygon."""
    line: str
    """As the points of a line."""
    ticks: list[Tick]
    dots: list[Dot]
    first: str
    last: str
    most: str
    """Users on the last day."""


def drawn_forest(comparisons: Sequence[Comparison], margins: Mapping[str, float]) -> ForestDrawing:
    """Return the lifts of *comparisons*, those that have one; *margins*: by guardrail the harm that is borne."""
    told = forest_rows(comparisons)
    lifts = [one.lift for one in told if one.lift]
    low, high = forest_range(told)

    def across(value: float) -> float:
        return _rounded(WIDTH * (value - low) / (high - low))

    rows = [
        ForestRow(
            y=_ROW * place + 32,
            words=metric_words(one),
            told=told_lift(lift),
            low=across(lift.low),
            point=across(lift.point),
            high=across(lift.high),
            is_primary=one.role is Role.PRIMARY,
            is_worse=leaning(one, margins) is Leaning.WORSE,
        )
        for place, (one, lift) in enumerate(zip(told, lifts, strict=True))
    ]
    return ForestDrawing(
        height=_ROW * len(rows) + _FOOT,
        zero=across(0.0),
        ticks=[Tick(across(value), words) for value, words in axis_marks(low, high)],
        rows=rows,
    )


def drawn_course(course: Sequence[CoursePoint]) -> CourseDrawing:
    """Return the days of *course*; what lies beyond the axis of lifts is drawn at its edge."""
    low, high = course_range(course)
    room = (WIDTH - _LEFT - _RIGHT) / max(1, len(course))
    bottom = _LIFTS + _GAP + _USERS
    most = max((point.users for point in course), default=0) or 1

    def up(value: float) -> float:
        return _rounded(_LIFTS * (high - max(low, min(high, value))) / (high - low))

    dots, lows, highs = [], [], []
    for place, point in enumerate(course):
        x = _rounded(_LEFT + room * (place + 0.5))
        told = f", lift {told_lift(point.lift)}" if point.lift else ""
        dots.append(
            Dot(
                x=x,
                y=up(point.lift.point) if point.lift else None,
                top=_rounded(bottom - _USERS * point.users / most),
                title=f"{date(point.day)}: {count(point.users)} users{told}",
            )
        )
        if point.lift:
            lows.append(f"{x},{up(point.lift.low)}")
            highs.append(f"{x},{up(point.lift.high)}")
    return CourseDrawing(
        height=bottom + _FOOT,
        lifts_bottom=_LIFTS,
        bottom=bottom,
        zero=up(0.0),
        bar=_rounded(max(1.0, room * 0.7)),
        band=" ".join([*highs, *reversed(lows)]),
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots if dot.y is not None),
        ticks=[Tick(up(value), words) for value, words in axis_marks(low, high)],
        dots=dots,
        first=date(course[0].day) if course else "",
        last=date(course[-1].day) if course else "",
        most=count(course[-1].users) if course else "",
    )


def _rounded(value: float) -> float:
    return round(value, 2)
