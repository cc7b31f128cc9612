"""``ci import``, ``ci tests`` and ``ci gate``, on a small history."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.integrations.ci.github_output import annotation_lines, command, summary
from session_buddy.model import Invocation, Kind
from session_buddy.monitoring.detector import Severity
from session_buddy.monitoring.watch import ANOMALIES
from session_buddy.reports.gate import Gate, GateRules, GateSkill, Reason, gate_rules, read_gate, since_when
from session_buddy.storage import open_store
from tests.cli.conftest import DONE, FAILED, Run, uses
from tests.making import NOW, shifted

REPORT = """<testsuites><testsuite name="pytest" timestamp="{at}" time="12.5">
<testcase classname="t" name="good" time="0.5"/><testcase classname="t" name="bad" time="0.5">{failure}</testcase>
</testsuite></testsuites>"""


@pytest.fixture(autouse=True)
def outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_RUN_ID", "GITHUB_SHA", "CI_PIPELINE_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def history(url: str) -> list[Invocation]:
    told = [
        *uses("pytest-run", *[DONE] * 8, *[FAILED] * 2),
        *uses("ruff-check", *[DONE] * 19, FAILED),
        *uses("docker-build", FAILED, FAILED),
        *uses("Read", *[FAILED] * 9, kind=Kind.TOOL),
        *uses("old-tool", *[FAILED] * 9, start=shifted(NOW, days=-30)),
    ]
    with open_store(url) as store:
        store.record(told)
    return told


def anomaly(url: str, skill: str, *, days: int, **changes: object) -> None:
    fields = {
        "id": days * 10 + len(skill), "skill_name": skill, "detected_at": shifted(NOW, days=-days),
        "anomaly_type": "drop", "baseline_value": 0.9, "observed_value": 0.2, "deviation_score": 5.0,
        "resolved_at": None, "metric": "completion_rate", "severity": Severity.CRITICAL.value,
        "reason": "success fell to 20 %", "detector": "evidence",
    } | changes  # fmt: skip
    with open_store(url) as store:
        store.put_rows(ANOMALIES, [tuple(fields.get(column) for column in ANOMALIES.columns)])


def test_a_gate_is_shut_with_its_reasons(run: Run, history: list[Invocation]) -> None:
    shut = run("ci", "gate", "--min-completion", "0.9")
    assert shut.code == 1
    assert "pytest-run completed 8 of 10 uses (80 %), less than 90 %." in shut.out
    for other in ("ruff-check completed", "docker-build completed", "Read", "old-tool"):
        assert other not in shut.out
    assert "too few to judge" in shut.out
    assert run("ci", "gate", "--min-completion", "0.8").code == 0
    assert run("ci", "gate", "--min-completion", "0.9", "--skill", "ruff-check").code == 0
    assert run("ci", "gate", "--min-completion", "0.9", "--skill", "ruff-check", "--skill", "pytest-run").code == 1
    assert run("ci", "gate", "--min-completion", "0.1", "--min-uses", "1").code == 1, "docker-build never worked"
    assert run("ci", "gate", "--min-completion", "0.8", "--since", "60d").code == 1, "old-tool"
    assert run("ci", "gate", "--min-completion", "0.8", "--since", "60d", "--skill", "Read").code == 1


def test_what_a_gate_says_as_json(run: Run, history: list[Invocation]) -> None:
    said = run("ci", "gate", "--min-completion", "0.9", "--json")
    assert (said.code, said.json["passed"], said.json["since"]) == (1, False, shifted(NOW, days=-7))
    assert said.json["reasons"] == [
        {
            "rule": "min-completion",
            "skill": "pytest-run",
            "text": "pytest-run completed 8 of 10 uses (80 %), less than 90 %.",
        }
    ]
    assert {one["skill"]: (one["judged"], one["passed"]) for one in said.json["skills"]} == {
        "pytest-run": (True, False), "ruff-check": (True, True), "docker-build": (False, True)
    }  # fmt: skip


def test_new_anomalies_shut_a_gate(history: list[Invocation], url: str) -> None:
    def gate(*skills: str, days: int = 7) -> Gate:
        with open_store(url) as store:
            rules = GateRules(no_new_anomaly=True)
            return read_gate(store, rules, since=shifted(NOW, days=-days), skills=skills)

    anomaly(url, "pytest-run", days=20)
    anomaly(url, "ruff-check", days=1, resolved_at=shifted(NOW, hours=-1))
    anomaly(url, "docker-build", days=1, severity="info")
    anomaly(url, "go-test", days=1, anomaly_type="spike", reason="success rose")
    assert gate().passed, "old, resolved, unimportant, for the better"
    anomaly(url, "pytest-run", days=2)
    shut = gate()
    assert [(one.rule, one.text) for one in shut.reasons] == [
        ("no-new-anomaly", "pytest-run is out of the ordinary: success fell to 20 %")
    ]
    assert gate("ruff-check").passed
    assert gate(days=1).passed


def test_a_gate_looks_for_anomalies_itself(run: Run, url: str) -> None:
    with open_store(url) as store:
        for day in range(28, 0, -1):
            store.record(uses("pytest-run", *[DONE] * 40, start=shifted(NOW, days=-day)))
        store.record(uses("pytest-run", *[FAILED] * 40, start=shifted(NOW, hours=-6)))
    assert run("ci", "gate", "--no-new-anomaly", "--since", "24h").code == 1


def test_a_gate_wants_to_know_what_is_asked_for(run: Run, history: list[Invocation]) -> None:
    nothing = run("ci", "gate")
    assert nothing.code == 2 and "min-completion" in nothing.err and "no-new-anomaly" in nothing.err
    assert run("ci", "gate", "--min-completion", "90").code == 2
    assert run("ci", "gate", "--min-completion", "nan").code == 2
    assert run("ci", "gate", "--min-completion", "0.9", "--min-uses", "0").code == 2
    unknown = run("ci", "gate", "--min-completion", "0.9", "--skill", "pytst-run")
    assert unknown.code == 1 and "pytest-run" in unknown.err
    assert run("ci", "gate", "--min-completion", "0.9", "--since", "soon").code == 3
    assert run("ci", "gate", "--min-completion", "0.9", store=None).code == 3, "there is no store"


def test_a_skill_that_was_named_must_have_been_used(run: Run, history: list[Invocation]) -> None:
    shut = run("ci", "gate", "--min-completion", "0.1", "--skill", "old-tool")
    assert shut.code == 1 and "old-tool was not used since" in shut.out


def test_github_shows_a_summary_and_annotations(
    run: Run, history: list[Invocation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = tmp_path / "summary.md"
    shown.write_text("what was there\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(shown))
    shut = run("ci", "gate", "--min-completion", "0.9")
    stop, *lines = [line for line in shut.out.splitlines() if line.lstrip().startswith("::")]
    # What is shown between is for people: no name in it is a command.
    assert re.fullmatch("::stop-commands::[0-9a-f]{32}", stop) and shut.out.startswith(stop)
    assert lines == [
        f"::{stop.rpartition('::')[2]}::",
        "::error title=Session-Buddy%3A min-completion::pytest-run completed 8 of 10 uses (80 %25), less than 90 %25.",
    ]
    text = shown.read_text()
    assert text.startswith("what was there\n## ❌ Session-Buddy gate: shut\n")
    assert r"| pytest\-run | 10 | 8 | 2 | 80 % | ❌ |" in text
    assert "::error" not in run("ci", "gate", "--min-completion", "0.9", "--json").out
    assert run("ci", "gate", "--min-completion", "0.5").code == 0
    assert "## ✅ Session-Buddy gate: open" in shown.read_text()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere/summary.md"))
    unwritten = run("ci", "gate", "--min-completion", "0.9")
    assert unwritten.code == 1 and "::error title" in unwritten.out and "was not written" in unwritten.err
    assert run("ci", "gate", "--min-completion", "0.5").code == 0


RUNNER_COMMAND = re.compile(
    r"::(error|warning|notice)(?: ([a-zA-Z]+=[^,:\r\n]*(?:,[a-zA-Z]+=[^,:\r\n]*)*))?::([^\r\n]*)"
)
"""The published shape of a workflow command: one line, properties without comma and colon."""
HOSTILE = "a\r\n::error::forged%0A, title=x::|<script>`*_[x](http://e.org)"


def hostile() -> Gate:
    skill = GateSkill(
        skill=HOSTILE,
        kind=Kind.SHELL,
        invocations=9,
        completed=0,
        failed=9,
        success_rate=0.0,
        judged=True,
        passed=False,
    )
    reason = Reason(rule="a,b:c\n::", skill=HOSTILE, text=HOSTILE)
    return Gate(passed=False, since=NOW, rules=GateRules(), reasons=[reason], skills=[skill], anomalies=[])


def test_no_name_forges_a_command_to_the_runner() -> None:
    (line,) = annotation_lines(hostile())
    found = RUNNER_COMMAND.fullmatch(line)
    assert found and found[1] == "error"
    undone = found[3].replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    assert undone == HOSTILE
    assert command("notice", "plain") == "::notice::plain"


def test_no_name_breaks_the_summary() -> None:
    text = summary(hostile())
    (row,) = [line for line in text.splitlines() if line.startswith("| a")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 7
    assert "<script>" not in text and "](http" not in text.replace("\\", "\0")
    assert "\n::error" not in text


def test_a_gate_that_judged_nothing_says_so(
    run: Run, history: list[Invocation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused = run("ci", "gate", "--min-completion", "0.9", "--since", NOW[:13] + ":00:00Z")
    assert unused.code == 0 and "Nothing was judged: nothing was used." in unused.out
    few = run("ci", "gate", "--min-completion", "0.9", "--min-uses", "21")
    assert few.code == 0 and "Nothing was judged: no skill has 21 uses that completed or failed." in few.out
    as_json = run("ci", "gate", "--min-completion", "0.9", "--min-uses", "21", "--json")
    assert as_json.json["passed"] and "Nothing was judged" in as_json.err
    for judged in (["--min-completion", "0.1"], ["--min-completion", "0.9"], ["--no-new-anomaly"]):
        assert "Nothing was judged" not in run("ci", "gate", *judged).out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    shown = run("ci", "gate", "--min-completion", "0.9", "--min-uses", "21")
    assert "::warning title=Session-Buddy::Nothing was judged: no skill" in shown.out
    text = (tmp_path / "summary.md").read_text()
    assert text.startswith("## ⚠️ Session-Buddy gate: open") and "Nothing was judged: no skill" in text


def test_since() -> None:
    assert since_when("2w", now=NOW) == shifted(NOW, days=-14)
    assert since_when("2026-01-31", now=NOW) == "2026-01-31T00:00:00.000Z"
    assert since_when("2026-01-31T10:00:00+01:00", now=NOW) == "2026-01-31T09:00:00.000Z"
    for text in ("", "7", "d", "-1d", "2026-13-01", "2026-01-31T10:00:00"):
        with pytest.raises(InvalidInput, match="no span and no time"):
            since_when(text, now=NOW)


def test_rules_that_mean_nothing_are_refused_by_name() -> None:
    for field, given in (
        ("min_completion", {}),
        ("min_completion", {"min_completion": 1.1}),
        ("min_completion", {"min_completion": float("nan")}),
        ("min_uses", {"no_new_anomaly": True, "min_uses": 0}),
    ):
        with pytest.raises(InvalidInput) as refused:
            gate_rules(**given)
        assert refused.value.field == field
    assert gate_rules(min_completion=0.0) == GateRules(min_completion=0.0)


def test_a_gate_over_a_store_counts_whole_hours(url: str) -> None:
    with open_store(url) as store:
        store.record(uses("a", *[FAILED] * 6, start="2026-05-01T10:10:00.000Z"))
        rules = GateRules(min_completion=0.5)
        assert not read_gate(store, rules, since="2026-05-01T10:59:00.000Z").passed
        assert read_gate(store, rules, since="2026-05-01T11:00:00.000Z").passed


def test_reports_are_imported_and_what_cannot_be_is_refused_by_file_and_reason(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    at = shifted(NOW, hours=-1)
    (folder / "one.xml").write_text(REPORT.format(at=at, failure="<failure/>"))
    (folder / "two.xml").write_text(REPORT.format(at=at, failure=""))
    (folder / "broken.xml").write_text("<testsuite>")
    (folder / "notes.json").write_text('{"hello": 1}')
    done = run("ci", "import", str(folder), "--commit", "6f96b263f472444725e0d2122722ce7140cf3bdb")
    assert done.code == 0
    assert "6 new invocations" in done.out
    assert f"{folder}/broken.xml:1: refused: no XML: no element found" in done.err
    assert "notes.json" not in done.err
    again = run("ci", "import", str(folder), "--json")
    assert (again.json["files_read"], again.json["added"]) == (0, 0)
    named = run("ci", "import", str(folder / "notes.json"))
    assert "no service of CI" in named.err
    listed = run("ci", "tests", "--json").json
    assert (listed["total"], listed["flaky"], listed["failing"]) == (2, 1, 1)
    assert [(one["test"], one["flaky"], one["failed"], one["passed"]) for one in listed["tests"]] == [
        ("t › bad", True, 1, 1), ("t › good", False, 0, 2)
    ]  # fmt: skip
    flaky = run("ci", "tests", "--flaky")
    assert "t › bad" in flaky.out and "t › good" not in flaky.out
    assert run("ci", "import", str(tmp_path / "nowhere")).code == 2


def test_what_was_refused_is_refused_again_until_it_is_mended(run: Run, tmp_path: Path) -> None:
    broken, notes, good = (tmp_path / name for name in ("broken.xml", "notes.txt", "good.xml"))
    broken.write_text("<testsuite>")
    notes.write_text("Nothing of CI.")
    good.write_text(REPORT.format(at=shifted(NOW, hours=-1), failure=""))
    for _ in range(2):
        told = run("ci", "import", str(broken), str(notes), str(good), str(broken))
        assert told.code == 0
        said = told.err.splitlines()
        assert [line.partition(": ")[0] for line in said] == [f"{broken}:1", f"{notes}:1"]
        assert "no XML" in said[0] and "is no report" in said[1]
    assert [line.partition(": ")[0] for line in run("ci", "import", str(tmp_path)).err.splitlines()] == [f"{broken}:1"]
    broken.write_text(REPORT.format(at=shifted(NOW, hours=-2), failure=""))
    for _ in range(2):
        assert run("ci", "import", str(broken)).err == ""


def test_tests_of_two_codes_are_not_flaky(run: Run, tmp_path: Path) -> None:
    for number, failure in enumerate(("<failure/>", "")):
        path = tmp_path / f"{number}.xml"
        path.write_text(REPORT.format(at=shifted(NOW, hours=-1), failure=failure))
        run("ci", "import", str(path), "--commit", str(number) * 40)
    assert run("ci", "tests", "--json").json["flaky"] == 0


def test_many_tests_of_a_run_make_no_pairs_and_stay_out_of_lists(run: Run, url: str, tmp_path: Path) -> None:
    cases = "".join(f'<testcase classname="t" name="{number}"/>' for number in range(3_000))
    (tmp_path / "many.xml").write_text(
        f'<testsuite name="pytest" timestamp="{shifted(NOW, hours=-1)}">{cases}</testsuite>'
    )
    run("ci", "import", str(tmp_path / "many.xml"))
    with open_store(url) as store:
        assert store.query("SELECT count(*) FROM skill_dependencies").rows == [(1,)]
    assert [one["skill"] for one in run("top", "--json").json["skills"]] == ["pytest-run"]
    assert {one["skill"] for one in run("top", "--all", "--json").json["skills"]} == {"pytest-run", "test-case"}


def test_where_no_test_was_recorded_it_says_how(run: Run, history: list[Invocation]) -> None:
    assert "pytest -p session_buddy" in run("ci", "tests").out
