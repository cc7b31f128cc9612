"""Tables that fit the terminal, and the console they are printed on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from session_buddy.formats import NOTHING, percent

__all__ = ["MARGIN", "Column", "Console", "chart", "console", "fitted", "flowed", "heading", "indented", "note", "rate"]

_PIPED_WIDTH = 160
_GAP = 2
_NARROWEST = 26
_SHORTEST = 8
_INDENT = 2
MARGIN = _INDENT + 2
"""What stands beside the bars of a chart in its line at least."""
_GOOD, _FAIR = 0.9, 0.7


class Column(NamedTuple):
    """A column; those with the highest *rank* go first where the terminal is too narrow, rank 0 never."""

    title: str
    rank: int = 0
    justify: Literal["left", "right"] = "right"
    note: str = ""
    """What must be known to read it: stands below the table if the column does."""


def console() -> Console:
    """Return the console for stdout. Nothing printed is taken for markup: it may come from anywhere."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPED_WIDTH if piped else None, markup=False, emoji=False, highlight=False)


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], width: int) -> RenderableType:
    """Return a table of *rows* in at most *width* cells, as far as columns of rank 0 allow, with its notes.

    Columns in which no row has anything to say are left out, then those of the highest rank until the
    rest fits beside a first column of some 26 cells. Where that is not enough, a last column of words is
    shortened at its end, then the first in its middle; figures never are.
    """
    cells = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]
    widths = [
        max([cell_len(column.title), *(row[place].cell_len for row in cells)]) for place, column in enumerate(columns)
    ]
    told = [any(row[place].plain not in {"", NOTHING} for row in cells) for place in range(len(columns))]
    room = width - _INDENT
    kept = _kept(columns, widths, told, room)
    first, *others = kept
    rest = sum(widths[place] + _GAP for place in others)
    widths[first] = max(min(widths[first], _NARROWEST), min(widths[first], room - rest))
    too_much = max(0, widths[first] + rest - room)
    last = kept[-1]
    if columns[last].justify == "left":
        shortened = max(cell_len(columns[last].title), widths[last] - too_much)
        too_much -= widths[last] - shortened
        widths[last] = shortened
    widths[first] = max(min(widths[first], _SHORTEST), widths[first] - too_much)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    for place in kept:
        column = columns[place]
        table.add_column(column.title, justify=column.justify, no_wrap=True, overflow="ellipsis", width=widths[place])
    for row in cells:
        table.add_row(_elided(row[first], widths[first]), *(row[place] for place in others))
    notes = [indented(note(columns[place].note)) for place in kept if columns[place].note]
    return Group(indented(table), *notes)


def _kept(columns: Sequence[Column], widths: Sequence[int], told: Sequence[bool], room: int) -> list[int]:
    """Return the places of the columns that are shown."""
    least = [min(widths[0], _NARROWEST), *widths[1:]]
    kept = [place for place, column in enumerate(columns) if column.rank == 0 or told[place]]
    while sum(least[place] + _GAP for place in kept) - _GAP > room:
        last = max(kept, key=lambda place: (columns[place].rank, place))
        if columns[last].rank == 0:
            break
        kept.remove(last)
    return kept


def _elided(text: Text, width: int) -> Text:
    """Return *text* without its middle where it is too long: names differ at their ends."""
    if text.cell_len <= width:
        return text
    head = (width - 1) // 3
    return Text.assemble(text[:head], "…", text[head + 1 - width :], style=text.style)


def flowed(parts: Sequence[str | Text], width: int, *, between: str = "  ") -> RenderableType:
    """Return *parts* one after the other, in lines of at most *width* cells that break between parts only."""
    lines: list[Text] = []
    for part in parts:
        text = part if isinstance(part, Text) else Text(part)
        if lines and lines[-1].cell_len + len(between) + text.cell_len <= width - _INDENT:
            lines[-1].append(between).append_text(text)
        else:
            lines.append(text.copy())
    return indented(Group(*lines))


def chart(bars: str, label: str, aside: str, width: int) -> RenderableType:
    """Return *bars* between its label and a remark in one line, or each in its own where that is too long."""
    drawn = Text(f"▕{bars}▏", "cyan", no_wrap=True, overflow="crop")
    return flowed([part for part in (Text(label), drawn, Text(aside, "dim")) if part], width, between=" ")


def indented(content: RenderableType) -> RenderableType:
    """Return *content* moved to the right, below a heading."""
    return Padding(content, (0, 0, 0, _INDENT), expand=False)


def heading(title: str, aside: str = "") -> Text:
    """Return a line that begins a part of a screen."""
    line = Text(title, style="bold cyan")
    return line.append(f"  {aside}", style="not bold dim default") if aside else line


def note(text: str) -> Text:
    """Return a line that is less important than the rest."""
    return Text(text, style="dim")


def rate(value: float | None) -> Text:
    """Return a success rate, coloured by how good it is."""
    if value is None:
        return Text(NOTHING, style="dim")
    return Text(percent(value), style="green" if value >= _GOOD else "yellow" if value >= _FAIR else "red")
