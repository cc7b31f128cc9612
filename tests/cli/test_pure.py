"""Formatting, names and intervals: pure functions."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy import formats
from session_buddy.cli import rows
from session_buddy.intervals import wilson_interval
from session_buddy.reports import names, ranking


@pytest.mark.parametrize("module", [formats, names, rows, ranking])
def test_every_printed_example_holds(module: ModuleType) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
    # table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert interval == pytest.approx((low, high), abs=5e-5)


def test_of_no_trials_there_is_no_interval() -> None:
    assert wilson_interval(0, 0) is None


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_the_interval_holds_the_rate_and_stays_within_0_and_1(trials: int, share: float) -> None:
    successes = round(trials * share)
    interval = wilson_interval(successes, trials)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= successes / trials <= high <= 1
    assert low < high


@pytest.mark.parametrize(
    ("rate", "shown"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.995, ">99 %"), (0.99, "99 %"), (0.0049, "<1 %"), (None, "–"), (2 / 3, "67 %")],
)
def test_a_rate_is_never_rounded_to_certainty(rate: float | None, shown: str) -> None:
    assert formats.percent(rate) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (86_399.6, "1 d 0 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_carry_over_at_the_borders(seconds: float | None, shown: str) -> None:
    assert formats.duration(seconds) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"), (5e12, "5,000.0 GB")],
)
def test_sizes(number: float, shown: str) -> None:
    assert formats.size(number) == shown


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-03-01T12:00:00.000Z", "just now"),
        ("2026-03-01T11:01:00.000Z", "59 min ago"),
        ("2026-02-28T12:00:01.000Z", "23 h ago"),
        ("2026-02-28T12:00:00.000Z", "1 d ago"),
        ("2026-02-01T12:00:01.000Z", "27 d ago"),
        ("2026-02-01T12:00:00.000Z", "1 Feb 2026"),
        ("2026-03-02T00:00:00.000Z", "2 Mar 2026"),
    ],
)
def test_how_long_ago(moment: str, shown: str) -> None:
    assert formats.ago(moment, "2026-03-01T12:00:00.000Z") == shown


@given(st.lists(st.integers(0, 10**9), max_size=50))
def test_a_sparkline_tells_none_from_some_and_keeps_the_order(values: list[int]) -> None:
    bars = formats.sparkline(values)
    assert len(bars) == len(values)
    assert [bar == " " for bar in bars] == [value == 0 for value in values]
    ordered = [bar for _, bar in sorted(zip(values, bars, strict=True))]
    assert ordered == sorted(bars)


@given(st.text())
def test_what_is_printed_steers_no_terminal(text: str) -> None:
    assert formats.printable(text).isprintable()


KNOWN = ["/clear", "clear", "agent:Explore", "mcp__web__fetch", "mcp__db__fetch", "pytest-run"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("clear", ["clear"]),
        ("/clear", ["/clear"]),
        ("CLEAR", ["clear"]),
        ("explore", ["agent:Explore"]),
        ("/pytest-run", ["pytest-run"]),
        ("fetch", ["mcp__web__fetch", "mcp__db__fetch"]),
        ("MCP__WEB__FETCH", ["mcp__web__fetch"]),
        ("web: fetch", ["mcp__web__fetch"]),
        ("DB: Fetch", ["mcp__db__fetch"]),
        ("nothing", []),
    ],
)
def test_the_nearest_reading_of_a_name_wins(name: str, meant: list[str]) -> None:
    assert names.matches(name, KNOWN) == meant


@pytest.mark.parametrize("name", ["mcp__web", "mcp____x", "mcp__", "web__fetch", "agent:a__b", "mcp__a__"])
def test_what_is_no_tool_of_a_server_is_shown_as_it_is(name: str) -> None:
    assert formats.shown_name(name) == name


@given(st.lists(st.text("ab_: ", min_size=1, max_size=8), min_size=2, max_size=6, unique=True))
def test_a_name_as_shown_finds_its_skill(tools: list[str]) -> None:
    known = [f"mcp__server__{tool}" for tool in tools]
    for skill in known:
        assert skill in names.matches(formats.shown_name(skill), known)


def test_suggestions_are_close_or_contain_the_name() -> None:
    assert names.suggestions("pytst-run", KNOWN) == ["pytest-run"]
    assert names.suggestions("etch", KNOWN)[:2] == ["mcp__web__fetch", "mcp__db__fetch"]
    assert names.suggestions("zzzz", KNOWN) == []
