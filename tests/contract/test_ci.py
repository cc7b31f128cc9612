"""Gates and lists of tests say the same on every engine."""

from __future__ import annotations

import pytest

from session_buddy.errors import NotFound
from session_buddy.importers.ci import UNNAMED, CiReports
from session_buddy.model import Invocation, Kind
from session_buddy.reports.gate import GateRules, read_gate
from session_buddy.reports.tried_tests import read_tests
from session_buddy.storage import Store
from tests.cli.conftest import DONE, FAILED, uses

REPORT = """<testsuite name="pytest" timestamp="2026-05-01T10:00:00Z" time="{time}">
<testcase classname="t" name="good" time="0.5"/><testcase classname="t" name="sometimes" time="1.5">{failure}</testcase>
<testcase classname="t" name="later"><skipped/></testcase></testsuite>"""


def told(time: int, failure: str, commit: str) -> list[Invocation]:
    parser = CiReports(commit=commit).parser("r.xml", user_id="u", written_at="2026-05-01T10:00:00.000Z")
    parser.feed(REPORT.format(time=time, failure=failure).encode())
    return parser.pause().invocations


def test_tests_are_listed_with_those_that_are_flaky(store: Store) -> None:
    store.record(told(1, "<failure/>", "a" * 40) + told(2, "", "a" * 40) + told(3, "<failure/>", "b" * 40))
    listed = read_tests(store, since="2026-05-01T00:00:00.000Z", limit=10)
    assert (listed.total, listed.flaky, listed.failing) == (3, 1, 1)
    sometimes, good, later = listed.tests
    assert (sometimes.test, sometimes.flaky, sometimes.attempts, sometimes.failed) == ("t › sometimes", True, 3, 2)
    assert sometimes.avg_duration_seconds == 1.5
    assert (good.test, good.flaky, good.passed) == ("t › good", False, 3)
    assert (later.test, later.skipped, later.avg_duration_seconds) == ("t › later", 3, None)
    assert read_tests(store, since="2026-05-02T00:00:00.000Z", limit=10).total == 0


def test_a_gate_judges_by_what_was_recorded_since(store: Store) -> None:
    store.record([one for time in range(6) for one in told(time, "<failure/>" if time else "", "a" * 40)])
    gate = read_gate(store, GateRules(min_completion=0.5, no_new_anomaly=True), since="2026-05-01T10:30:00.000Z")
    assert [(one.skill, one.completed, one.failed, one.judged, one.passed) for one in gate.skills] == [
        ("pytest-run", 1, 5, True, False)
    ]
    assert [one.rule for one in gate.reasons] == ["min-completion"]
    assert read_gate(store, GateRules(min_completion=0.1), since="2026-05-01T10:30:00.000Z").passed
    assert read_gate(store, GateRules(min_completion=0.5), since="2026-05-01T11:00:00.000Z").skills == []
    twice = ["PYTEST-run", "pytest-run"]
    named = read_gate(store, GateRules(min_completion=0.5), since="2026-05-01T10:30:00.000Z", skills=twice)
    assert [one.skill for one in named.skills] == ["pytest-run"] and len(named.reasons) == 1
    with pytest.raises(NotFound) as unknown:
        read_gate(store, GateRules(min_completion=0.5), since="2026-05-01T10:30:00.000Z", skills=["pytst-run"])
    assert unknown.value.suggestions == ["pytest-run"]


def test_a_gate_judges_commands_that_no_rule_knows(store: Store) -> None:
    store.record([*uses(UNNAMED, *[FAILED] * 6, kind=Kind.TOOL), *uses("Read", *[FAILED] * 6, kind=Kind.TOOL)])
    gate = read_gate(store, GateRules(min_completion=0.9), since="2000-01-01T00:00:00.000Z")
    assert [(one.skill, one.passed) for one in gate.skills] == [(UNNAMED, False)]
    store.record(uses("pytest-run", DONE))
    named = read_gate(store, GateRules(min_completion=0.9), since="2000-01-01T00:00:00.000Z", skills=["pytest-run"])
    assert [one.skill for one in named.skills] == ["pytest-run"]
