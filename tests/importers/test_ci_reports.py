"""Reports of tests in XML: every format in small, and what no report may do."""

from __future__ import annotations

import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.importers.ci import STEP, TEST, CiReports
from session_buddy.importers.ci.commands import Command, writer_of
from session_buddy.importers.ci.identity import digest, fitted, joined, milliseconds, moment, seconds_of
from session_buddy.importers.ci.reports import read_report
from session_buddy.importers.ci.results import Case, Status, name_of_test
from session_buddy.importers.ci.telling import phase_of_skill
from session_buddy.importers.ci.xml import Refused
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Invocation, Kind, Outcome, Phase

WRITTEN = "2026-05-01T11:00:00.000Z"

PYTEST = b"""<?xml version="1.0"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="12.5"
  timestamp="2026-05-01T12:00:00.000000+02:00">
<testcase classname="tests.test_cart" name="test_adds" time="0.25"/>
<testcase classname="tests.test_cart" name="test_breaks" time="0.5"><failure message="1 == 2"/></testcase>
<testcase classname="tests.test_cart" name="test_setup" time="0"><error message="failed on setup"/></testcase>
<testcase classname="tests.test_cart" name="test_later" time="0"><skipped message="not yet"/></testcase>
</testsuite></testsuites>"""
SUREFIRE = b"""<testsuite name="shop.CartTest" tests="1" time="1,234.5">
<testcase classname="shop.CartTest" name="adds" time="0.4"><flakyFailure message="slow" time="0.7"/></testcase>
</testsuite>"""
TRX = b"""<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
<Times start="2026-05-01T10:00:00.0000000-01:00" finish="2026-05-01T10:00:12.5000000-01:00"/>
<Results><UnitTestResult testId="t1" testName="Adds" outcome="Passed" duration="00:01:02.5000000"
  startTime="2026-05-01T10:00:01.0000000-01:00"/>
<UnitTestResult testId="t2" testName="Hangs" outcome="Timeout"/></Results>
<TestDefinitions><UnitTest id="t1"><TestMethod className="Shop.Cart, Shop, Version=1.0"/></UnitTest></TestDefinitions>
</TestRun>"""
XUNIT = b"""<assemblies><assembly run-date="2026-05-01" run-time="11:00:00" time="1.5"><collection name="c">
<test name="Shop.Adds" type="Shop" method="Adds" result="Pass" time="0.5"/>
<test name="Shop.Later" type="Shop" method="Later" result="Skip" time="0"/></collection></assembly></assemblies>"""
NUNIT2 = b"""<test-results date="2026-05-01" time="11:00:00"><test-suite name="a" time="0.5"><results>
<test-case name="Old.Adds" executed="True" success="True" time="0.25"/>
<test-case name="Old.Breaks" executed="True" success="False" time="0.25"/>
<test-case name="Old.Later" executed="False"/></results></test-suite></test-results>"""
NUNIT3 = b"""<test-run start-time="2026-05-01 11:00:00Z" duration="2.5"><test-suite name="a">
<test-case classname="Cart" fullname="Shop.Cart.Adds" result="Passed" duration="0.5" start-time="2026-05-01 11:00:01Z"/>
<test-case classname="Cart" fullname="Shop.Cart.Asks" result="Inconclusive" duration="0.5"/></test-suite></test-run>"""


def told(data: bytes, path: str = "report.xml", **options: Any) -> list[Invocation]:
    parser = CiReports(**options).parser(path, user_id="u", written_at=WRITTEN)
    parsed = parser.feed(data)
    assert parsed.invocations == parsed.bad_lines == []
    parsed = parser.pause()
    assert parsed.bad_lines == []
    return parsed.invocations


def refusal(data: bytes, path: str = "report.xml") -> tuple[int, str]:
    parser = CiReports().parser(path, user_id="u", written_at=WRITTEN)
    parser.feed(data)
    parsed = parser.pause()
    assert parsed.invocations == []
    (bad,) = parsed.bad_lines
    assert bad.path == path
    return bad.line, bad.reason


def test_a_run_of_pytest_and_its_tests() -> None:
    run, *tests = told(PYTEST, commit="0123456789abcdef0123")
    assert (run.skill_name, run.kind, run.outcome, run.error_type) == ("pytest-run", Kind.SHELL, "failed", "exit_code")
    assert (run.duration_ms, run.invoked_at) == (12_500, "2026-05-01T10:00:00.000Z")
    assert run.traits == ("commit:0123456789abcdef",)
    assert {(one.skill_name, one.kind, one.session_id, one.parent_event_id) for one in tests} == {
        (TEST, Kind.TOOL, run.session_id, run.event_id)
    }
    assert [(one.workflow_step_id, one.outcome, one.error_type, one.duration_ms, one.traits) for one in tests] == [
        ("tests.test_cart › test_adds", "completed", None, 250, ()),
        ("tests.test_cart › test_breaks", "failed", "other", 500, ()),
        ("tests.test_cart › test_setup", "failed", "other", 0, ("error",)),
        ("tests.test_cart › test_later", "abandoned", None, 0, ("skipped",)),
    ]
    assert len({one.event_id for one in (run, *tests)}) == 5


def test_a_test_that_was_tried_again_is_told_attempt_by_attempt_and_does_not_fail_its_run() -> None:
    run, first, second = told(SUREFIRE)
    assert (run.outcome, run.duration_ms) == (Outcome.COMPLETED, 1_234_500)
    assert [(one.outcome, one.duration_ms) for one in (first, second)] == [("failed", 700), ("completed", 400)]
    assert first.workflow_step_id == second.workflow_step_id


def browsers(told: str, *, names: tuple[str, str] = ("chrome", "firefox"), hosts: tuple[str, str] = ("", "")) -> bytes:
    """Return the report of a test that ran in two browsers, and failed in the one that *told* names by its place."""
    suites = "".join(
        f'<testsuite name="{name}" hostname="{host}" tests="1" failures="{int(place in told)}">'
        f'<testcase classname="c" name="works">{"<failure/>" if place in told else ""}</testcase></testsuite>'
        for place, name, host in zip("12", names, hosts, strict=True)
    )
    return f"<testsuites>{suites}</testsuites>".encode()


@pytest.mark.parametrize("failed", ["1", "2"])
def test_a_test_of_two_suites_is_two_tests_and_what_failed_in_either_failed(failed: str) -> None:
    run, *tests = told(browsers(failed))
    assert run.outcome == "failed"
    assert [(test.workflow_step_id, test.outcome) for test in tests] == [
        ("chrome › c › works", "failed" if failed == "1" else "completed"),
        ("firefox › c › works", "failed" if failed == "2" else "completed"),
    ]
    by_host = told(browsers(failed, names=("a.spec", "a.spec"), hosts=("chrome", "firefox")))
    assert [test.workflow_step_id for test in by_host] == [None, "chrome › c › works", "firefox › c › works"]
    # Nothing tells them apart; that one failed is still what the suites say.
    run, *tests = told(browsers(failed, names=("a", "a")))
    assert (run.outcome, {test.workflow_step_id for test in tests}) == ("failed", {"c › works"})


def test_trx_with_times_in_a_zone_and_durations_by_the_clock() -> None:
    run, adds, hangs = told(TRX, "run.trx")
    assert (run.skill_name, run.source) == ("dotnet-test", "trx")
    assert (run.invoked_at, run.duration_ms) == ("2026-05-01T11:00:00.000Z", 12_500)
    assert (adds.workflow_step_id, adds.duration_ms) == ("Shop.Cart › Adds", 62_500)
    assert adds.invoked_at == "2026-05-01T11:00:01.000Z"
    assert (hangs.outcome, hangs.error_type, hangs.duration_ms) == ("failed", "timeout", None)


@pytest.mark.parametrize(
    ("data", "source", "duration", "outcomes"),
    [
        (XUNIT, "xunit", 1_500, ["completed", "abandoned"]),
        (NUNIT2, "nunit", 500, ["completed", "failed", "abandoned"]),
        (NUNIT3, "nunit", 2_500, ["completed", "abandoned"]),
    ],
)
def test_the_other_formats(data: bytes, source: str, duration: int, outcomes: list[str]) -> None:
    run, *tests = told(data)
    assert (run.source, run.invoked_at, run.duration_ms) == (source, WRITTEN, duration)
    assert [one.outcome for one in tests] == outcomes
    assert run.outcome == ("failed" if "failed" in outcomes else "completed")


def test_where_no_time_is_told_the_file_has_one() -> None:
    assert {one.invoked_at for one in told(SUREFIRE)} == {WRITTEN}
    parser = CiReports().parser("report.xml", user_id="u")
    parser.feed(SUREFIRE)
    (bad,) = parser.pause().bad_lines
    assert "tells no time" in bad.reason


def test_a_report_without_tests_says_nothing_of_its_run() -> None:
    (run,) = told(b"<testsuites/>")
    assert (run.skill_name, run.outcome, run.duration_ms) == ("test-run", None, None)


def test_a_report_with_numbers_alone_is_believed() -> None:
    (run,) = told(b'<testsuite name="pytest" tests="3" failures="1"/>')
    assert (run.outcome, run.error_type) == ("failed", "exit_code")
    (run,) = told(b'<testsuite name="pytest" tests="3" skipped="1"/>')
    assert run.outcome == "completed"


def test_a_copy_is_the_same_run_and_pieces_make_no_difference() -> None:
    whole = told(PYTEST)
    parser = CiReports().parser("elsewhere.xml", user_id="u", written_at="2026-06-01T00:00:00.000Z")
    for position in range(0, len(PYTEST), 7):
        parser.feed(PYTEST[position : position + 7])
    assert parser.pause().invocations == whole == parser.pause().invocations


BOMB = b'<!DOCTYPE a [<!ENTITY a "%s">%s]><testsuites><testsuite name="&i;"/></testsuites>' % (
    b"ha" * 100,
    b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8)),
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]><testsuite name="&x;"><testcase name="a"/></testsuite>'
QUADRATIC = b'<!DOCTYPE a [<!ENTITY a "%s">]><testsuite name="%s"/>' % (b"x" * 50_000, b"&a;" * 1_000)
PARAMETER = b'<!DOCTYPE a [<!ENTITY %% x SYSTEM "file:///etc/passwd"> %%x;]><testsuite/>'


@pytest.mark.parametrize("bomb", [BOMB, QUADRATIC], ids=["billion laughs", "quadratic"])
def test_no_entity_is_expanded(bomb: bytes) -> None:
    began = time.process_time()
    _, reason = refusal(bomb)
    assert "defines entities" in reason
    assert time.process_time() - began < 1.0


def test_nothing_outside_is_read_or_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")

    def no_network(*_: Any) -> None:
        raise AssertionError("a report reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    read_report(b"<testsuite/>")  # what is to be loaded is loaded
    opened: list[str] = []
    monkeypatch.setattr("builtins.open", lambda name, *_, **__: opened.append(str(name)))
    for place in (secret.as_uri().encode(), b"http://example.org/x", b"/etc/passwd"):
        _, reason = refusal(OUTSIDE % place)
        assert "hunter2" not in reason
    refusal(PARAMETER)
    assert opened == []
    with pytest.raises(Refused):
        read_report(b'<!DOCTYPE testsuite SYSTEM "http://example.org/t.dtd" [<!ENTITY a "b">]><testsuite/>')


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "the file is empty"),
        (b" \n ", 1, "the file is empty"),
        (b"PK\x03\x04", 1, "no XML"),
        (b"<testsuites>\n<testsuite>\n", 3, "no XML: no element found"),
        (b"<suites/>", 1, "begins with <suites>"),
        (b'<?xml version="1.0" encoding="EBCDIC-nope"?><testsuite/>', 1, "no XML"),
        (b"<testsuite name='\xff'/>", 1, "no XML"),
    ],
)
def test_what_is_refused_says_where_and_why(data: bytes, line: int, reason: str) -> None:
    found = refusal(data)
    assert found[0] == line
    assert reason in found[1]


def test_suites_may_be_nested_as_deep_as_they_like() -> None:
    depth = 20_000
    data = b"<testsuite>" * depth + b'<testcase name="deep"/>' + b"</testsuite>" * depth
    run, deep = told(data)
    assert (run.outcome, deep.workflow_step_id) == ("completed", "deep")


def test_seconds_become_milliseconds() -> None:
    assert [milliseconds(seconds) for seconds in (12.5, 0.0004, 0.0, 172.97817)] == [12_500, 0, 0, 172_978]
    assert [milliseconds(seconds) for seconds in (None, -1.0, float("nan"), float("inf"), 1e18)] == [None] * 5
    assert [seconds_of(text) for text in ("1,234.5", "0,25", " 7 ", "", "soon", "nan", "1e999", None)] == [
        1234.5, 0.25, 7.0, None, None, None, None, None
    ]  # fmt: skip


def test_times_are_read_as_they_are_written() -> None:
    assert moment("2016-08-12 15:23:28 UTC") == "2016-08-12T15:23:28.000Z"
    assert moment("2019-08-28 11:36:41 +0200") == "2019-08-28T09:36:41.000Z"
    assert moment(1762374713.563188) == "2025-11-05T20:31:53.563Z"
    for value in ("YYYY-MM-DDTHH:MM:SS", "", None, True, 1e30, "0001-01-01T00:00:00Z"):
        assert moment(value) is None


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_different_parts_never_make_the_same_name(one: list[str], other: list[str]) -> None:
    if one != other:
        assert joined(*one) != joined(*other)
        assert digest(*one) != digest(*other)


def test_names_joined_the_other_way_do_not_collide() -> None:
    assert joined("github", "a:b", "c") != joined("github", "a", "b:c")
    assert joined("a%3Ab", "c") != joined("a:b", "c")
    assert name_of_test("a › b", "c") != name_of_test("a", "b › c")


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_names_of_tests_never_collide(group: str, name: str, other_group: str, other_name: str) -> None:
    whole = name.startswith(f"{group}.") or other_name.startswith(f"{other_group}.")
    if group and other_group and not whole and (group, name or "unnamed") != (other_group, other_name or "unnamed"):
        assert name_of_test(group, name) != name_of_test(other_group, other_name)


def test_names_fit_on_one_line() -> None:
    assert fitted("a b") == "a b"
    for name in ("a\nb", "x" * 301, " a", "a\x00"):
        shown = fitted(name)
        assert shown.isprintable() and len(shown) <= 300 and shown != name
    assert fitted("a\nb") != fitted("a b") and fitted("x" * 301) != fitted("x" * 302)


def test_a_run_whose_runner_is_not_named_verifies_all_the_same() -> None:
    rules = ShellRules.builtin()
    assert phase_of_skill("test-run", rules) is Phase.VERIFICATION
    assert phase_of_skill("docker-build", rules) is rules.rule("docker-build").phase  # type: ignore[union-attr]
    assert phase_of_skill("my-own", rules) is None


def ran(name: str, start: int, end: int, *, folder: str = "/w", within: str | None = None) -> Command:
    return Command(
        event_id=name, session_id=name, uses={}, folder=folder, within=within,
        started_at=f"2026-05-01T10:00:{start:02}.000Z", ended_at=f"2026-05-01T10:00:{end:02}.000Z",
    )  # fmt: skip


def test_a_report_is_of_the_command_that_ran_in_its_folder_when_it_was_written() -> None:
    told = [
        ran("outer", 10, 50),
        ran("inner", 20, 30, within="outer"),
        ran("elsewhere", 25, 30, folder="/w/sub", within="inner"),
    ]
    writers = {
        at: (found := writer_of("/w/a/r.xml", f"2026-05-01T10:00:{at}.000Z", told)) and found.event_id
        for at in (9, 10, 19, 20, 30, 31, 50, 51)
    }  # fmt: skip
    assert writers == {
        9: None, 10: "outer", 19: "outer", 20: "inner", 30: "inner", 31: "outer", 50: "outer", 51: None
    }  # fmt: skip
    assert writer_of("/w/sub/r.xml", "2026-05-01T10:00:25.000Z", told) == told[2]
    assert writer_of("/v/r.xml", "2026-05-01T10:00:25.000Z", told) is None
    assert writer_of("/w/a/r.xml", None, told) is None


@pytest.mark.parametrize(
    ("commands", "writer"),
    [
        ([ran("a", 0, 9)], "a"),
        ([ran("a", 0, 9), ran("b", 1, 8)], None),
        ([ran("a", 0, 6), ran("b", 1, 9)], None),
        ([ran("a", 0, 9), ran("b", 1, 8, within="a"), ran("c", 2, 7, within="b")], "c"),
        ([ran("a", 0, 9), ran("b", 1, 8, within="a"), ran("c", 2, 7, within="a")], None),
        ([ran("a", 0, 9), ran("b", 1, 4, within="a"), ran("c", 2, 7, within="b")], "c"),
        ([ran("a", 0, 9), ran("b", 1, 8, folder="/w/b", within="a")], "a"),
        ([ran("a", 0, 9, within="b"), ran("b", 1, 8, within="a"), ran("c", 1, 8)], None),
    ],
)
def test_a_report_is_that_of_a_command_only_where_that_is_certain(commands: list[Command], writer: str | None) -> None:
    for known in (commands, commands[::-1]):
        found = writer_of("/w/r.xml", "2026-05-01T10:00:05.000Z", known)
        assert (found.event_id if found else None) == writer


@pytest.mark.parametrize("path", ["report.xml", "report", "report.json", "report.log"])
def test_what_begins_as_xml_is_a_report_whatever_it_is_called(path: str) -> None:
    assert told(PYTEST, path)[0].skill_name == "pytest-run"
    assert "begins with <html>" in refusal(b"<html/>", path)[1]


def test_what_is_known_of_skills_that_are_no_commands() -> None:
    facts = {fact.skill_name: fact.modality for fact in CiReports().facts([TEST, STEP, "pytest-run", "unheard-of"])}
    assert facts == {TEST: "testing", STEP: "deployment", "pytest-run": "testing"}


def test_a_file_called_latest_is_no_test_for_its_name() -> None:
    run, one = told(b'<testsuite><testcase classname="latest" name="latest.py" file="latest.py"/></testsuite>')
    assert (run.skill_name, one.skill_name, one.outcome) == ("test-run", TEST, "completed")


EXPECTED_OTHERWISE = {
    # What the expected results count is what the files say of themselves, where that is not what stands in them.
    "junit.multiresult": "counts of suites without attributes add up what one test came to in several ways: -2 passed",
    "disabled": "tests that did not run are counted as passed in runs, and as skipped in tests, as here",
    "NUnit-issue33493": "a test that says nothing is counted as passed in runs, and as skipped in tests, as here",
    "testcase2": "three tests are declared, and one is there",
    "no-cases-but-tests": "six tests are declared, and none is there",
}
NAMED_OTHERWISE = {"fixie", "pickles"}
"""Expected results know tests of xUnit by class and method, without the rows of data that they are run with."""


@pytest.fixture(scope="module")
def reports(shared: Path) -> list[Path]:
    folder = shared / "data" / "ci" / "junit"
    if not folder.is_dir():
        pytest.skip(f"no reports at {folder}")
    return sorted(path for path in folder.rglob("*") if path.suffix in (".xml", ".trx"))


BROKEN = {
    "corrupt-xml.xml": "no element found: line 11",
    "NUnit-issue17521.xml": "not well-formed (invalid token): line 33",
    "NUnit-issue47367.xml": "not well-formed (invalid token): line 5",
    "NUnit-sec1752-file.xml": "points elsewhere",
    "NUnit-sec1752-https.xml": "points elsewhere",
    "empty.xml": "empty",
    "non-xml.xml": "no XML",
}


def test_of_the_real_reports_97_are_read_as_expected_and_7_refused(reports: list[Path]) -> None:
    import json

    refused: dict[str, str] = {}
    read: dict[Path, list[Case]] = {}
    for path in reports:
        try:
            read[path] = read_report(path.read_bytes()).cases
        except Refused as error:
            refused[path.name] = str(error)
    assert refused.pop("non-junit.xml") == "no report of tests that is read: it begins with <suites>"
    assert refused.keys() == BROKEN.keys()
    for name, reason in BROKEN.items():
        assert reason in refused[name]
    compared = 0
    for path, cases in read.items():
        expected = path.with_name(f"{path.stem}.results.json")
        if not expected.exists():
            continue
        stats = json.loads(expected.read_text(encoding="utf-8"))["stats"]
        assert stats["errors"] == []
        seen = Counter(case.status for case in cases)
        if path.stem not in EXPECTED_OTHERWISE:
            assert _expected(stats, "runs") == (
                len(cases), seen[Status.PASSED], seen[Status.SKIPPED],
                seen[Status.FAILED] + seen[Status.TIMEOUT], seen[Status.ERROR],
            ), path  # fmt: skip
        if path.stem not in NAMED_OTHERWISE | {"no-cases-but-tests"} or path.parent.name == "trx":
            assert _expected(stats, "tests") == _tests(cases), path
        compared += 1
    # That of non-junit.xml says that it is none.
    assert (len(read) + 1, compared + 1) == (97, 65)


def _expected(stats: dict[str, int], what: str) -> tuple[int, ...]:
    return tuple(stats[f"{what}{end}"] for end in ("", "_succ", "_skip", "_fail", "_error"))


def _tests(cases: list[Case]) -> tuple[int, ...]:
    """Count tests by name, each by the worst that it came to, unless it passed and was skipped."""
    by_name: dict[str, set[Status]] = {}
    for case in cases:
        by_name.setdefault(case.name, set()).add(case.status)
    order = (Status.ERROR, Status.FAILED, Status.PASSED, Status.SKIPPED)
    worst = Counter(next(status for status in order if status in seen) for seen in by_name.values())
    return (len(by_name), *(worst[status] for status in (Status.PASSED, Status.SKIPPED, Status.FAILED, Status.ERROR)))
