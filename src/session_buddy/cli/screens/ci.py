"""The screens of ``ci``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, duration, plural, printable, shown_name
from session_buddy.reports.gate import Gate, GateSkill
from session_buddy.reports.gate_wording import gate_word, nothing_judged, verdict_word, worst_first
from session_buddy.reports.tried_tests import TriedTests

__all__ = ["gate_screen", "tests_screen"]

_SKILLS = (
    Column("skill", justify="left"),
    Column("kind", rank=2, justify="left"),
    Column("uses", rank=1),
    Column("completed"),
    Column("failed"),
    Column("success"),
    Column("gate", justify="left"),
)
_TESTS = (
    Column("test", justify="left"),
    Column("flaky", justify="left"),
    Column("failed"),
    Column("passed"),
    Column("skipped", rank=2),
    Column("takes", rank=1),
    Column("last run", rank=3),
)


def gate_screen(gate: Gate, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``ci gate``."""
    yield heading("Gate", verdict_word(gate))
    for reason in gate.reasons:
        yield indented(Text(printable(reason.text), style="red"))
    if missed := nothing_judged(gate):
        yield indented(Text(missed, style="yellow"))
    if gate.skills:
        rows = [
            [
                shown_name(one.skill),
                one.kind.value,
                count(one.invocations),
                count(one.completed),
                count(one.failed),
                rate(one.success_rate),
                _gate_cell(one),
            ]
            for one in worst_first(gate)
        ]
        yield fitted(_SKILLS, rows, width)
    yield indented(note(f"Since {gate.since}"))


def tests_screen(listed: TriedTests, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen of ``ci tests``."""
    yield heading("Tests", f"{plural(listed.total, 'test')}, {listed.failing} failing, {listed.flaky} flaky")
    if not listed.tests:
        yield indented(Text("None." if listed.total else "No test was recorded."))
        if not listed.total:
            yield indented(note("Record them with: pytest -p session_buddy, or: session-buddy ci import report.xml"))
        return
    rows = [
        [
            printable(one.test),
            Text("flaky", style="yellow") if one.flaky else NOTHING,
            count(one.failed),
            count(one.passed),
            count(one.skipped),
            duration(one.avg_duration_seconds),
            ago(one.last_run_at, now),
        ]
        for one in listed.tests
    ]
    yield fitted(_TESTS, rows, width)
    yield indented(note(f"{len(listed.tests)} of {listed.total}, since {listed.since}"))


def _gate_cell(one: GateSkill) -> Text:
    return Text(gate_word(one), style="" if one.passed else "red")
