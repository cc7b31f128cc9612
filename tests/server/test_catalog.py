"""The catalogue over the API and on its pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from session_buddy.reports.refreshing import refresh
from session_buddy.storage import open_store
from tests.catalogues import fill_catalogue
from tests.making import FakeClock
from tests.server.pages_kit import Page, Visitor, visiting


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = tmp_path_factory.mktemp("catalog")
    with open_store(f"sqlite:///{folder / 'store.db'}", clock=FakeClock()) as store:
        fill_catalogue(store, folder)
        with visiting(store, folder) as visitor:
            yield visitor


def page(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert "<b>bold" not in answer.text and "<script>alert" not in answer.text
    return Page(answer.text)


def rows(shown: Page) -> int:
    return shown.count("th", scope="row")


class TestApi:
    def test_gives_the_skills_asked_for(self, client: Visitor) -> None:
        found = client.get("/api/v1/catalog?problem=never-used&by=cost&limit=2").json()
        assert found["skills"][0]["skill"] == "outline" and found["total"] == 3
        assert found["skills"][0]["problems"][0]["problem"] == "never-used"
        assert client.get("/api/v1/catalog?category=testing&min_success=0.2").json()["total"] == 1

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            *(("by=beauty", 422), ("origin=moon", 422), ("min_success=2", 422), ("max_cost=-1", 422), ("limit=0", 422)),
            *(("problem=none", 422), ("category=Cooking", 404), ("modality=x", 422)),
        ],
    )
    def test_refuses_what_there_is_not(self, client: Visitor, query: str, status: int) -> None:
        assert client.get(f"/api/v1/catalog?{query}").status_code == status

    def test_compares(self, client: Visitor) -> None:
        found = client.get("/api/v1/catalog/compare?skill=review&skill=PACK").json()["skills"]
        assert [one["skill"] for one in found] == ["review", "pack"] and len(found[0]["sources"]) == 2
        assert client.get("/api/v1/catalog/compare?skill=reviw").status_code == 404
        assert client.get("/api/v1/catalog/compare").status_code == 422
        assert client.get("/api/v1/catalog/compare?" + "&".join(["skill=review"] * 9)).status_code == 422

    def test_tells_machines_apart(self, client: Visitor) -> None:
        (review,) = client.get("/api/v1/catalog/compare?skill=review").json()["skills"]
        assert review["machines"] == 1 and {one["machine"] for one in review["sources"]} == {"desk"}
        assert client.get("/api/v1/catalog").json()["machines"] == [{"value": "desk", "skills": 7}]

    def test_gives_no_secret_away(self, client: Visitor) -> None:
        assert "hunter2" not in client.get("/api/v1/catalog/compare?skill=mcp__db").text


class TestPage:
    def test_shows_every_skill_also_those_never_used(self, client: Visitor) -> None:
        shown = page(client, "/catalog")
        assert rows(shown) == shown.count("input", type="checkbox") == 20
        assert "20 of 20 skills" in shown.text
        # One that was used has a page of its own, others what is written of them.
        assert "/skills/review" in shown.links and "/catalog/compare?skill=outline" in shown.links
        assert "<b>bold" in shown.text and "tokens to be told which skills there are" in shown.text

    def test_filters_are_links(self, client: Visitor) -> None:
        shown = page(client, "/catalog?by=cost")
        for address in (
            "/catalog?by=cost&origin=plugin",
            "/catalog?by=cost&problem=broken",
            "/catalog?by=cost&modality=testing",
            "/catalog?by=cost&domain=deployment",
            "/catalog?by=cost&category=Code+Quality",
            "/catalog?by=cost&success=90",
            "/catalog?by=cost&cost=50",
            "/catalog",
        ):
            assert address in shown.links
        assert rows(page(client, "/catalog?origin=plugin")) == 1
        assert rows(page(client, "/catalog?success=90")) == 3
        assert rows(page(client, "/catalog?domain=deployment&by=name")) == 3
        assert rows(page(client, "/catalog?kind=skill&cost=50")) == 5

    def test_a_problem_is_shown_with_its_reasons(self, client: Visitor) -> None:
        assert "bad YAML (line 3): mapping values" in page(client, "/catalog?problem=broken").text

    def test_long_lists_are_shown_in_part(self, client: Visitor) -> None:
        shown = page(client, "/catalog?limit=4&by=name")
        assert rows(shown) == 4 and "/catalog?limit=10000&by=name" in shown.links

    def test_what_fits_nothing_leads_back(self, client: Visitor) -> None:
        shown = page(client, "/catalog?origin=marketplace")
        assert "No such skill is known." in shown.text and "Look at all 20" in shown.text

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            *(("by=beauty", 422), ("origin=x", 422), ("success=0", 422), ("cost=x", 422), ("modality=x", 422)),
            ("category=Cooking", 404),
        ],
    )
    def test_what_there_is_not_is_refused(self, client: Visitor, query: str, status: int) -> None:
        assert page(client, f"/catalog?{query}", status).count("h1") == 1

    def test_skills_side_by_side(self, client: Visitor) -> None:
        shown = page(client, "/catalog/compare?skill=review&skill=pack&skill=mcp__db")
        assert shown.count("th", scope="col") == 3 and "Reviews what was changed." in shown.text
        assert "is used in its place" in shown.text and "not in force" in shown.text
        assert "/skills/review" in shown.links

    @pytest.mark.parametrize("skill", ["broken", "<b>bold", "mypy"])
    def test_one_alone_is_shown_in_full(self, client: Visitor, skill: str) -> None:
        shown = page(client, f"/catalog/compare?skill={quote(skill)}")
        assert skill in shown.text and shown.count("th", scope="col") == 1

    def test_none_is_refused(self, client: Visitor) -> None:
        page(client, "/catalog/compare", 422)
        page(client, "/catalog/compare?skill=reviw", 404)


def test_a_server_looks_for_skills_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as store:
        disk = fill_catalogue(store, tmp_path)
        monkeypatch.setenv("HOME", str(disk.home))
        disk.skill("new")
        (job,) = refresh(store, ("catalog",), FakeClock()).jobs
        assert job.last is not None and job.last.error is None
        # The new one, and the rules of the program.
        assert job.last.rows > 700
        (again,) = refresh(store, ("catalog",), FakeClock()).jobs
        assert again.last is not None and again.last.rows == 0
