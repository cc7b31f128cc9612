"""Chances over the API, on the pages of skills, and learned by the server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from session_buddy.prediction import boosting, duration
from session_buddy.reports.refreshing import refresh
from tests.cli.test_predicting import history
from tests.server.serving_kit import Served, served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, served(tmp_path_factory.mktemp("server")) as server:
        patch.setattr(boosting, "_ROUNDS", 30)
        patch.setattr(duration, "_ROUNDS", 10)
        server.store.record(history())
        yield server


def get(server: Served, path: str, **query: str) -> httpx.Response:
    return server.client.get(path, params=query)


def test_rates_answer_until_something_is_learned(server: Served) -> None:
    before = get(server, "/api/v1/prediction", skill="pytest-run").json()
    assert (before["version"], before["is_fallback"]) == (0, True)
    assert before["reason"].startswith("Nothing was learned yet")
    missing = get(server, "/api/v1/prediction/card")
    assert missing.status_code == 404
    assert "refresh prediction" in missing.json()["error"]["remedy"]
    assert "Nothing was learned yet" in get(server, "/skills/pytest-run").text
    (done,) = refresh(server.store, ("prediction",), server.site.clock).jobs
    assert done.last is not None and done.last.rows == 960
    (again,) = refresh(server.store, ("prediction",), server.site.clock).jobs
    assert again.last is not None and again.last.rows == 0, "nothing was used since"
    after = get(server, "/api/v1/prediction", skill="pytest-run", session="session-78").json()
    assert (after["version"], after["is_fallback"]) == (1, False)
    bad = get(server, "/api/v1/prediction", skill="pytest-run", session="session-79").json()
    assert bad["chance"] < after["chance"]
    card = get(server, "/api/v1/prediction/card").json()
    assert (card["version"], card["algorithm"]) == (1, after["algorithm"])
    page = get(server, "/skills/pytest-run").text
    assert "Will it work now?" in page
    assert (after["phase"], after["is_usual_phase"]) == ("setup", True)
    assert "of completing in its usual setup" in page
    assert "How good this forecast is" in page
    assert "Do not judge people by it" in page
    advice = get(server, "/api/v1/recommendations", session="session-79").json()
    assert all(0 < one["chance"] < 1 for one in advice["skills"])
    assert "Here: the chance that it completes" in get(server, "/recommendations", session="session-79").text


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({}, 422, "skill"),
        ({"skill": "nope"}, 404, None),
        ({"skill": "deploy", "phase": "nope"}, 422, "phase"),
        ({"skill": "deploy", "session": "nope"}, 404, None),
        ({"skill": "deploy", "user_id": "nope"}, 404, None),
    ],
)
def test_bad_input_is_named(server: Served, query: dict[str, str], status: int, field: str | None) -> None:
    refused = get(server, "/api/v1/prediction", **query)
    error = refused.json()["error"]
    assert (refused.status_code, error.get("field")) == (status, field)
    assert error["remedy"]
