"""Categories and modalities over the API and on the page of a skill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from session_buddy.catalog.taxonomy.keeping import assign, find_category, read_categories
from session_buddy.model import Kind
from session_buddy.server.security import scope_needed
from session_buddy.server.tokens import Scope
from session_buddy.storage.tables import plain_table
from tests.making import NOW, invocation
from tests.server.serving_kit import Served, served


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as server:
        server.store.record([invocation("a", skill_name="release-notes", kind=Kind.SKILL)])
        server.store.record([invocation("b", skill_name="pytest-run", kind=Kind.SHELL)])
        yield server


@pytest.fixture
def client(server: Served) -> httpx.Client:
    return server.client


def test_categories_and_their_skills(client: httpx.Client) -> None:
    told = client.get("/api/v1/categories").json()
    assert [one["category"] for one in told["categories"]] == [
        "Code Quality", "Deployment", "Documentation", "Testing"
    ]  # fmt: skip
    found = client.get("/api/v1/categories/skills?category=testing").json()
    assert [one["skill"] for one in found["skills"]] == ["coverage-report", "hypothesis-test", "pytest-run"]
    assert client.get("/api/v1/categories/skills?category=cooking").status_code == 404
    assert client.get("/api/v1/sorting?skill=nothing").status_code == 404


def test_a_person_sorts_and_takes_back(client: httpx.Client) -> None:
    said = client.post("/api/v1/categories/assign", json={"skill": "Release-notes", "category": "documentation"})
    assert said.status_code == 200 and said.json()["categories"][0]["assigned_by"] == "person"
    assert client.get("/api/v1/sorting?skill=release-notes").json() == said.json()
    body = {"skill": "release-notes", "category": "Documentation", "scheme": "session-buddy"}
    assert client.post("/api/v1/categories/unassign", json=body).json()["categories"] == []
    assert client.post("/api/v1/categories/unassign", json=body).status_code == 404
    assert client.post("/api/v1/categories/reject", json=body).json()["rejected"] == ["Documentation"]
    assert "Not in Documentation" in client.get("/skills/release-notes").text
    assert client.post("/api/v1/categories/unassign", json=body).json()["rejected"] == []


def test_what_a_skill_is_for(client: httpx.Client) -> None:
    body = {"skill": "release-notes", "modality": "documentation", "requires_human_review": True}
    said = client.post("/api/v1/modalities", json=body).json()["modality"]
    assert (said["modality"], said["requires_human_review"], said["assigned_by"]) == ("documentation", True, "person")
    forgotten = client.post("/api/v1/modalities/forget", json={"skill": "release-notes"}).json()["modality"]
    assert forgotten is None
    assert client.post("/api/v1/modalities", json={"skill": "release-notes"}).status_code == 422


def test_a_taxonomy_is_taken_over_or_refused_with_its_faults(client: httpx.Client) -> None:
    good = {"name": "team.csv", "text": "category,domain,skill\nPipelines,deployment,release-notes\n"}
    told = client.post("/api/v1/categories/import", json=good).json()
    assert (told["schemes"], told["added"], told["assigned"]) == (["team"], 1, 1)
    bad = client.post("/api/v1/categories/import", json={"name": "team.csv", "text": "category,domain\na,b\n"})
    assert bad.status_code == 422 and "line 2: No domain is called 'b'" in bad.json()["error"]["problem"]
    lone = client.post(
        "/api/v1/categories/import",
        content=b'{"name": "t.csv", "text": "category\\n\\ud800"}',
        headers={"content-type": "application/json"},
    )
    assert lone.status_code in (400, 422)


def test_what_makes_no_sense_is_refused(client: httpx.Client) -> None:
    whole = {"skill": "release-notes", "category": "Testing"}
    for body in ({}, {"skill": "a"}, whole | {"skill": " "}, whole | {"more": 1}, [], "x"):
        assert client.post("/api/v1/categories/assign", json=body).status_code == 422, body
    assert client.get("/api/v1/sorting?skill=release-notes").json()["categories"] == []


@pytest.mark.parametrize(
    "path",
    [
        "categories/assign",
        "categories/reject",
        "categories/unassign",
        "categories/import",
        "modalities",
        "modalities/forget",
    ],
)
def test_whoever_changes_must_be_an_admin(path: str) -> None:
    assert scope_needed("POST", f"/api/v1/{path}") is Scope.ADMIN
    assert scope_needed("GET", "/api/v1/categories") is Scope.READ


def test_the_page_of_a_skill_says_where_it_belongs_and_who_said_so(server: Served) -> None:
    client, store = server.client, server.store
    bare = client.get("/skills/release-notes").text
    assert "Where it belongs" in bare and "In no category" in bare
    docs = find_category(read_categories(store), "Documentation")
    inferred = ("release-notes", docs.category_id, 0.917, NOW, "inference", None)
    store.put_rows(plain_table("skill_category_mapping"), [inferred])
    row = ("release-notes", "documentation", "Git", "<b>x", 1, NOW, "inference", "inference")
    store.put_rows(plain_table("skill_modalities"), [row])
    shown = client.get("/skills/release-notes").text
    assert "inferred, 92 % sure" in shown and "For documentation" in shown
    assert "Documentation (inferred, 92 % sure)" in shown
    for address in ("/catalog", "/catalog/compare?skill=release-notes"):
        assert "Documentation (inferred, 92 % sure)" in client.get(address).text
    (told,) = client.get("/api/v1/catalog/compare?skill=release-notes").json()["skills"]
    assert (told["category_assigned_by"], told["category_confidence"]) == ("inference", 0.917)
    assert "reads Git, writes &lt;b&gt;x" in shown and "wants a person&#39;s look, inferred" in shown
    untyped = ("release-notes", "unknown", None, "CSV", 1, NOW, "inference", "inference")
    store.put_rows(plain_table("skill_modalities"), [untyped])
    shown = client.get("/skills/release-notes").text
    assert "What it is for is not known" in shown and "inferred; writes CSV; wants a person&#39;s look" in shown
    assign(store, "pytest-run", docs, now=NOW)
    shown = client.get("/skills/pytest-run").text
    assert "by a person" in shown and "predefined, overruled" in shown
