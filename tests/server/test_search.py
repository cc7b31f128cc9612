"""Search over the API and on its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from session_buddy.learning.search import keeping
from session_buddy.model import SkillFacts
from session_buddy.reports.settings import put_setting
from session_buddy.storage import open_store
from tests.cli.test_search import HOSTILE, fill
from tests.learning.search.making import MODEL_FOLDER, needs_model
from tests.making import FakeClock, invocation
from tests.server.pages_kit import Page
from tests.server.serving_kit import Served, served

API = "/api/v1/search"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.delenv("SESSION_BUDDY_SEARCH_MODEL", raising=False)
    with served(tmp_path) as server:
        fill(server.store)
        yield server


def get(server: Served, path: str, **query: str) -> httpx.Response:
    return server.client.get(path, params=query)


def page(server: Served, **query: str) -> Page:
    answer = get(server, "/search", **query)
    assert answer.status_code == 200
    return Page(answer.text)


def test_the_api_answers_as_the_command_does(server: Served) -> None:
    answer = get(server, API, question="run the tests of my python project", phase="verification", limit="2").json()
    assert (answer["phase"], answer["strategy"], answer["total"]) == ("verification", "workflow_aware_search", 8)
    best = answer["skills"][0]
    assert (best["skill"], best["success_rate"], best["judged"]) == ("pytest-run", 0.94, 100)
    assert best["phase_share"] > 0.9
    assert "success 94 % of 100" in best["why"]
    assert "there is no model" in answer["notices"][0]
    alone = get(server, API, question="run the tests", strategy="semantic_search", kind="skill").json()
    assert {one["factor"] for one in alone["skills"]} == {1.0}
    assert {one["kind"] for one in alone["skills"]} == {"skill"}


def test_an_unchanged_answer_is_not_sent_again(server: Served) -> None:
    first = get(server, API, question="tests")
    tag = {"if-none-match": first.headers["etag"]}
    assert server.client.get(API, params={"question": "tests"}, headers=tag).status_code == 304


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "question"),
        ({"question": ""}, "question"),
        ({"question": "  "}, "question"),
        ({"question": "x" * 10_001}, "question"),
        ({"question": "x", "limit": "0"}, "limit"),
        ({"question": "x", "limit": "1001"}, "limit"),
        ({"question": "x", "limit": "many"}, "limit"),
        ({"question": "x", "kind": "nope"}, "kind"),
        ({"question": "x", "phase": "nope"}, "phase"),
        ({"question": "x", "strategy": "nope"}, "strategy"),
    ],
)
def test_bad_input_is_named(server: Served, query: dict[str, str], field: str) -> None:
    answer = get(server, API, **query)
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert answer.json()["error"]["remedy"]
    if query.get("question", "").strip():
        shown = get(server, "/search", **query)
        if field != "limit" or query["limit"] != "1001":
            assert shown.status_code == 422
        assert f"{field}:" in Page(shown.text).text or query.get("limit") == "1001"


def test_the_page_is_in_the_navigation_and_asks(server: Served) -> None:
    assert "/search" in Page(get(server, "/").text).links
    empty = page(server)
    assert empty.count("input", name="question") == 1
    assert empty.count("table") == 0


def test_the_page_shows_skills_with_their_reasons(server: Served) -> None:
    shown = page(server, question="run the tests of my python project", phase="verification")
    assert "Runs the tests of a Python project." in shown.text
    assert "success 94 % of 100" in shown.text.replace("\u00a0", " ")
    assert "there is no model" in shown.text
    assert "/skills/pytest-run" in shown.links
    assert shown.count("input", type="hidden", name="phase", value="verification") == 1
    assert any(link.startswith("/search?") and "strategy=semantic_search" in link for link in shown.links)


def test_a_skill_that_was_never_used_has_no_page_to_lead_to(server: Served) -> None:
    shown = page(server, question="spreadsheet with charts")
    assert "xlsx" in shown.text
    assert not any("xlsx" in link.partition("?")[0] for link in shown.links)


def test_where_nothing_fits_the_page_says_so(server: Served) -> None:
    assert "No skill fits that." in page(server, question="zzqx kwrt").text


def test_hostile_texts_stay_texts(server: Served) -> None:
    for question in ("exfiltrates secrets", HOSTILE.replace("\x1b", ""), '"><img src=x onerror=alert(1)>'):
        answer = get(server, "/search", question=question)
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        assert Page(answer.text).count("input", name="question", value=question) == 1
    assert "<script>alert(1)</script>" in page(server, question="exfiltrates secrets").text


def test_what_is_described_or_used_meanwhile_is_found(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_FRESH_SECONDS", 0.0)
    assert "docker-build" not in get(server, API, question="container image").text
    facts = SkillFacts(skill_name="docker-build", category="c", modality="code", description="Build a container image.")
    server.store.describe([facts])
    server.store.record([invocation("new", skill_name="helm-template")])
    assert get(server, API, question="container image").json()["skills"][0]["skill"] == "docker-build"
    assert get(server, API, question="helm template").json()["skills"][0]["skill"] == "helm-template"


@needs_model
def test_a_model_that_is_named_meanwhile_is_used(server: Served) -> None:
    pytest.importorskip("fastembed", reason="fastembed is not installed: pip install 'session-buddy[semantic]'")
    assert get(server, API, question="tests").json()["model"] == "letters-1"
    put_setting(server.store, "search_model_folder", str(MODEL_FOLDER))
    answer = get(server, API, question="look for mistakes in my changes").json()
    assert answer["notices"] == []
    assert answer["skills"][0]["skill"] == "code-review"


def test_it_is_the_same_on_the_other_engine(tmp_path: Path, server: Served) -> None:
    from tests.clickhouse.places import lend, take_back

    pytest.importorskip("chdb", reason="chdb is not installed: pip install 'session-buddy[clickhouse]'")
    url = lend()
    try:
        with served(tmp_path / "other", store=open_store(url, clock=FakeClock())) as other:
            fill(other.store)
            query = {"question": "run the tests of my python project", "phase": "verification"}
            assert get(other, API, **query).json() == get(server, API, **query).json()
            assert "Runs the tests" in page(other, **query).text
    finally:
        take_back(url)
