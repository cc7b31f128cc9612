"""Recommendations over the API and on their page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from session_buddy.server.tokens import Scope
from tests.cli.test_recommending import history, record_work_in
from tests.server.serving_kit import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        server.store.record(history())
        yield server


def get(server: Served, path: str, **query: str | list[str]) -> httpx.Response:
    return server.client.get(path, params=query)


def test_the_api_answers_as_the_command_does(server: Served) -> None:
    answer = get(server, "/api/v1/recommendations", session="session-01").json()
    assert [one["skill"] for one in answer["skills"]] == ["publish"]
    named = get(server, "/api/v1/recommendations", skill=["deploy", "ruff-check"], limit="1", phase="setup").json()
    assert [one["skill"] for one in named["skills"]] == ["pytest-run"]
    popular = get(server, "/api/v1/recommendations", skill="deploy", strategy="recommended_by_popularity").json()
    assert popular["algorithm"] == "popularity"
    similar = get(server, "/api/v1/recommendations/similar", session="session-01", limit="2").json()
    assert (similar["compared"], len(similar["similar"]), similar["similar"][0]["similarity"]) == ("session", 2, 1.0)
    evaluation = get(server, "/api/v1/recommendations/evaluation").json()
    assert evaluation["candidates"][0]["algorithm"] == answer["algorithm"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"skill": "nope"}, 404, None),
        ({"limit": "0"}, 422, "limit"),
        ({"phase": "nope"}, 422, "phase"),
        ({"session": "nope"}, 404, None),
        ({"user_id": "nope"}, 404, None),
    ],
)
def test_bad_input_is_named(server: Served, query: dict[str, str], status: int, field: str | None) -> None:
    answer = get(server, "/api/v1/recommendations", **query)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("field")) == (status, field)
    assert error["remedy"]


def test_the_page_shows_them_with_their_reasons(server: Served) -> None:
    page = get(server, "/recommendations").text
    assert "goes with pytest-run" in page
    assert "Left out" in page
    assert "docker-build" in page
    assert "nDCG@10" in page
    assert "Who is alike" in page
    assert get(server, "/recommendations", phase="nope").status_code == 422
    assert get(server, "/recommendations", about="x" * 3_000).status_code == 422
    assert get(server, "/recommendations", skill="<script>").status_code == 404
    assert "<script>" not in get(server, "/recommendations", skill="<script>").text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        record_work_in(tmp_path_factory.mktemp("work") / "project", server.store)
        for name, control, treatment in (
            ("advice", "recommended_by_popularity", "recommended"),
            ("finding", "semantic_search", "workflow_aware_search"),
        ):
            draft = {"test_name": name, "control_strategy": control, "treatment_strategy": treatment}
            assert server.client.post("/api/v1/experiments", json=draft).status_code == 201
            assert server.client.post(f"/api/v1/experiments/{name}/start", json={}).status_code == 200
        yield server


def test_the_language_is_that_of_the_folder_or_the_one_named(place: Served) -> None:
    here = get(place, "/api/v1/recommendations").json()
    assert (here["skills"][0]["skill"], here["languages"]) == ("lint-b", ["Rust"])
    named = get(place, "/api/v1/recommendations", language="Go").json()
    assert (named["skills"][0]["skill"], named["languages"]) == ("lint-a", ["Go"])
    assert "in Rust" in get(place, "/recommendations").text


def test_the_strategy_of_the_variant_answers(place: Served) -> None:
    strategies = set()
    for number in range(12):
        work = {"user_id": f"user {number}", "skills": ["test"], "about": "lint"}
        tried = place.client.post("/api/v1/experiments/advice/recommendations", json=work).json()
        assert tried["standing"] == "assigned"
        assert (tried["variant"] == "control") == (tried["answer"]["algorithm"] == "popularity")
        assert {one["skill"] for one in tried["answer"]["skills"]} == {"lint-a", "lint-b"}
        sought = {"user_id": f"user {number}", "question": "lint"}
        found = place.client.post("/api/v1/experiments/finding/search", json=sought).json()
        assert found["answer"]["strategy"] == found["strategy"]
        strategies |= {tried["strategy"], found["strategy"]}
    assert len(strategies) == 4
    exposed = place.store.query("SELECT count(DISTINCT user_id) FROM ab_test_exposures").rows
    assert exposed == [(12,)]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("none/recommendations", {"user_id": "a"}, 404, None),
        ("advice/recommendations", {}, 422, "user_id"),
        ("advice/recommendations", {"user_id": "a", "limit": 0}, 422, "limit"),
        ("advice/recommendations", {"user_id": "a", "skills": ["nope"]}, 404, None),
        ("advice/recommendations", {"user_id": "a", "session": "nope"}, 404, None),
        ("finding/search", {"user_id": "a", "question": " "}, 422, "question"),
        ("finding/search", {"user_id": "a", "question": "x", "kind": "nope"}, 422, "kind"),
        ("finding/recommendations", {"user_id": "a"}, 422, None),
    ],
)
def test_bad_input_within_an_experiment_is_named(
    place: Served, path: str, body: dict[str, object], status: int, field: str | None
) -> None:
    answer = place.client.post(f"/api/v1/experiments/{path}", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("field")) == (status, field), error
    assert error["remedy"]
    exposed = place.store.query("SELECT count(*) FROM ab_test_exposures WHERE user_id = 'a'").rows
    assert exposed == [(0,)], "nobody met what was never answered"


def test_others_than_this_machine_s_users_do_not_learn_what_is_in_folders(tmp_path: Path) -> None:
    with served(tmp_path / "server") as server:
        record_work_in(tmp_path / "project", server.store)
        assert get(server, "/api/v1/recommendations").json()["languages"] == ["Rust"]
        token = server.tokens.create(Scope.READ, now=server.clock())
        answer = server.client.get("/api/v1/recommendations", headers={"authorization": f"Bearer {token}"})
        assert answer.json()["languages"] == []
