"""The pages of experiments, their data as files, and the report that needs nothing else."""

from __future__ import annotations

import csv
import doctest
import importlib
import io
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.experiments.analysis import CoursePoint, analyse, analyse_course, analyse_segments
from session_buddy.experiments.comparing import Arm, Comparison, Range, Role
from session_buddy.experiments.design import Experiment
from session_buddy.experiments.metrics import Unit
from session_buddy.experiments.records import Experiments
from session_buddy.reports.experiment_wording import Leaning, concluded_as, event_words, leaning
from session_buddy.reports.experiments import (
    ExperimentDetails,
    read_experiment_details,
    read_experiment_index,
    read_experiment_report,
)
from session_buddy.server.pages.experiment_drawings import WIDTH, drawn_course, drawn_forest
from session_buddy.server.pages.experiment_figures import course_figure, course_range, forest_figure
from session_buddy.server.pages.experiment_report import report_document
from session_buddy.server.pages.links import experiment_path
from session_buddy.storage import Store, open_store
from tests.contract.conftest import OpenStore, engine, new_url, open_new
from tests.making import NOW, FakeClock, shifted
from tests.server import serving_kit
from tests.server.pages_kit import Page, Visitor, visiting
from tests.trials import NAME, run_trial

__all__ = ["engine", "new_url", "open_new"]

PATH = experiment_path(NAME)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(store, tmp_path) as visitor:
        yield visitor


def shown(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return Page(answer.text)


def rows_of(client: Visitor, page: str) -> list[dict[str, str]]:
    answer = client.get(experiment_path(NAME, page))
    assert answer.headers["content-type"].startswith("text/csv")
    assert f'filename="{page}"' in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


class TestList:
    def test_where_there_is_none_it_says_how_to_make_one(self, client: Visitor) -> None:
        page = shown(client, "/experiments")
        assert "There is no experiment yet." in page.text
        assert "session-buddy experiment create NAME --control A --treatment B" in page.text
        assert page.count("a", href="/experiments") == 1  # of the navigation

    def test_each_has_its_verdict_in_a_sentence(self, client: Visitor, store: Store) -> None:
        run_trial(store)
        run_trial(store, "too early", users=20)
        Experiments(store, clock=FakeClock()).create("plan", actor="a", control_strategy="x", treatment_strategy="y")
        page = shown(client, "/experiments")
        assert PATH in page.links
        assert "3 of 3, the newest first" in page.text
        assert "Treatment (workflow_aware_search) wins: success" in page.text
        assert "Keep running: control has" in page.text
        assert "A draft: nobody takes part yet." in page.text
        assert "completion_rate · 600 users" in page.text

    def test_what_is_archived_is_shown_when_asked_for(self, client: Visitor, store: Store) -> None:
        experiments = Experiments(store, clock=FakeClock())
        experiments.create("old", actor="a", control_strategy="x", treatment_strategy="y")
        experiments.archive("old", actor="a")
        page = shown(client, "/experiments")
        assert "No experiment is going on." in page.text and "/experiments?archived=1" in page.links
        assert experiment_path("old") in shown(client, "/experiments?archived=1").links

    def test_a_row_that_makes_no_sense_hides_no_other(self, client: Visitor, store: Store) -> None:
        run_trial(store, users=20)
        told = ("a", "b", NOW, "running")
        _execute(store, "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date,"
                 " status, design) VALUES ('broken', ?, ?, ?, ?, '{\"alpha\": 7}')", told)  # fmt: skip
        _execute(store, "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date,"
                 " status, metrics) VALUES ('foreign', ?, ?, ?, ?, '[\"happiness\"]')", told)  # fmt: skip
        page = shown(client, "/experiments")
        assert PATH in page.links
        assert "The row of 'broken' makes no sense" in page.text
        assert "It cannot be told: There is no metric 'happiness'." in page.text
        assert "There is no metric 'happiness'." in shown(client, "/experiments/foreign", 404).text


class TestOne:
    def test_the_verdict_is_on_top(self, client: Visitor, store: Store) -> None:
        run_trial(store)
        page = shown(client, PATH)
        verdict = page.text.index("Treatment (workflow_aware_search) wins: success")
        assert verdict < page.text.index("Variants") < page.text.index("Metrics") < page.text.index("Health")
        for said in (
            "users 600",
            "to a decision reached",
            "duration (less is better), guardrail (10 % borne)",
            "The variants are as large as they were meant to be.",
            "exploratory: to get ideas from, not to decide by",
            "Intervals and p are valid at every look",
            "Whoever sees what fits the phase of the work",
            "start 0 users known from before",
            "create",
        ):
            assert said in page.text, said

    def test_lost_outcomes_block_the_verdict(self, client: Visitor, store: Store) -> None:
        run_trial(store, lost=0.4)
        page = shown(client, PATH)
        assert "Invalid: of the users with outcomes" in page.text
        assert "sample ratio mismatch" in page.text
        assert page.count("p", **{"class": "news bad"}) == 1

    def test_what_cannot_be_told_has_its_reason(self, client: Visitor, store: Store) -> None:
        run_trial(store, users=0)
        page = shown(client, PATH)
        assert "Keep running: control has 0 and treatment 0 of at least 50 users" in page.text
        assert "There is no user with success in control or in treatment yet." in page.text
        assert "Nobody takes part yet." in page.text
        assert not page.count("div", role="img")

    def test_a_draft_says_how_to_start(self, client: Visitor, store: Store) -> None:
        told = {"control_strategy": "x", "treatment_strategy": "y", "alpha": 0.1, "method": "fixed"}
        Experiments(store, clock=FakeClock()).create("it's new", actor="a", **told)  # type: ignore[arg-type]
        page = shown(client, experiment_path("it's new"))
        assert """session-buddy experiment start 'it'"'"'s new'""" in page.text
        assert "is looked at once, at its end; α 0.1" in page.text

    def test_what_was_decided_and_changed_is_told(self, client: Visitor, store: Store) -> None:
        run_trial(store, users=20, enrolment=0.5)
        experiments = Experiments(store, clock=FakeClock())
        experiments.change(NAME, actor="ben", enrolment=1.0)
        experiments.stop(NAME, actor="ben")
        experiments.conclude(NAME, actor="ben", decision="Nobody <cares>.")
        page = shown(client, PATH)
        assert "Decided: Nobody <cares>." in page.text
        assert "change enrolment 0.5 → 1.0 ben" in page.text
        assert "concluded, 3 Jun 2026 to 15 Jun 2026" in page.text

    def test_one_that_there_is_not_suggests_others(self, client: Visitor, store: Store) -> None:
        run_trial(store, users=0)
        assert PATH in shown(client, "/experiments/semantic or workflow", 404).links
        for page in ("metrics.csv", "course.json", "report.html"):
            assert client.get(experiment_path("no such", page)).status_code == 404

    def test_names_that_do_not_survive_in_a_path_are_asked_for(self, client: Visitor, store: Store) -> None:
        for name in ("a/../b", "x/report.html", "..", "x/course.csv"):
            run_trial(store, name, users=0)
            assert experiment_path(name).startswith("/experiment?name=")
            assert name in shown(client, experiment_path(name)).text
            assert client.get(experiment_path(name, "report.html")).status_code == 200


def test_what_takes_long_to_read_comes_later(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_trial(store, users=20)
    go_on, asked = threading.Event(), []

    def slow(store: Store, experiment: Experiment) -> ExperimentDetails:
        asked.append(experiment.test_name)
        assert go_on.wait(20)
        return read_experiment_details(store, experiment)

    monkeypatch.setattr("session_buddy.server.experiment_details.read_experiment_details", slow)
    monkeypatch.setattr("session_buddy.server.pages.experiments._PATIENCE_SECONDS", 0.1)
    with serving_kit.served(tmp_path, store=store) as server:
        for _ in range(12):  # more than there are threads to read
            page = Page(server.client.get(PATH).text)
            assert "still being read" in page.text and "users 20" in page.text
            assert page.count("div", role="img") == 1
            assert [attributes for tag, attributes in page.elements if tag == "main" and "data-pending" in attributes]
        assert asked == [NAME]
        assert server.client.get("/experiments").status_code == 200
        time.sleep(0.6)  # from here on it is remembered
        go_on.set()
        for _ in range(100):
            page = Page(server.client.get(PATH).text)
            if "still being read" not in page.text:
                break
            time.sleep(0.05)
        assert "exploratory" in page.text and page.count("div", role="img") == 2
        assert asked == [NAME]


class TestData:
    @pytest.fixture(autouse=True)
    def filled(self, store: Store) -> None:
        self.experiment = run_trial(store)
        self.store = store

    def test_metrics(self, client: Visitor) -> None:
        found = analyse(self.store, self.experiment, now=NOW).comparisons
        rows = rows_of(client, "metrics.csv")
        assert [row["metric"] for row in rows] == [one.metric for one in found]
        assert float(rows[0]["lift_low"]) == found[0].lift.low  # type: ignore[union-attr]
        assert int(rows[1]["treatment_users"]) == found[1].treatment.users

    def test_course(self, client: Visitor) -> None:
        course = analyse_course(self.store, self.experiment)
        rows = rows_of(client, "course.csv")
        assert [(row["day"], int(row["users"])) for row in rows] == [(point.day, point.users) for point in course]
        assert float(rows[-1]["lift_high"]) == course[-1].lift.high  # type: ignore[union-attr]

    def test_segments(self, client: Visitor) -> None:
        segments = analyse_segments(self.store, self.experiment)
        rows = rows_of(client, "segments.csv")
        assert [row["skill"] for row in rows] == [segment.skill for segment in segments]
        assert float(rows[0]["control_value"]) == segments[0].comparison.control.value

    def test_users(self, client: Visitor) -> None:
        rows = rows_of(client, "users.csv")
        assert [row["users"] for row in rows] == ["assigned", "exposed", "with outcomes"]
        assert {int(row["control"]) + int(row["treatment"]) for row in rows} == {600}

    def test_charts_show_what_the_tables_say(self, client: Visitor) -> None:
        comparisons = analyse(self.store, self.experiment, now=NOW).comparisons
        forest = client.get(experiment_path(NAME, "metrics.json")).json()
        assert [trace["x"][0] for trace in forest["data"]] == [one.lift.point for one in comparisons if one.lift]
        drawn = client.get(experiment_path(NAME, "course.json")).json()
        assert drawn["data"][2]["y"][-1] == comparisons[0].lift.point  # type: ignore[union-attr]
        assert drawn["data"][3]["y"][-1] == 600


class TestReport:
    def test_it_needs_nothing_else(self, client: Visitor, store: Store) -> None:
        run_trial(store)
        answer = client.get(experiment_path(NAME, "report.html"))
        assert (
            answer.headers["content-disposition"] == 'attachment; filename="experiment-semantic-or-workflow-aware.html"'
        )
        page = Page(answer.text)
        assert not [tag for tag, _ in page.elements if tag in {"script", "link", "img", "iframe", "a", "form", "base"}]
        loading = {"src", "href", "xlink:href", "action", "style"}
        assert not [name for _, attributes in page.elements for name in attributes if name in loading]
        assert not re.search(r"@import|url\(|https?://", answer.text)
        assert "Treatment (workflow_aware_search) wins" in page.text
        assert page.count("svg") == 2
        assert "exploratory" in page.text

    def test_texts_of_people_stay_texts(self, store: Store) -> None:
        text = "</style><script>alert(1)</script>{{ 7 * 7 }}"
        run_trial(store, text, users=30, skills=(text,), hypothesis=text, control_strategy=text)
        report = report_document(read_experiment_report(store, text, now=NOW))
        assert "<script" not in report and "49" not in re.findall(r"<h1>.*</h1>", report)[0]
        assert report.count("</style>") == 1
        assert Page(report).text.count("alert(1)") >= 4

    def test_one_of_a_draft(self, client: Visitor, store: Store) -> None:
        Experiments(store, clock=FakeClock()).create("!", actor="a", control_strategy="x", treatment_strategy="y")
        answer = client.get(experiment_path("!", "report.html"))
        assert re.search(r'filename="experiment-\d+\.html"', answer.headers["content-disposition"])
        assert "A draft: nobody takes part yet." in answer.text


def test_every_engine_says_the_same(open_new: OpenStore, tmp_path: Path) -> None:
    with open_new("pages", clock=FakeClock()) as store:
        run_trial(store, users=120)
        with visiting(store, tmp_path) as visitor:
            page = shown(visitor, PATH)
            assert "users 120" in page.text
            assert "The variants are as large as they were meant to be." in page.text
            assert [row["users"] for row in rows_of(visitor, "course.csv")] == [str(10 * n) for n in range(1, 13)]
            assert "Keep running" in shown(visitor, "/experiments").text
            assert visitor.get(experiment_path(NAME, "report.html")).status_code == 200


def test_of_many_the_newest_are_listed(store: Store) -> None:
    for number in range(4):
        run_trial(store, f"test {number}", users=0, now=shifted(NOW, days=number - 4))
    index = read_experiment_index(store, now=NOW, limit=2)
    assert [one.test_name for one in index.experiments] == ["test 3", "test 2"]
    assert (index.total, index.archived) == (4, 0)


def compared(low: float | None, high: float = 0.0, **fields: Any) -> Comparison:
    told: dict[str, Any] = {
        "metric": "completion_rate",
        "title": "success",
        "unit": Unit.RATE,
        "role": Role.PRIMARY,
        "is_higher_better": True,
        "control": Arm(users=5, value=0.5),
        "treatment": Arm(users=5, value=0.6),
        "lift": None if low is None else Range((low + high) / 2, low, high),
        "difference": None if low is None else Range((low + high) / 4, low / 2, high / 2),
    }
    return Comparison(**told | fields)


@pytest.mark.parametrize(
    ("comparison", "found"),
    [
        (compared(0.01, 0.2), Leaning.BETTER),
        (compared(-0.2, -0.01), Leaning.WORSE),
        (compared(-0.2, 0.1), Leaning.OPEN),
        (compared(None), Leaning.OPEN),
        (compared(0.01, 0.2, is_higher_better=False), Leaning.WORSE),
        (compared(-0.2, -0.01, is_higher_better=False), Leaning.BETTER),
        (compared(None, difference=Range(-1, -2, -0.5)), Leaning.WORSE),
        (compared(-0.2, 0.01, difference=Range(-0.1, -0.2, -0.01)), Leaning.WORSE),
    ],
)
def test_which_way_an_interval_leans(comparison: Comparison, found: Leaning) -> None:
    assert leaning(comparison) is found


def test_a_guardrail_bears_what_was_agreed() -> None:
    harmed = compared(-0.2, -0.05)
    assert leaning(harmed, {"completion_rate": 0.1}) is Leaning.OPEN
    assert leaning(harmed, {"completion_rate": 0.04}) is Leaning.WORSE


def test_charts_colour_what_got_worse_and_leave_out_what_is_not_known() -> None:
    comparisons = [compared(0.1, 0.3), compared(-0.3, -0.1, metric="x"), compared(None, metric="y")]
    figure = forest_figure(comparisons, {})
    assert [trace["marker"]["color"] for trace in figure["data"]] == ["--ink", "--accent"]
    drawn = drawn_forest(comparisons, {})
    assert [row.is_worse for row in drawn.rows] == [False, True]
    left, right = drawn.rows[1].low, drawn.rows[0].high
    assert 0 < left < drawn.rows[1].point < drawn.zero < drawn.rows[0].low < right < WIDTH
    assert drawn_forest(comparisons[:1], {}).rows[0].low > drawn_forest(comparisons[:1], {}).zero
    assert drawn_forest([], {}).rows == []


def test_the_first_days_do_not_make_all_others_look_alike() -> None:
    lifts = [Range(0.5, -9.0, 10.0), Range(0.2, -0.3, 0.5), Range(0.15, 0.05, 0.25), Range(0.15, 0.1, 0.2)]
    course = [
        CoursePoint(day=f"2026-06-0{day}", users=10 * day, lift=lift)
        for day, lift in enumerate([None, *lifts], start=1)
    ]
    low, high = course_range(course)
    assert low == pytest.approx(-0.06 * 0.8 - 0.3) and high == pytest.approx(0.5 + 0.06 * 0.8)
    drawn = drawn_course(course)
    assert drawn.dots[0].y is None and drawn.dots[0].top > drawn.dots[-1].top
    assert len(drawn.line.split()) == 4 and len(drawn.band.split()) == 8
    for corner in drawn.band.split():
        assert 0 <= float(corner.partition(",")[2]) <= drawn.lifts_bottom
    figure = course_figure(course)
    assert figure["data"][2]["x"] == ["2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"]
    assert figure["data"][3]["y"] == [10, 20, 30, 40, 50]
    msgspec.json.encode(figure)
    assert drawn_course([]).dots == [] and course_figure([])["data"][3]["y"] == []


def test_what_was_done_is_told_in_words(store: Store) -> None:
    run_trial(store, users=0)
    experiments = Experiments(store, clock=FakeClock())
    experiments.change(NAME, actor="b", end_date=shifted(NOW, days=2), overrides={"me": "treatment"})
    experiments.stop(NAME, actor="b")
    experiments.conclude(NAME, actor="b", decision="x" * 400)
    told = [event_words(event) for event in experiments.history(NAME)]
    assert told[:2] == ["", "0 users known from before"]
    assert 'end_date null → 2026-06-17T12:34:56.789Z, overrides {} → {"me":"treatment"}' in told[2]
    assert "planned_end_date 2026-06-17T12:34:56.789Z" in told[3]
    assert len(told[4]) == 300 and told[4].endswith("…")
    assert concluded_as(experiments.history(NAME)) == "x" * 400
    assert concluded_as(experiments.history(NAME)[:3]) is None


@pytest.mark.parametrize(
    "module",
    [
        "reports.experiment_wording",
        "server.pages.experiment_figures",
        "server.pages.experiment_drawings",
        "server.pages.experiment_report",
        "server.pages.links",
    ],
)
def test_examples_in_docstrings_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"session_buddy.{module}"))
    assert found.failed == 0


def _execute(store: Store, sql: str, values: tuple[str, ...]) -> None:
    import sqlite3

    connection = sqlite3.connect(store.url.removeprefix("sqlite:///"))
    with connection:
        connection.execute(sql, values)
    connection.close()
