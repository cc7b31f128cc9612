"""Tables that fit."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from session_buddy.cli.screens.layout import Column, chart, fitted, flowed

COLUMNS = (
    Column("skill", justify="left"),
    Column("kind", rank=2, justify="left"),
    Column("uses"),
    Column("empty", rank=1),
    Column("last used", rank=1),
)


def lines(rows: list[list[str]], width: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, emoji=False, highlight=False)
    console.print(fitted(COLUMNS, rows, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


ROWS = [["a-skill-with-quite-a-long-name-of-its-own", "shell", "12", "–", "3 d ago"], ["b", "mcp", "7", "", "–"]]


def test_all_columns_with_something_to_say_are_shown_where_there_is_room() -> None:
    assert lines(ROWS, 100)[0].split() == ["skill", "kind", "uses", "last", "used"]
    assert ROWS[0][0] in lines(ROWS, 100)[1]


@pytest.mark.parametrize(
    ("width", "titles"), [(52, "skill kind uses last used"), (50, "skill uses last used"), (36, "skill uses")]
)
def test_columns_go_by_rank(width: int, titles: str) -> None:
    assert " ".join(lines(ROWS, width)[0].split()) == titles


def test_a_name_is_cut_in_its_middle() -> None:
    assert lines(ROWS, 36)[1].split() == ["a-skill-…e-of-its-own", "12"] or "…" in lines(ROWS, 36)[1]
    assert lines(ROWS, 36)[1].split()[0].startswith("a-skill-")
    assert lines(ROWS, 36)[1].split()[0].endswith("its-own")


FIGURES = (Column("skill", justify="left"), Column("uses"), Column("success"), Column("why", justify="left"))


@pytest.mark.parametrize("width", range(32, 60))
def test_words_are_shortened_and_figures_never(width: int) -> None:
    rows = [["a-skill-with-quite-a-long-name", "12,345", ">99 %", "for a reason that is long"]]
    out = io.StringIO()
    Console(file=out, width=width).print(fitted(FIGURES, rows, width))
    head, row = out.getvalue().splitlines()
    assert head.split() == ["skill", "uses", "success", "why"]
    assert " 12,345 " in row
    assert ">99 % " in row


def test_a_note_stands_below_the_table_while_its_column_does() -> None:
    columns = (Column("skill", justify="left"), Column("uses"), Column("avg", rank=1, note="avg: of what"))
    for width, told in ((40, True), (12, False)):
        out = io.StringIO()
        Console(file=out, width=40).print(fitted(columns, [["name", "1", "2 s"]], width))
        assert ("  avg: of what" in out.getvalue()) is told


@given(st.lists(st.text("ab漢[]", min_size=1, max_size=20), max_size=8), st.integers(46, 90))
def test_what_flows_breaks_between_parts_only(parts: list[str], width: int) -> None:
    from rich.cells import cell_len

    out = io.StringIO()
    Console(file=out, width=width, markup=False, emoji=False).print(flowed(parts, width, between=" · "))
    shown = [line.strip() for line in out.getvalue().splitlines() if line.strip()]
    assert [part for line in shown for part in line.split(" · ")] == parts
    assert all(cell_len(line) <= width - 2 for line in shown)


@pytest.mark.parametrize(("width", "count"), [(60, 1), (40, 2), (30, 3)])
def test_a_chart_is_drawn_whole_in_a_line_of_its_own_where_it_must(width: int, count: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(chart("▁" * 24, "by hour", "0-23 h UTC", width))
    shown = out.getvalue().splitlines()
    assert len(shown) == count
    assert sum("▕" + "▁" * 24 + "▏" in line for line in shown) == 1


@given(st.lists(st.lists(st.text("ab漢[]\\", max_size=60), min_size=5, max_size=5), max_size=4), st.integers(50, 120))
def test_no_line_is_wider_than_the_terminal(rows: list[list[str]], width: int) -> None:
    from rich.cells import cell_len

    short = [[row[0], *(cell[:8] for cell in row[1:])] for row in rows]
    shown = lines(short, width)
    assert all(cell_len(line) <= width for line in shown)
    assert len(shown) == len(rows) + 1
