"""Experiments over the API: the whole way of one, what is refused and how, and who may do what."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from session_buddy.experiments.analysis import analyse
from session_buddy.experiments.records import Experiments
from session_buddy.server.security import scope_needed
from session_buddy.server.site import BodyLimits
from session_buddy.server.tokens import Scope
from tests.contract.conftest import OpenStore, engine, new_url, open_new
from tests.making import NOW, FakeClock, shifted
from tests.server.serving_kit import Served, served
from tests.trials import NAME, run_trial

__all__ = ["engine", "new_url", "open_new"]

PLACE = "/api/v1/experiments"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    limits = BodyLimits(body_bytes=400_000)
    with served(tmp_path_factory.mktemp("server"), limits=limits) as server:
        run_trial(server.store, users=120)
        yield server


@pytest.fixture
def name(server: Served, request: pytest.FixtureRequest) -> str:
    """A draft of a name of its own."""
    name = f"draft of {request.node.name}"
    answer = server.client.post(PLACE, json=draft(name))
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture
def running(server: Served, name: str) -> str:
    assert told(server, name, "start").status_code == 200
    return name


def draft(name: str, **settings: Any) -> dict[str, Any]:
    return {"test_name": name, "control_strategy": "a", "treatment_strategy": "b", **settings}


def path(name: str, below: str = "") -> str:
    return f"{PLACE}/{quote(name, safe='')}" + (f"/{below}" if below else "")


def told(server: Served, name: str, below: str, body: Any = None, **options: Any) -> httpx.Response:
    return server.client.post(path(name, below), **({} if body is None else {"json": body}), **options)


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["problem"] and error["remedy"]
    return error


def outcome(user: str = "u1", **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "skill_name": "pytest-run", "completed": True} | fields


class TestTheWayOfOne:
    def test_from_draft_to_archive(self, server: Served) -> None:
        name = "a/b: from draft to archive?"
        made = server.client.post(PLACE, json=draft(name, hypothesis="b is better", margin=0.02))
        assert made.status_code == 201
        assert (made.json()["status"], made.json()["design"]["margin"]) == ("draft", 0.02)
        changed = server.client.patch(path(name), json={"description": "first", "min_sample_size": 5})
        assert (changed.json()["description"], changed.json()["min_sample_size"]) == ("first", 5)
        assert told(server, name, "start").json()["status"] == "running"
        users = [f"u{number}" for number in range(40)]
        assigned = told(server, name, "assignments", {"user_ids": users}).json()["assignments"]
        assert {one["variant"] for one in assigned} == {"control", "treatment"}
        assert told(server, name, "exposures", {"user_ids": users[:30]}).json()["assignments"] == assigned[:30]
        outcomes = [outcome(user, completed=number % 3 > 0) for number, user in enumerate(users)]
        assert told(server, name, "outcomes", outcomes).json() == {"added": 40, "repeated": 0, "left_out": []}
        view = server.client.get(path(name)).json()
        assert view["experiment"]["test_name"] == name
        heads = view["analysis"]["health"]["heads"].values()
        assert [sum(head[field] for head in heads) for field in ("assigned", "exposed", "with_outcomes")] == [
            40,
            30,
            40,
        ]
        assert told(server, name, "pause").json()["status"] == "paused"
        assert told(server, name, "resume").json()["status"] == "running"
        assert told(server, name, "stop").json()["status"] == "stopped"
        assert told(server, name, "conclude", {"decision": "a stays"}).json()["status"] == "concluded"
        assert told(server, name, "archive").json()["status"] == "archived"
        events = server.client.get(path(name, "history")).json()["events"]
        actions = ["create", "change", "start", "pause", "resume", "stop", "conclude", "archive"]
        assert [event["action"] for event in events] == actions
        assert {event["actor"] for event in events} == {"api"}
        listed = server.client.get(PLACE).json()
        assert name not in [one["test_name"] for one in listed["experiments"]] and listed["archived"] >= 1
        listed = server.client.get(PLACE, params={"status": "archived"}).json()
        assert name in [one["test_name"] for one in listed["experiments"]]

    def test_what_is_read_is_what_the_analysis_says(self, server: Served) -> None:
        experiment = Experiments(server.store, clock=server.clock).get(NAME)
        analysis = analyse(server.store, experiment, now=NOW)
        answer = server.client.get(path(NAME))
        assert answer.json()["analysis"]["verdict"]["sentence"] == analysis.verdict.sentence
        assert answer.json()["analysis"]["comparisons"][0]["lift"]["low"] == analysis.comparisons[0].lift.low  # type: ignore[union-attr]
        assert server.client.get(path(str(experiment.test_id))).json() == answer.json()
        same = server.client.get(path(NAME), headers={"if-none-match": answer.headers["etag"]})
        assert same.status_code == 304
        report = server.client.get(path(NAME, "report")).json()
        assert report["course"][-1]["users"] == 120
        assert {segment["skill"] for segment in report["segments"]} == {"pytest-run", "ruff-check", "commit"}
        assert report["history"][0]["actor"] == "anna"
        (one,) = [one for one in server.client.get(PLACE).json()["experiments"] if one["test_name"] == NAME]
        assert (one["users"], one["sentence"]) == (120, analysis.verdict.sentence)


class TestAssignments:
    def test_asking_records_nothing_and_telling_does(self, server: Served, running: str) -> None:
        asked = server.client.get(path(running, "assignments"), params={"user_id": "u/1"}).json()
        assert asked["standing"] == "assigned"
        assert assigned(server, running) == 0
        assert told(server, running, "assignments", {"user_ids": ["u/1"]}).json() == {"assignments": [asked]}
        assert assigned(server, running) == 1
        server.client.patch(path(running), json={"assignment_ratio": 0.99 if asked["variant"] == "treatment" else 0.01})
        assert server.client.get(path(running, "assignments"), params={"user_id": "u/1"}).json() == asked

    def test_who_takes_no_part_gets_control_and_why(self, server: Served, name: str) -> None:
        server.client.patch(path(name), json={"overrides": {"me": "treatment"}})
        users = {"user_ids": ["me", "you"]}
        found = told(server, name, "assignments", users).json()["assignments"]
        assert [(one["variant"], one["standing"]) for one in found] == [
            ("treatment", "overridden"),
            ("control", "not_running"),
        ]

    @pytest.mark.parametrize(
        "body", [{"user_ids": []}, {"user_ids": [""]}, {"user_ids": ["\f"]}, {"user_ids": [7]}, {"users": ["a"]}, {}]
    )
    def test_what_is_no_user_is_refused(self, server: Served, running: str, body: Any) -> None:
        for below in ("assignments", "exposures"):
            assert error_of(told(server, running, below, body), 422)["type"] == "InvalidInput"

    def test_no_more_than_a_thousand_at_once(self, server: Served, running: str) -> None:
        error = error_of(told(server, running, "assignments", {"user_ids": ["u"] * 1_001}), 422)
        assert error["field"] == "user_ids"


class TestOutcomes:
    def test_told_again_it_counts_once(self, server: Served, running: str) -> None:
        one = outcome(key="k", user_rating=4, recorded_at=NOW)
        assert told(server, running, "outcomes", one).json()["added"] == 1
        again = told(server, running, "outcomes", [one, outcome(key="other")]).json()
        assert (again["added"], again["repeated"]) == (1, 1)
        error = error_of(told(server, running, "outcomes", [outcome("u9"), one | {"user_rating": 5}]), 409)
        assert (error["type"], error["field"]) == ("DuplicateOutcome", "outcomes[1].user_rating")
        assert outcomes(server, running) == 2

    def test_packed(self, server: Served, running: str) -> None:
        body = gzip.compress(json.dumps([outcome()]).encode())
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        assert server.client.post(path(running, "outcomes"), content=body, headers=headers).json()["added"] == 1

    @pytest.mark.parametrize(
        ("fault", "field"),
        [
            ({"user_rating": 6}, "user_rating"),
            ({"duration_seconds": -1}, "duration_seconds"),
            ({"completed": 1}, "completed"),
            ({"user_id": " "}, "user_id"),
            ({"skill_name": ""}, "skill_name"),
            ({"recorded_at": "yesterday"}, "recorded_at"),
            ({"recorded_at": shifted(NOW, minutes=10)}, "recorded_at"),
            ({"recorded_at": shifted(NOW, days=-10)}, "recorded_at"),
            ({"colour": "red"}, "colour"),
            ({"key": ""}, "key"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_place_and_nothing_is_stored(
        self, server: Served, running: str, fault: dict[str, Any], field: str
    ) -> None:
        error = error_of(told(server, running, "outcomes", [outcome(), outcome() | fault]), 422)
        assert (error["type"], error["field"]) == ("InvalidInput", f"outcomes[1].{field}")
        assert outcomes(server, running) == 0

    @pytest.mark.parametrize(
        ("content", "status"),
        [(b"[", 400), (b"", 400), (b"NaN", 400), (b'"\xff"', 422), (b"[" * 100_000, 422), (b"7", 422), (b"[7]", 422)],
    )
    def test_what_is_no_json_is_refused(self, server: Served, running: str, content: bytes, status: int) -> None:
        answer = server.client.post(
            path(running, "outcomes"), content=content, headers={"content-type": "application/json"}
        )
        error_of(answer, status)

    def test_too_many_and_too_large_are_refused(self, server: Served, running: str) -> None:
        error = error_of(told(server, running, "outcomes", [{}] * 10_001), 413)
        assert "10,001 outcomes" in error["problem"]
        assert error_of(told(server, running, "outcomes", [outcome()] * 9_000), 413)["type"] == "BodyTooLarge"
        assert error_of(server.client.post(path(running, "outcomes"), content=b"x"), 415)["type"] == "UnsupportedBody"

    def test_a_draft_takes_none_and_a_stopped_one_those_from_before(self, server: Served, name: str) -> None:
        assert error_of(told(server, name, "outcomes", outcome()), 409)["type"] == "WrongState"
        told(server, name, "start")
        server.clock.advance(hours=1)
        try:
            told(server, name, "stop")
            assert told(server, name, "outcomes", outcome(recorded_at=shifted(NOW, minutes=5))).status_code == 200
            late = outcome(recorded_at=shifted(NOW, minutes=61))
            assert error_of(told(server, name, "outcomes", late), 409)["type"] == "WrongState"
        finally:
            server.clock.now = NOW


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "below"),
        [
            *(("GET", below) for below in ("", "report", "history", "assignments?user_id=u")),
            *(("POST", below) for below in ("start", "pause", "resume", "stop", "archive")),
        ],
    )
    def test_one_that_there_is_not(self, server: Served, method: str, below: str) -> None:
        error = error_of(server.client.request(method, path("semantic or workflow-awar", below)), 404)
        assert (error["type"], error["suggestions"]) == ("UnknownExperiment", [NAME])

    def test_a_name_that_is_taken(self, server: Served, name: str) -> None:
        assert error_of(server.client.post(PLACE, json=draft(name)), 409)["type"] == "ExperimentExists"

    def test_steps_that_lead_nowhere(self, server: Served, name: str) -> None:
        for below in ("pause", "resume", "stop"):
            assert error_of(told(server, name, below), 409)["type"] == "WrongState"
        assert error_of(told(server, name, "conclude", {"decision": "x"}), 409)["type"] == "WrongState"
        assert error_of(told(server, name, "conclude", {"decision": ""}), 422)["field"] == "decision"

    def test_a_namespace_that_is_taken(self, server: Served, running: str) -> None:
        part = {"namespace": "search", "namespace_start": 0.2, "namespace_end": 0.6}
        for name in ("one in the namespace", "another one"):
            assert server.client.post(PLACE, json=draft(name, **part)).status_code == 201
        assert told(server, "one in the namespace", "start").status_code == 200
        error = error_of(told(server, "another one", "start"), 409)
        assert error["type"] == "NamespaceTaken" and "'one in the namespace'" in error["problem"]

    def test_what_is_fixed_from_the_start_on(self, server: Served, running: str) -> None:
        error = error_of(server.client.patch(path(running), json={"metrics": ["duration_p50"]}), 409)
        assert error["type"] == "WrongState" and "metrics" in error["problem"]
        assert server.client.patch(path(running), json={"enrolment": 1.0}).status_code == 200

    @pytest.mark.parametrize(
        ("settings", "field"),
        [
            ({"metrics": ["happiness"]}, "metrics"),
            ({"metrics": []}, "metrics"),
            ({"assignment_ratio": 1}, "assignment_ratio"),
            ({"enrolment": 0}, "enrolment"),
            ({"alpha": 0.9}, "alpha"),
            ({"method": "peeking"}, "method"),
            ({"guardrails": [{"metric": "duration_seconds", "margin": -1}]}, "guardrails"),
            ({"guardrails": [{"margin": 1}]}, "guardrails[0].metric"),
            ({"namespace_start": 0.5}, "namespace"),
            ({"end_date": "2020-01-01T00:00:00Z"}, "end_date"),
            ({"control_strategy": "  "}, "control_strategy"),
            ({"namespace": "\f"}, "namespace"),
            ({"overrides": {" ": "none"}}, "overrides"),
            ({"overrides": {"me": "blue"}}, "overrides[...]"),
            ({"colour": "red"}, "colour"),
            ({"test_name": "x" * 501}, "test_name"),
        ],
    )
    def test_settings_that_make_no_sense(self, server: Served, settings: dict[str, Any], field: str) -> None:
        error = error_of(server.client.post(PLACE, json=draft("senseless") | settings), 422)
        assert (error["type"], error["field"]) == ("InvalidInput", field)

    def test_a_missing_strategy_is_named(self, server: Served) -> None:
        error = error_of(server.client.post(PLACE, json={"test_name": "x", "control_strategy": "a"}), 422)
        assert error["field"] == "treatment_strategy"

    @pytest.mark.parametrize("query", [{"status": "dead"}, {"limit": 0}, {"archived": "perhaps"}])
    def test_lists_that_make_no_sense(self, server: Served, query: dict[str, Any]) -> None:
        assert error_of(server.client.get(PLACE, params=query), 422)["type"] == "InvalidInput"


class TestPower:
    def test_how_many_users_it_takes(self, server: Served) -> None:
        found = server.client.get("/api/v1/power", params={"baseline": 0.8, "lift": 0.05, "users": 1_000}).json()
        assert (found["users_at_once"], found["question"]["alpha"]) == (2_889, 0.05)
        assert found["users_at_any_time"] > found["users_at_once"]
        assert 0.3 < found["power_at_once"] < 0.5 and 0.08 < found["detectable_lift"] < 0.1

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"baseline": 0.8}, "lift"),
            ({"baseline": 8, "lift": 0.1}, "baseline"),
            ({"baseline": 0.8, "lift": 0.5}, "baseline"),
            ({"baseline": 0.8, "lift": 0}, "lift"),
            ({"baseline": 0.8, "lift": 1e-9}, "lift"),
            ({"baseline": "nan", "lift": 0.1}, "baseline"),
            ({"baseline": 0.8, "lift": 0.1, "power": 0.1}, "power"),
            ({"baseline": 0.8, "users": 1}, "users"),
            ({"lift": 0.1}, "baseline"),
        ],
    )
    def test_what_makes_no_sense(self, server: Served, query: dict[str, Any], field: str) -> None:
        assert error_of(server.client.get("/api/v1/power", params=query), 422)["field"] == field


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    with served(tmp_path_factory.mktemp("guarded")) as server:
        experiments = Experiments(server.store, clock=server.clock)
        experiments.create("one", actor="x", control_strategy="a", treatment_strategy="b")
        experiments.start("one", actor="x")
        tokens = {scope: server.tokens.create(Scope(scope), now=NOW, name=f"the {scope} one") for scope in Scope}
        yield server, tokens


class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "below", "body", "who"),
        [
            ("GET", "", None, {"read", "admin"}),
            ("GET", "/assignments?user_id=u", None, {"read", "admin"}),
            ("POST", "/assignments", {"user_ids": ["u"]}, {"ingest", "admin"}),
            ("POST", "/exposures", {"user_ids": ["u"]}, {"ingest", "admin"}),
            ("POST", "/outcomes", outcome(), {"ingest", "admin"}),
            ("PATCH", "", {"description": "x"}, {"admin"}),
            ("POST", "/pause", None, {"admin"}),
            ("POST", "/stop%2Foutcomes", None, set()),
            ("POST", "/stop/..%2Foutcomes", None, set()),
        ],
    )
    def test_what_with_which_token(
        self, guarded: tuple[Served, dict[str, str]], method: str, below: str, body: Any, who: set[str]
    ) -> None:
        server, tokens = guarded
        let_in = set()
        for scope in ("read", "ingest", "admin"):
            headers = {"authorization": f"Bearer {tokens[scope]}"}
            answer = server.client.request(method, f"{PLACE}/one{below}", json=body, headers=headers)
            if answer.status_code == 200:
                let_in.add(scope)
        assert let_in == who
        assert server.client.request(method, f"{PLACE}/one{below}", json=body).status_code == 401

    def test_the_history_has_the_name_of_the_token(self, guarded: tuple[Served, dict[str, str]]) -> None:
        server, tokens = guarded
        headers = {"authorization": f"Bearer {tokens['admin']}"}
        answer = server.client.patch(f"{PLACE}/one", json={"description": "y"}, headers=headers)
        assert answer.status_code == 200
        events = server.client.get(f"{PLACE}/one/history", headers=headers).json()["events"]
        assert events[-1]["actor"] == "the admin one"

    @pytest.mark.parametrize("below", ["start", "outcomes/start", "x", "outcomes/"])
    def test_everything_else_that_changes_needs_admin(self, below: str) -> None:
        assert scope_needed("POST", f"{PLACE}/a/{below}") is Scope.ADMIN
        assert scope_needed("PATCH", f"{PLACE}/a/outcomes") is Scope.ADMIN
        assert scope_needed("POST", f"{PLACE}/outcomes") is Scope.ADMIN


@pytest.mark.long
def test_every_engine_takes_and_says_the_same(open_new: OpenStore, tmp_path: Path) -> None:
    clock = FakeClock()
    with served(tmp_path, store=open_new("api", clock=clock)) as server:
        assert server.client.post(PLACE, json=draft("one", min_sample_size=1)).status_code == 201
        assert told(server, "one", "start").status_code == 200
        users = [f"u{number}" for number in range(20)]
        told(server, "one", "exposures", {"user_ids": users})
        outcomes = [outcome(user, key="k", completed=number % 3 > 0) for number, user in enumerate(users)]
        assert told(server, "one", "outcomes", outcomes).json()["added"] == 20
        assert told(server, "one", "outcomes", outcomes).json() == {"added": 0, "repeated": 20, "left_out": []}
        assert error_of(told(server, "one", "outcomes", outcomes[0] | {"completed": True}), 409)
        heads = server.client.get(path("one")).json()["analysis"]["health"]["heads"].values()
        assert [sum(head[field] for head in heads) for field in ("assigned", "exposed", "outcomes")] == [20, 20, 20]
        assert error_of(told(server, "one", "resume"), 409)["type"] == "WrongState"
        assert told(server, "one", "stop").json()["status"] == "stopped"
        events = server.client.get(path("one", "history")).json()["events"]
        assert [event["action"] for event in events] == ["create", "start", "stop"]
        assert server.client.get(PLACE).json()["experiments"][0]["users"] == 20


def assigned(server: Served, name: str) -> int:
    return _count(server, "ab_test_assignments", name)


def outcomes(server: Served, name: str) -> int:
    return _count(server, "ab_test_outcomes", name)


def _count(server: Served, table: str, name: str) -> int:
    sql = (
        f"SELECT count(*) FROM {table} FINAL WHERE test_id = (SELECT test_id FROM ab_test_configs WHERE test_name = ?)"
    )
    ((number,),) = server.store.query(sql, [name]).rows
    return int(number)
