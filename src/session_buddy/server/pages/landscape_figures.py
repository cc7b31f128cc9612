"""The skill landscape as a plotly figure. Pure.

Colours are names of the style sheet's variables, as in :mod:`session_buddy.server.pages.figures`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import log10
from typing import Any

from session_buddy.formats import percent, plural, shown_name
from session_buddy.reports.landscape import ClusterFigures, MapPoint, SkillMap, SkillNeighbours
from session_buddy.server.pages.figures import plain
from session_buddy.server.pages.links import with_query

__all__ = ["Colouring", "cluster_colour", "landscape_figure", "neighbours_address", "success_words"]

COLOURS = 8
"""As many variables ``--c1`` … the style sheet has."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")
_ROOM = 0.08
_MOST_LABELS = 16
_MOST_NAMED = 40
"""More names would lie on each other."""
_LETTER_WIDTH, _LINE_HEIGHT = 0.03, 0.08
"""Of a letter of a label, in parts of half the map as a middling screen shows it."""
_GOOD, _FAIR = 0.9, 0.7
_SUCCESS = (
    ("under 70 %", "--accent", "diamond"),
    ("70 % to 90 %", "--ink-2", "triangle-up"),
    ("90 % and more", "--data", "circle"),
    ("not known", "--ink-3", "circle-open"),
)


class Colouring(StrEnum):
    """What the colours of the map mean."""

    CLUSTER = "cluster"
    SUCCESS = "success"


def cluster_colour(cluster_id: int) -> int:
    """Return the number of a cluster's colour; it stays as its id does.

    >>> cluster_colour(1), cluster_colour(8), cluster_colour(9)
    (1, 8, 1)
    """
    return (cluster_id - 1) % COLOURS + 1


def neighbours_address(skill: str, by: Colouring = Colouring.CLUSTER, cluster: int | None = None) -> str:
    """Return the address at which the map shows what is near *skill*."""
    shown_by = None if by is Colouring.CLUSTER else by.value
    return with_query("/landscape", by=shown_by, cluster=cluster, skill=skill) + "#neighbours"


def success_words(rate: float | None) -> str:
    """Return in which of the groups of the map a success rate falls.

    >>> success_words(0.69), success_words(0.9), success_words(None)
    ('under 70 %', '90 % and more', 'not known')
    """
    place = 3 if rate is None else 0 if rate < _FAIR else 1 if rate < _GOOD else 2
    return _SUCCESS[place][0]


def landscape_figure(
    shown: SkillMap, by: Colouring, *, cluster: int | None = None, near: SkillNeighbours | None = None
) -> dict[str, Any]:
    """Return the map, each skill a mark that is larger where it is used more.

    With *cluster* only the part of the map in which that one lies is seen; with *near* that skill is marked and joined
    to its neighbours. What a click on a mark leads to is its ``customdata``.
    """
    names = {one.cluster_id: one for one in shown.index.clusters}
    traces = _by_success(shown, names, cluster) if by is Colouring.SUCCESS else _by_cluster(shown, names, cluster)
    marked = _marked(shown.points, near) if near else []
    return {"data": [*marked, *traces], "layout": _layout(shown, cluster)}


def _by_cluster(shown: SkillMap, names: dict[int, ClusterFigures], cluster: int | None) -> list[dict[str, Any]]:
    groups: dict[int | None, list[MapPoint]] = {None: []}
    for point in shown.points:
        groups.setdefault(point.cluster_id, []).append(point)
    return [
        _marks(
            points,
            names,
            Colouring.CLUSTER,
            cluster,
            color="--ink-3" if number is None else f"--c{cluster_colour(number)}",
            symbol="circle-open" if number is None else _SYMBOLS[(number - 1) // COLOURS % len(_SYMBOLS)],
        )
        for number, points in groups.items()
        if points
    ]


def _by_success(shown: SkillMap, names: dict[int, ClusterFigures], cluster: int | None) -> list[dict[str, Any]]:
    return [
        _marks(points, names, Colouring.SUCCESS, cluster, color=color, symbol=symbol)
        for words, color, symbol in reversed(_SUCCESS)
        if (points := [point for point in shown.points if success_words(point.success_rate) == words])
    ]


def _marks(
    points: Sequence[MapPoint],
    names: dict[int, ClusterFigures],
    by: Colouring,
    cluster: int | None,
    *,
    color: str,
    symbol: str,
) -> dict[str, Any]:
    is_named = cluster is not None and len(points) <= _MOST_NAMED
    return {
        "type": "scatter",
        "mode": "markers+text" if is_named else "markers",
        "x": [point.x for point in points],
        "y": [point.y for point in points],
        "marker": {
            "color": color,
            "symbol": symbol,
            "size": [round(6 + 3 * log10(1 + point.invocations), 1) for point in points],
            "opacity": 0.85,
            "line": {"width": 1, "color": "--paper" if not symbol.endswith("-open") else color},
        },
        "text": [plain(shown_name(point.skill)) if point.cluster_id == cluster else "" for point in points]
        if is_named
        else None,
        "textposition": "top center",
        "textfont": {"size": 11, "color": "--ink-2"},
        "cliponaxis": False,
        "hovertext": [_told(point, names) for point in points],
        "customdata": [neighbours_address(point.skill, by, cluster) for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
    }


def _told(point: MapPoint, names: dict[int, ClusterFigures]) -> str:
    where = names.get(point.cluster_id) if point.cluster_id is not None else None
    uses = (
        f"{plural(point.invocations, 'use')}, success {percent(point.success_rate)}" if point.invocations else "unused"
    )
    return f"{plain(shown_name(point.skill))}<br>{plain(where.cluster_name) if where else 'no cluster'}<br>{uses}"


def _marked(points: Sequence[MapPoint], near: SkillNeighbours) -> list[dict[str, Any]]:
    """Return lines from a skill to its neighbours, and a ring around it."""
    places = {point.skill: point for point in points}
    middle = places[near.skill]
    others = dict.fromkeys([*(one.skill for one in near.alike), *(one.skill for one in near.together)])
    ends = [(middle, places[skill]) for skill in others if skill in places]
    shared = {"type": "scatter", "hoverinfo": "skip", "showlegend": False}
    return [
        shared
        | {
            "mode": "lines",
            "x": [x for one, other in ends for x in (one.x, other.x, None)],
            "y": [y for one, other in ends for y in (one.y, other.y, None)],
            "line": {"color": "--ink-3", "width": 1},
        },
        shared
        | {
            "mode": "markers",
            "x": [middle.x],
            "y": [middle.y],
            "marker": {"symbol": "circle-open", "size": 26, "color": "--ink", "line": {"width": 2, "color": "--ink"}},
        },
    ]


def _layout(shown: SkillMap, cluster: int | None) -> dict[str, Any]:
    seen = [point for point in shown.points if cluster is None or point.cluster_id == cluster] or shown.points
    return {
        "margin": {"l": 4, "r": 4, "t": 4, "b": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12, "color": "--ink-2"},
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "--paper", "bordercolor": "--ink-3", "font": {"color": "--ink", "size": 12}},
        "dragmode": False,
        "xaxis": _axis([point.x for point in seen]),
        "yaxis": _axis([point.y for point in seen]),
        "annotations": [] if cluster is not None else _labels(shown),
    }


def _axis(values: Sequence[float]) -> dict[str, Any]:
    low, high = min(values, default=-1.0), max(values, default=1.0)
    room = max(_ROOM * (high - low), 0.02)
    return {
        "visible": False,
        "fixedrange": True,
        "range": [low - room, high + room],
    }


def _labels(shown: SkillMap) -> list[dict[str, Any]]:
    """Return the names of the largest clusters at their middles, those left out that would lie on another."""
    labels: list[dict[str, Any]] = []
    taken: list[tuple[float, float, float]] = []
    for one in shown.index.clusters:
        points = [point for point in shown.points if point.cluster_id == one.cluster_id]
        if not points or len(labels) == _MOST_LABELS:
            continue
        x = sorted(point.x for point in points)[len(points) // 2]
        # Above nine of ten, so that it covers few.
        y = sorted(point.y for point in points)[len(points) * 9 // 10]
        half = len(one.cluster_name) * _LETTER_WIDTH / 2
        x = max(-1 + half, min(1 - half, x))
        if any(abs(x - other) < half + wide and abs(y - high) < _LINE_HEIGHT for other, high, wide in taken):
            continue
        taken.append((x, y, half))
        labels.append(
            {
                "x": x,
                "y": y,
                "text": plain(one.cluster_name),
                "showarrow": False,
                "yanchor": "bottom",
                "yshift": 6,
                "font": {"size": 12, "color": "--ink"},
            }
        )
    return labels
