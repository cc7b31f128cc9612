"""The screens of ``related``, ``network`` and ``paths``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note
from session_buddy.formats import ago, count, date, percent, plural, printable, shown_name
from session_buddy.reports.dependency_figures import RelatedSkills, SkillNetwork, SkillPaths
from session_buddy.reports.dependency_wording import (
    chance_words,
    lift_words,
    order_of_pair,
    order_words,
    path_words,
    took_words,
)

__all__ = ["network_screen", "paths_screen", "related_screen"]

_LIFT = "lift: how many times as often together as by chance; at least: with 95 % confidence"
_CHANCE = "chance: q is how much of what is as sure as this, or surer, may be chance"
_RELATED = (
    Column("skill", justify="left"),
    Column("kind", rank=2, justify="left"),
    Column("sessions", note="sessions: those with both; share: of those with the skill"),
    Column("share", rank=1),
    Column("lift"),
    Column("at least", rank=1, note=_LIFT),
    Column("chance", rank=2, note=_CHANCE),
    Column("when", rank=3, justify="left", note="when: by the first use of each in a session"),
)
_PAIRS = (
    Column("skill", justify="left"),
    Column("and", justify="left"),
    Column("sessions", note="sessions: those with both"),
    Column("lift"),
    Column("at least", rank=1, note=_LIFT),
    Column("chance", rank=2, note=_CHANCE),
    Column("order", rank=3, justify="left", note="order: by the first use of each in a session"),
)
_PATHS = (
    Column("path", justify="left", note="each used right after the one before; repeats count once"),
    Column("sessions"),
    Column("times", rank=1),
    Column("takes", rank=1, note="takes: the median from the first use of the first to that of the last"),
)


def related_screen(found: RelatedSkills, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of what goes with one skill."""
    yield heading(printable(found.skill), f"in {count(found.sessions)} of {plural(found.of_sessions, 'session')}")
    if found.related:
        rows: list[list[str | Text]] = [
            [
                shown_name(one.skill),
                one.kind,
                count(one.sessions),
                percent(one.share),
                lift_words(one.lift),
                lift_words(one.lift_low),
                chance_words(one.q_value),
                order_words(one),
            ]
            for one in found.related
        ]
        yield fitted(_RELATED, rows, width)
        yield indented(note(f"{count(len(rows))} of {plural(found.total, 'related skill')}"))
    yield from _end(found.note, found.refreshed_at, now, is_all=not found.related)


def network_screen(found: SkillNetwork, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of all pairs."""
    yield heading(
        "What goes together",
        f"lift {found.min_lift:g} or more, in {plural(found.min_sessions, 'session')} or more of"
        f" {count(found.of_sessions)}",
    )
    if found.pairs:
        rows: list[list[str | Text]] = [
            [
                shown_name(pair.skill_a),
                shown_name(pair.skill_b),
                count(pair.sessions),
                lift_words(pair.lift),
                lift_words(pair.lift_low),
                chance_words(pair.q_value),
                order_of_pair(pair),
            ]
            for pair in found.pairs
        ]
        yield fitted(_PAIRS, rows, width)
        yield indented(note(f"{count(len(rows))} of {plural(found.total, 'pair')}"))
    yield from _end(found.note, found.refreshed_at, now, is_all=not found.pairs)


def paths_screen(found: SkillPaths, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of paths."""
    of_skill = f"with {shown_name(found.skill)}, " if found.skill else ""
    yield heading("Paths", f"{of_skill}in {plural(found.min_sessions, 'session')} or more")
    if found.paths:
        rows: list[list[str | Text]] = [
            [path_words(one.skills), count(one.sessions), count(one.occurrences), took_words(one.median_seconds)]
            for one in found.paths
        ]
        yield fitted(_PATHS, rows, width)
        yield indented(note(f"{count(len(rows))} of {plural(found.total, 'path')}"))
    if found.since:
        yield indented(note(f"looked for from {date(found.since)} on"))
    yield from _end(found.note, found.refreshed_at, now, is_all=not found.paths)


def _end(words: str, refreshed_at: str | None, now: str, *, is_all: bool) -> Iterator[RenderableType]:
    if words:
        yield indented(Text(words) if is_all else note(words))
    if refreshed_at:
        yield indented(note(f"chance, order and paths as of {ago(refreshed_at, now)}"))
