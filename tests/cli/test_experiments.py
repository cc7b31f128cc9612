"""``experiment``: what its commands print, their JSON, and how they refuse."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from session_buddy.cli.choices import MethodChoice, StatusChoice, UnitChoice
from session_buddy.experiments.design import Method, Status, Unit
from session_buddy.experiments.records import Experiments
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, shifted
from tests.trials import NAME, run_trial

CREATE = ("experiment", "create", "it", "--control", "a", "--treatment", "b")


@pytest.fixture
def trial(url: str) -> str:
    """An experiment of twelve days that treatment wins."""
    with open_store(url, clock=FakeClock()) as store:
        run_trial(store)
    return NAME


@pytest.fixture
def running(run: Run) -> str:
    assert run(*CREATE).code == 0
    assert run("experiment", "start", "it").code == 0
    return "it"


@pytest.mark.parametrize(("choices", "words"), [(StatusChoice, Status), (MethodChoice, Method), (UnitChoice, Unit)])
def test_the_words_to_choose_from_are_those_there_are(choices: Any, words: Any) -> None:
    assert [choice.value for choice in choices] == [word.value for word in words]


class TestTheWayOfOne:
    def test_each_step_says_what_it_did(self, run: Run) -> None:
        made = run(*CREATE, "--min-sample-size", "5")
        assert made.out == "it is a draft. Let users in: session-buddy experiment start it\n"
        for step, said in {
            "start": "it runs: users are let in.",
            "pause": "it is paused: nobody is added.",
            "resume": "it runs again.",
            "stop": "it is stopped.",
        }.items():
            assert run("experiment", step, "it").out == f"{said}\n"
        assert run("experiment", "conclude", "it", "--decision", "a stays").out == "it is concluded.\n"
        archived = run("experiment", "archive", "it", "--json").json
        assert archived["status"] == "archived"
        events = run("experiment", "history", "it", "--json").json["events"]
        assert [event["action"] for event in events] == [
            "create", "start", "pause", "resume", "stop", "conclude", "archive",
        ]  # fmt: skip
        assert {event["actor"] for event in events} == {"tester"}
        shown = run("experiment", "history", "it").out
        assert "conclude  tester  a stays" in shown
        assert "1 archived one is left out: --all" in run("experiment", "list").out
        assert "archived" in run("experiment", "list", "--all").out

    def test_all_that_can_be_said_of_one(self, run: Run) -> None:
        options = {
            "--hypothesis": "b is better", "--description": "a first try", "--metric": "duration_p50",
            "--guardrail": "completion_rate=0.02", "--min-sample-size": "7", "--margin": "0.03", "--alpha": "0.01",
            "--method": "fixed", "--covariate-days": "14", "--unit": "user", "--ratio": "0.3", "--enrolment": "0.5",
            "--namespace": "search", "--namespace-start": "0.1", "--namespace-end": "0.6", "--override": "a=b=none",
            "--end-date": "2026-07-01T00:00:00+02:00", "--actor": "ben",
        }  # fmt: skip
        words = [word for option in options.items() for word in option]
        made = run(*CREATE, *words, "--metric", "user_satisfaction", "--adjusted", "--json").json
        design = made.pop("design")
        assert made == {
            "test_id": made["test_id"], "test_name": "it", "control_strategy": "a", "treatment_strategy": "b",
            "start_date": NOW, "description": "a first try", "end_date": "2026-06-30T22:00:00.000Z",
            "min_sample_size": 7, "metrics": ["duration_p50", "user_satisfaction"], "assignment_ratio": 0.3,
            "status": "draft", "ratio_since": None,
        }  # fmt: skip
        assert design == {
            "hypothesis": "b is better", "guardrails": [{"metric": "completion_rate", "margin": 0.02}],
            "margin": 0.03, "alpha": 0.01, "method": "fixed", "adjusted": True, "unit": "user", "enrolment": 0.5,
            "namespace": "search", "namespace_start": 0.1, "namespace_end": 0.6, "overrides": {"a=b": "none"},
            "covariate_days": 14,
        }  # fmt: skip
        assert run("experiment", "history", "it", "--json").json["events"][0]["actor"] == "ben"

    def test_settings_are_changed_and_taken_back(self, run: Run) -> None:
        run(*CREATE, "--margin", "0.03", "--override", "me=control", "--description", "old")
        cleared = ("--clear", "margin", "--clear", "overrides", "--clear", "description")
        changed = run("experiment", "change", "it", *cleared, "--treatment", "c", "--not-adjusted", "--json").json
        assert changed["treatment_strategy"] == "c"
        assert (changed["description"], changed["design"]["margin"], changed["design"]["overrides"]) == (None, None, {})
        assert run("experiment", "change", "it", "--enrolment", "0.5").out == "it is changed.\n"
        refused = run("experiment", "change", "it", "--clear", "alpha", "--json")
        assert (refused.code, refused.error["type"]) == (3, "InvalidInput")


class TestUsers:
    def test_what_they_get_is_shown_and_stays(self, run: Run, running: str) -> None:
        tried = run("experiment", "assign", running, "u1", "u2", "--dry-run", "--json").json
        assert {one["standing"] for one in tried["assignments"]} == {"assigned"}
        assert _heads(run, running)["assigned"] == 0
        assert run("experiment", "assign", running, "u1", "u2", "--json").json == tried
        assert _heads(run, running)["assigned"] == 2
        run("experiment", "change", running, "--override", "u1=treatment")
        shown = run("experiment", "assign", running, "u1", "u2").out
        assert "u1    treatment  overridden" in shown

    def test_exposures(self, run: Run, running: str) -> None:
        exposed = run("experiment", "expose", running, "u1", "u2", "u3", "--json").json
        assert len(exposed["assignments"]) == 3
        assert _heads(run, running) == {"assigned": 3, "exposed": 3, "with_outcomes": 0, "outcomes": 0, "crossed": 0}

    def test_one_outcome(self, run: Run, running: str) -> None:
        told = ("experiment", "record", running, "--user", "u1", "--skill", "s", "--key", "k")
        said = ("--completed", "--duration", "2.5", "--rating", "4", "--at", NOW)
        assert run(*told, *said).out == "1 outcome recorded.\n"
        assert run(*told, *said).out == "0 outcomes recorded, 1 known already.\n"
        refused = run(*told, "--failed", "--json")
        assert (refused.code, refused.error["type"]) == (1, "DuplicateOutcome")
        missing = run("experiment", "record", running, "--user", "u1", "--skill", "s", "--json")
        assert (missing.code, "completed" in missing.error["problem"]) == (3, True)

    def test_many_outcomes_of_a_file(self, run: Run, running: str, tmp_path: Path) -> None:
        run("experiment", "change", running, "--override", "me=treatment")
        users = ["u1", "u2", "me"]
        lines = [json.dumps({"user_id": user, "skill_name": "s", "completed": True}) for user in users]
        path = tmp_path / "outcomes.jsonl"
        path.write_text("\n".join(lines) + "\n\n")
        answer = run("experiment", "record", running, "--file", str(path))
        assert answer.out == ("2 outcomes recorded.\n1 left out, since their users take no part: 1 overridden.\n")
        assert run("experiment", "record", running, "--file", str(path), "--json").json["added"] == 2

    def test_many_outcomes_from_a_pipe(self, run: Run, running: str, monkeypatch: pytest.MonkeyPatch) -> None:
        line = b'{"user_id": "u1", "skill_name": "s", "completed": false}\n'
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line * 3)))
        assert run("experiment", "record", running, "--file", "-", "--json").json["added"] == 3

    @pytest.mark.parametrize(
        ("content", "field"),
        [
            ('{"user_id": "u", "skill_name": "s", "completed": true, "user_rating": 9}', "outcomes[1].user_rating"),
            ("[", "line 2"),
            ("7", "outcomes[1]"),
        ],
    )
    def test_one_bad_line_and_nothing_is_recorded(
        self, run: Run, running: str, tmp_path: Path, content: str, field: str
    ) -> None:
        path = tmp_path / "outcomes.jsonl"
        path.write_text('{"user_id": "u", "skill_name": "s", "completed": true}\n' + content)
        refused = run("experiment", "record", running, "--file", str(path), "--json")
        assert (refused.code, refused.error["problem"].partition(":")[0]) == (3, field)
        assert _heads(run, running)["outcomes"] == 0

    def test_a_file_and_options_do_not_go_together(self, run: Run, running: str) -> None:
        refused = run("experiment", "record", running, "--file", "x", "--user", "u1", "--json")
        assert (refused.code, refused.error["type"]) == (3, "InvalidInput")
        assert run("experiment", "record", running, "--file", "not-there").code == 3


class TestLooking:
    def test_none_yet(self, run: Run, url: str) -> None:
        assert run("experiment", "list").code == 3
        with open_store(url, clock=FakeClock()):
            pass
        assert "None. session-buddy experiment create NAME --control A --treatment B" in run("experiment", "list").out

    def test_the_list(self, run: Run, trial: str, running: str) -> None:
        shown = run("experiment", "list").out
        assert "Experiments  2 of 2" in shown
        assert "Treatment (workflow_aware_search) wins" in shown
        assert "Keep running: control has 0" in shown
        listed = run("experiment", "list", "--json").json
        assert [(one["test_name"], one["decision"]) for one in listed["experiments"]] == [
            ("it", "keep_running"),
            (NAME, "treatment"),
        ]
        assert run("experiment", "list", "--status", "draft", "--json").json["total"] == 0
        assert len(run("experiment", "list", "--limit", "1", "--json").json["experiments"]) == 1

    def test_one(self, run: Run, trial: str) -> None:
        shown = run("experiment", "show", trial).out
        for said in (
            f"{NAME}  running, 3 Jun 2026",
            "Treatment (workflow_aware_search) wins: success 76 % against 57 %",
            "600 users in 12.0 days, at least 50 in each variant",
            "treatment  workflow_aware_search",
            "duration (less is better), guardrail",
            "Metrics  intervals of 95 %, valid at every look",
            "Over time  the last 7 of 12 days",
            "Health  are the variants as large as they were meant to be?",
            "By skill  exploratory: to get ideas from, not to decide by",
            "no difference within 2 %",
        ):
            assert said in shown, said
        report = run("experiment", "show", trial, "--json").json
        assert report["analysis"]["verdict"]["decision"] == "treatment"
        assert len(report["course"]) == 12 and len(report["segments"]) == 3
        by_number = run("experiment", "show", str(report["experiment"]["test_id"]), "--json").json
        assert by_number == report

    @pytest.mark.parametrize("width", ["30", "60", "200"])
    def test_it_fits_the_terminal(self, run: Run, trial: str, width: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", width)
        lines = run("experiment", "show", trial).out.splitlines()
        figures = [line for line in lines if "to +" in line]
        assert figures and all(len(line) <= max(int(width), 75) for line in lines)

    def test_lost_outcomes_are_told_of(self, run: Run, url: str) -> None:
        with open_store(url, clock=FakeClock()) as store:
            run_trial(store, lost=0.4)
        shown = run("experiment", "show", NAME).out
        assert "Invalid: of the users with outcomes" in shown
        assert "or outcomes of one of them get lost" in shown

    def test_what_is_not_known_has_its_reason(self, run: Run, running: str) -> None:
        shown = run("experiment", "show", running).out
        assert "success: There is no user with success in control or in treatment yet." in shown

    def test_texts_of_people_steer_no_terminal(self, run: Run, url: str) -> None:
        text = "a\x1b[31m\nb"
        with open_store(url, clock=FakeClock()) as store:
            run_trial(store, text, users=4, skills=(text,), hypothesis=text, control_strategy=text)
            Experiments(store, clock=FakeClock()).change(text, actor=text, description=text)
        for command in ("show", "history"):
            assert "\x1b[31m" not in run("experiment", command, text).out
        assert "\x1b[31m" not in run("experiment", "list").out

    def test_the_report_is_one_file(
        self, run: Run, trial: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("experiment", "report", trial).out == "Written to experiment-semantic-or-workflow-aware.html.\n"
        text = (tmp_path / "experiment-semantic-or-workflow-aware.html").read_text(encoding="utf-8")
        assert "Treatment (workflow_aware_search) wins" in text and "<script" not in text
        path = tmp_path / "other.html"
        assert run("experiment", "report", trial, "--output", str(path), "--json").json == {"report": str(path)}
        assert run("experiment", "report", trial, "--output", str(tmp_path / "no" / "x.html")).code == 3


class TestPower:
    def test_how_many_users_it_takes(self, run: Run) -> None:
        shown = run("experiment", "power", "--baseline", "0.8", "--lift", "0.05", "--users", "1000", store=None).out
        for said in (
            "To see a lift of +5.0 % with a chance of 80 %:",
            "2,889 users, looked at once",
            "5,533 users, looked at all the time",
            "--min-sample-size 1445",
            "1,000 users, looked at once, show a lift of ±8.86 %",
        ):
            assert said in shown, said
        told = ("--baseline", "12", "--spread", "20", "--lift", "-0.1", "--json")
        found = run("experiment", "power", *told, store=None).json
        assert (found["users_at_once"], found["detectable_lift"]) == (8_721, None)

    @pytest.mark.parametrize(
        "options", [(), ("--lift", "0"), ("--lift", "0.5"), ("--users", "2"), ("--lift", "0.1", "--ratio", "1")]
    )
    def test_what_makes_no_sense(self, run: Run, options: tuple[str, ...]) -> None:
        refused = run("experiment", "power", "--baseline", "0.8", *options, "--json", store=None)
        assert (refused.code, refused.error["type"]) == (3, "InvalidInput")


class TestRefusals:
    @pytest.mark.parametrize("command", ["show", "start", "history", "report", "stop"])
    def test_one_that_there_is_not(self, run: Run, running: str, command: str) -> None:
        refused = run("experiment", command, "itt", "--json")
        assert (refused.code, refused.error["type"]) == (1, "UnknownExperiment")
        assert refused.error["suggestions"] == ["it"]

    def test_what_its_state_does_not_allow(self, run: Run, running: str) -> None:
        refused = run("experiment", "start", running, "--json")
        assert (refused.code, refused.error["type"], refused.error["exit_code"]) == (1, "WrongState", 1)
        assert run(*CREATE, "--json").error["type"] == "ExperimentExists"
        assert run("experiment", "change", running, "--metric", "duration_p50", "--json").error["type"] == "WrongState"

    @pytest.mark.parametrize(
        "option",
        [("--metric", "happiness"), ("--guardrail", "x=y"), ("--override", "me"), ("--override", "=none"),
         ("--override", "me=blue"), ("--end-date", "tomorrow"), ("--ratio", "1"), ("--alpha", "7")],
    )  # fmt: skip
    def test_settings_that_make_no_sense(self, run: Run, option: tuple[str, str]) -> None:
        refused = run(*CREATE, *option, "--json")
        assert (refused.code, refused.error["type"]) == (3, "InvalidInput")
        listed = run("experiment", "list", "--json")
        assert listed.code == 3 or listed.json["total"] == 0, "there is no store, or nothing in it"

    def test_an_end_that_has_passed(self, run: Run, running: str) -> None:
        refused = run("experiment", "change", running, "--end-date", shifted(NOW, hours=-1), "--json")
        assert (refused.code, refused.error["type"]) == (3, "InvalidInput")


def _heads(run: Run, name: str) -> dict[str, int]:
    heads = run("experiment", "show", name, "--json").json["analysis"]["health"]["heads"]
    return {field: heads["control"][field] + heads["treatment"][field] for field in heads["control"]}
