"""Tables that fit the terminal, and the console they are printed on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from session_buddy.cli.formats import NOTHING, percent

__all__ = ["Column", "Console", "console", "fitted", "heading", "indented", "note", "rate"]

_PIPED_WIDTH = 160
_GAP = 2
_NARROWEST = 26
_INDENT = 2
_GOOD, _FAIR = 0.9, 0.7


class Column(NamedTuple):
    """A column; those with the highest *rank* go first where the terminal is too narrow, rank 0 never."""

    title: str
    rank: int = 0
    justify: Literal["left", "right"] = "right"


def console() -> Console:
    """Return the console for stdout. Nothing printed is taken for markup: it may come from anywhere."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=_PIPED_WIDTH if piped else None, markup=False, emoji=False, highlight=False)


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], width: int) -> RenderableType:
    """Return a table of *rows* in at most *width* cells, as far as columns of rank 0 allow.

    Columns in which no row has anything to say are left out, then those of the highest rank until the
    rest fits beside a first column of some 26 cells; that one is shortened in the middle, the last one at its end.
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
    widths[kept[-1]] = max(cell_len(columns[kept[-1]].title), widths[kept[-1]] - too_much)
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    for place in kept:
        column = columns[place]
        table.add_column(column.title, justify=column.justify, no_wrap=True, overflow="ellipsis", width=widths[place])
    for row in cells:
        table.add_row(_elided(row[first], widths[first]), *(row[place] for place in others))
    return indented(table)


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
