"""Small charts as shapes for SVG. Pure: numbers in, shapes out; templates write them.

Widths and heights are in percent, so that a chart takes the width it is given without distorting its lines. Our policy
allows no inline styles, and needs none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from session_buddy.formats import count, plural

__all__ = ["Bar", "Share", "bars", "of_most", "spark_path"]

_GAP = 0.28
"""What part of a bar's room is left empty."""


class Bar(msgspec.Struct, frozen=True):
    """One bar: its upper part is what failed."""

    x: float
    width: float
    y: float
    height: float
    failed_height: float
    title: str


class Share(msgspec.Struct, frozen=True):
    """One line of a list with bars."""

    name: str
    number: int
    percent: float
    """Of the largest."""


def bars(labels: Sequence[str], uses: Sequence[int], failed: Sequence[int]) -> list[Bar]:
    """Return one bar for each of *labels*, the highest as high as there is room.

    >>> bars(["1 Aug"], [4], [1])[0].title
    '1 Aug: 4 uses, 1 failed'
    """
    most = max(uses, default=0) or 1
    room = 100 / max(1, len(uses))
    drawn = []
    for place, (label, number, broken) in enumerate(zip(labels, uses, failed, strict=True)):
        height = 100 * number / most
        title = f"{label}: {plural(number, 'use')}" + (f", {count(broken)} failed" if broken else "")
        failed_height = 100 * broken / most
        drawn.append(
            Bar(
                x=_rounded(place * room + room * _GAP / 2),
                width=_rounded(room * (1 - _GAP)),
                y=_rounded(100 - height),
                height=_rounded(height),
                # A single failure among hundreds must still be seen.
                failed_height=_rounded(min(height, max(failed_height, 1.5))) if broken else 0.0,
                title=title,
            )
        )
    return drawn


def spark_path(values: Sequence[int], most: int, height: int, step: int = 2) -> str:
    """Return *values* as a path of bars *step* wide (one of it empty); *most* is as high as *height*.

    >>> spark_path([0, 2], 2, 10)
    'M2 10v-10h1v10z'
    """
    path = []
    for place, value in enumerate(values):
        if value:
            tall = max(1, round(height * value / (most or 1)))
            path.append(f"M{place * step} {height}v-{tall}h{step - 1}v{tall}z")
    return "".join(path)


def of_most(numbers: dict[str, int]) -> list[Share]:
    """Return *numbers* as lines with bars, in their order."""
    most = max(numbers.values(), default=1) or 1
    return [Share(name, number, _rounded(100 * number / most)) for name, number in numbers.items()]


def _rounded(value: float) -> float:
    return round(value, 2)
