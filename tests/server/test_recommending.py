"""Recommendations over the API and on their page."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.cli.test_recommending import history
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
    evaluation = get(server, "/api/v1/recommendations/evaluation").json()
    assert evaluation["candidates"][0]["algorithm"] == answer["algorithm"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"skill": "nope"}, 422, "skills"),
        ({"limit": "0"}, 422, "limit"),
        ({"phase": "nope"}, 422, "phase"),
        ({"session": "nope"}, 404, None),
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
    assert get(server, "/recommendations", phase="nope").status_code == 422
    assert get(server, "/recommendations", about="x" * 3_000).status_code == 422
    assert get(server, "/recommendations", skill="<script>").status_code == 422
    assert "<script>" not in get(server, "/recommendations", skill="<script>").text
