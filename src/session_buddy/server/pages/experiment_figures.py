"""Charts of an experiment as plotly figures: the lifts of its metrics, and the primary one from day to day. Pure.

Colours are names of the style sheet's variables, as in :mod:`session_buddy.server.pages.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any

from session_buddy.experiments.analysis import CoursePoint
from session_buddy.experiments.comparing import Comparison, Role
from session_buddy.experiments.verdict import told_lift, told_value
from session_buddy.formats import count, date
from session_buddy.reports.experiment_wording import Leaning, leaning, metric_words
from session_buddy.server.pages.figures import plain

__all__ = ["axis_marks", "course_figure", "course_range", "forest_figure", "forest_range", "forest_rows"]

_INK, _SOFT, _BAND, _ATTENTION, _LINE = "--ink", "--data", "--band", "--accent", "--line"
_ROOM = 0.06
"""What part of an axis stays empty on either side."""
_LEAST_SPAN = 0.02
_MOST_MARKS = 6
_LABEL_ABOVE = 0.34


def forest_rows(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the metrics of which there is a lift to draw, in their order."""
    return [one for one in comparisons if one.lift is not None]


def course_range(course: Sequence[CoursePoint]) -> tuple[float, float]:
    """Return from where to where the axis of lifts goes: what the later half of the days needs, and 0.

    The first days know next to nothing, and would make all others look alike.
    """
    later = [point.lift for point in course[len(course) // 2 :] if point.lift]
    return _roomy([0.0, *(lift.low for lift in later)], [0.0, *(lift.high for lift in later)])


def forest_range(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """Return from where to where the axis of lifts goes: all intervals, and 0."""
    lifts = [one.lift for one in comparisons if one.lift]
    return _roomy([0.0, *(lift.low for lift in lifts)], [0.0, *(lift.high for lift in lifts)])


def axis_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Return up to six round shares from *low* to *high*, with their words.

    >>> axis_marks(-0.08, 0.32)
    [(0.0, '0'), (0.1, '+10 %'), (0.2, '+20 %'), (0.3, '+30 %')]
    """
    rough = (high - low) / _MOST_MARKS
    size = 10 ** floor(log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    values = [round(number * step, 12) for number in range(ceil(low / step), floor(high / step) + 1)]
    return [(value, f"{100 * value:+.3g} %" if value else "0") for value in values]


def forest_figure(comparisons: Sequence[Comparison], margins: Mapping[str, float]) -> dict[str, Any]:
    """Return the lift of each metric with its interval, the primary one on top; what got worse is coloured.

    *margins*: by guardrail the harm that is borne.
    """
    rows = forest_rows(comparisons)
    places = list(range(len(rows), 0, -1))
    return {
        "data": [_lift(one, place, margins) for one, place in zip(rows, places, strict=True)],
        "layout": _frame()
        | {
            "margin": {"l": 8, "r": 8, "t": 4, "b": 32},
            "xaxis": _lifts(*forest_range(rows)),
            "yaxis": {"visible": False, "fixedrange": True, "range": [0.5, len(rows) + 0.75]},
            "annotations": [
                {
                    "xref": "paper",
                    "x": 0,
                    "xanchor": "left",
                    "y": place + _LABEL_ABOVE,
                    "yanchor": "middle",
                    "text": plain(metric_words(one)),
                    "showarrow": False,
                    "bgcolor": "--paper",
                    "borderpad": 1,
                    "font": {"size": 12, "color": _INK if one.role is Role.PRIMARY else "--ink-2"},
                }
                for one, place in zip(rows, places, strict=True)
            ],
        },
    }


def course_figure(course: Sequence[CoursePoint]) -> dict[str, Any]:
    """Return the lift as it was known at the end of each day, in its band, and below it the users by then."""
    told = [point for point in course if point.lift]
    days = [point.day for point in told]
    lifts = [point.lift for point in told if point.lift]
    texts = [
        f"{date(point.day)}<br>lift {plain(told_lift(lift))}<br>{count(point.users)} users"
        for point, lift in zip(told, lifts, strict=True)
    ]
    edge = {"type": "scatter", "x": days, "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return {
        "data": [
            edge | {"y": [lift.low for lift in lifts], "showlegend": False},
            edge | {"y": [lift.high for lift in lifts], "fill": "tonexty", "fillcolor": _BAND, "showlegend": False},
            {
                "type": "scatter",
                "x": days,
                "y": [lift.point for lift in lifts],
                "mode": "lines+markers",
                "line": {"color": _INK, "width": 1.5},
                "marker": {"size": 4.5, "color": _INK},
                "text": texts,
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": False,
            },
            {
                "type": "bar",
                "x": [point.day for point in course],
                "y": [point.users for point in course],
                "yaxis": "y2",
                "marker": {"color": _SOFT},
                "text": [f"{date(point.day)}<br>{count(point.users)} users" for point in course],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": False,
            },
        ],
        "layout": _frame()
        | {
            "margin": {"l": 56, "r": 8, "t": 6, "b": 36},
            "bargap": 0.3,
            "xaxis": _axis(type="date", anchor="y2", visible=bool(course)),
            "yaxis": _lifts(*course_range(course)) | {"domain": [0.34, 1.0], "title": _title("lift")},
            # The band would cover the line that says where no difference is.
            "shapes": [
                {
                    **{"type": "line", "layer": "above", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0},
                    "line": {"color": "--ink-3", "width": 1},
                }
            ],
            "yaxis2": _axis(rangemode="tozero", nticks=3, domain=[0.0, 0.24]) | {"title": _title("users")},
        },
    }


def _lift(one: Comparison, place: int, margins: Mapping[str, float]) -> dict[str, Any]:
    assert one.lift is not None, "only metrics with a lift are drawn"
    colour = _ATTENTION if leaning(one, margins) is Leaning.WORSE else _INK
    control, treatment = (told_value(arm.value, one.unit) for arm in (one.control, one.treatment))
    told = f"{one.title}, lift {told_lift(one.lift)}, {treatment} against {control}"
    return {
        "type": "scatter",
        "x": [one.lift.point],
        "y": [place],
        "mode": "markers",
        "marker": {"size": 9, "color": colour},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [one.lift.high - one.lift.point],
            "arrayminus": [one.lift.point - one.lift.low],
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        "text": [plain(told).replace(", ", "<br>")],
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _frame() -> dict[str, Any]:
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": "--ink-2"},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "--paper", "bordercolor": "--ink-3", "font": {"color": _INK, "size": 12}},
        "dragmode": False,
    }


def _lifts(low: float, high: float) -> dict[str, Any]:
    marks = axis_marks(low, high)
    return _axis(
        range=[low, high],
        tickvals=[value for value, _ in marks],
        ticktext=[text for _, text in marks],
        zeroline=True,
        zerolinecolor="--ink-3",
    )


def _roomy(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    low, high = min(lows), max(highs)
    room = _ROOM * max(_LEAST_SPAN, high - low)
    return low - room, high + room


def _axis(**more: Any) -> dict[str, Any]:
    return {"gridcolor": _LINE, "zeroline": False, "fixedrange": True, "tickfont": {"size": 11}} | more


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 11}, "standoff": 8}
