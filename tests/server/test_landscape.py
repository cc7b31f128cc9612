"""The landscape as a page and over the API, on every engine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from session_buddy.reports.landscape import read_neighbours, read_skill_map
from session_buddy.server.pages.landscape_figures import Colouring, landscape_figure, neighbours_address
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table
from tests.contract.conftest import OpenStore, engine, new_url, open_for_all, open_new
from tests.landscapes import GROUPS, SKILLS, draw_landscape
from tests.making import NOW, FakeClock
from tests.server.pages_kit import Page, Visitor, visiting

__all__ = ["engine", "new_url", "open_for_all", "open_new"]


@pytest.fixture(scope="module")
def store(open_for_all: OpenStore) -> Store:
    """A store with a landscape. Tests only read it: to draw one takes longer than to look at it."""
    drawn = open_for_all("landscape", clock=FakeClock())
    draw_landscape(drawn)
    return drawn


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(store, tmp_path) as visitor:
        yield visitor


@pytest.fixture
def own_store(open_new: OpenStore) -> Store:
    """A store in which nothing was recorded."""
    return open_new("landscape", clock=FakeClock())


@pytest.fixture
def own_client(own_store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(own_store, tmp_path) as visitor:
        yield visitor


def page(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def test_everything_says_so_before_there_is_a_map(own_client: Visitor) -> None:
    client = own_client
    said = "Clusters were not looked for yet: 'session-buddy refresh' does it once"
    shown = page(client, "/landscape")
    assert "There is no map yet." in shown.text and said in shown.text
    assert shown.count("div", **{"class": "plot map"}) == 0
    found = client.get("/api/v1/landscape").json()
    assert found["points"] == [] and found["index"]["clusters"] == []
    assert found["index"]["refreshed_at"] is None and said in found["index"]["note"]
    assert client.get("/landscape/map.json").json()["data"] == []
    assert client.get("/api/v1/landscape/neighbours?skill=tox").status_code == 404


class TestApi:
    def test_lists_clusters_with_the_figures_of_their_skills(self, client: Visitor) -> None:
        found = client.get("/api/v1/clusters").json()
        assert found["refreshed_at"] == NOW and found["unread"] == 0
        assert [one["skills"] for one in found["clusters"]] == [6, 6, 6]
        tests = next(one for one in found["clusters"] if "test" in one["cluster_name"])
        assert tests["invocations"] == 18
        # pytest-run completed six times; tox six times, and failed as often.
        assert tests["success_rate"] == pytest.approx(12 / 18)
        assert set(tests["examples"]) < set(GROUPS["python test coverage"])

    def test_gives_one_with_its_skills_the_surest_first(self, client: Visitor) -> None:
        for one in client.get("/api/v1/clusters").json()["clusters"]:
            found = client.get(f"/api/v1/clusters/{one['cluster_id']}").json()
            assert found["cluster"] == one
            memberships = [member["membership"] for member in found["members"]]
            assert memberships == sorted(memberships, reverse=True) and 0 < memberships[-1] <= memberships[0] <= 1
            assert {member["skill"] for member in found["members"]} in [set(skills) for skills in GROUPS.values()]
        assert client.get("/api/v1/clusters/99").status_code == 404
        assert client.get(f"/api/v1/clusters/{2**70}").status_code == 422
        assert client.get("/api/v1/clusters/x").status_code == 422

    def test_gives_the_map(self, client: Visitor) -> None:
        found = client.get("/api/v1/landscape").json()
        assert [point["skill"] for point in found["points"]] == sorted(SKILLS)
        assert all(-1 <= point[axis] <= 1 for point in found["points"] for axis in "xy")
        assert 0.5 < found["trustworthiness"] <= 1 and found["projection"] in ("t-SNE", "PCA")
        unused = next(point for point in found["points"] if point["skill"] == "proofread")
        assert (unused["kind"], unused["invocations"], unused["success_rate"]) == (None, 0, None)

    def test_gives_what_is_near(self, client: Visitor) -> None:
        found = client.get("/api/v1/landscape/neighbours?skill=DOCKER-BUILD").json()
        assert found["skill"] == "docker-build"
        assert {one["skill"] for one in found["alike"][:5]} == set(GROUPS["docker image build"]) - {"docker-build"}
        likeness = [one["likeness"] for one in found["alike"]]
        assert likeness == sorted(likeness, reverse=True)
        assert [(one["skill"], one["sessions"], one["lift"]) for one in found["together"]] == [("docker-push", 6, 2.0)]
        answer = client.get("/api/v1/landscape/neighbours?skill=docker-bild")
        assert answer.status_code == 404 and "docker-build" in answer.json()["error"]["suggestions"]

    def test_a_refresh_that_was_killed_shows_each_skill_once_and_no_empty_cluster(
        self, own_store: Store, own_client: Visitor
    ) -> None:
        store, client = own_store, own_client
        draw_landscape(store)
        before = client.get("/api/v1/clusters").json()["clusters"]
        store.put_rows(
            plain_table("skill_clusters"), [(50, "to come", None, None, NOW), (51, "empty", None, None, NOW)]
        )
        store.put_rows(plain_table("skill_cluster_membership"), [("tox", 50, 1e-9)])
        assert client.get("/api/v1/clusters").json()["clusters"] == before
        points = client.get("/api/v1/landscape").json()["points"]
        assert [point["skill"] for point in points] == sorted(SKILLS)


class TestPage:
    def test_shows_map_clusters_and_skills(self, client: Visitor) -> None:
        shown = page(client, "/landscape")
        assert "18 skills in 3 clusters, found just now" in shown.text
        assert shown.count("div", **{"class": "plot map", "role": "img"}) == 1
        assert shown.count("script", **{"src": "/static/landscape.js"}) == 1
        assert "<b>bold</b>" in shown.text
        for skill in SKILLS:
            assert neighbours_address(skill) in shown.links
        for number in (1, 2, 3):
            assert f"/landscape?cluster={number}" in shown.links

    def test_one_cluster_is_shown_with_memberships(self, client: Visitor) -> None:
        shown = page(client, "/landscape?cluster=1&by=success")
        assert "Membership: near 1 deep in the cluster" in shown.text and "6 of 6 skills" in shown.text
        assert "Diamonds: success under 70 %" in shown.text
        figure = client.get("/landscape/map.json?cluster=1&by=success").json()
        whole = client.get("/landscape/map.json?by=success").json()

        def span(figure: dict) -> float:  # type: ignore[type-arg]
            low, high = figure["layout"]["xaxis"]["range"]
            return float(high - low)

        assert span(figure) < span(whole)
        assert figure["layout"]["annotations"] == [] and len(whole["layout"]["annotations"]) == 3

    @pytest.mark.parametrize("skill", ["docker-build", "a/b", "/draft", "<b>bold</b>"])
    def test_what_is_near_is_shown_with_links(self, store: Store, client: Visitor, skill: str) -> None:
        shown = page(client, f"/landscape?skill={quote(skill, safe='')}")
        assert shown.count("section", id="neighbours") == 1
        near = read_neighbours(store, skill)
        assert all(neighbours_address(one.skill) in shown.links for one in [*near.alike, *near.together])
        assert ("It was never used." in shown.text) == (skill in ("/draft", "<b>bold</b>"))

    def test_long_lists_are_shown_in_part(self, client: Visitor) -> None:
        shown = page(client, "/landscape?limit=4&by=success")
        assert "4 of 18 skills" in shown.text
        assert "/landscape?limit=18&by=success#skills" in shown.links
        assert "18 of 18 skills" in page(client, "/landscape?limit=18&by=success").text

    @pytest.mark.parametrize(
        ("query", "status"),
        [("by=beauty", 422), ("cluster=x", 422), ("cluster=99", 404), ("skill=nothing", 404), ("limit=0", 422)],
    )
    def test_what_there_is_not_is_refused(self, client: Visitor, query: str, status: int) -> None:
        assert page(client, f"/landscape?{query}", status).count("h1") == 1

    def test_all_of_it_as_csv(self, client: Visitor) -> None:
        rows = list(csv.DictReader(io.StringIO(client.get("/landscape/skills.csv").text)))
        assert [row["skill"] for row in rows] == sorted(SKILLS)
        assert {row["cluster_id"] for row in rows} == {"1", "2", "3"}


class TestFigure:
    def test_each_skill_is_a_mark_that_leads_to_what_is_near(self, store: Store) -> None:
        for by in Colouring:
            figure = landscape_figure(read_skill_map(store), by)
            addresses = [address for trace in figure["data"] for address in trace["customdata"]]
            assert sorted(addresses) == sorted(neighbours_address(skill, by) for skill in SKILLS)
            told = [text for trace in figure["data"] for text in trace["hovertext"]]
            assert any(text.startswith("&lt;b&gt;bold&lt;/b&gt;<br>") for text in told)
            assert not any("<b>" in text for text in told)

    def test_colours_are_clusters_or_success(self, store: Store) -> None:
        shown = read_skill_map(store)
        by_cluster = {trace["marker"]["color"]: trace for trace in landscape_figure(shown, Colouring.CLUSTER)["data"]}
        assert by_cluster.keys() == {"--c1", "--c2", "--c3"}
        by_success = {trace["marker"]["color"]: trace for trace in landscape_figure(shown, Colouring.SUCCESS)["data"]}
        assert by_success.keys() == {"--accent", "--data", "--ink-3"}
        assert by_success["--accent"]["customdata"] == [neighbours_address("tox", Colouring.SUCCESS)]

    def test_a_skill_is_marked_and_joined_to_its_neighbours(self, store: Store) -> None:
        near, shown = read_neighbours(store, "docker-build"), read_skill_map(store)
        lines, ring, *_ = landscape_figure(shown, Colouring.CLUSTER, near=near)["data"]
        (own,) = [point for point in shown.points if point.skill == "docker-build"]
        assert (ring["x"], ring["y"]) == ([own.x], [own.y])
        others = {one.skill for one in [*near.alike, *near.together]}
        assert len(lines["x"]) == 3 * len(others) and lines["x"][::3] == [own.x] * len(others)

    def test_labels_do_not_lie_on_each_other(self, store: Store) -> None:
        labels = landscape_figure(read_skill_map(store), Colouring.CLUSTER)["layout"]["annotations"]
        places = np.array([[label["x"], label["y"]] for label in labels])
        assert len(labels) == 3
        for one in range(3):
            for other in range(one):
                apart = np.abs(places[one] - places[other])
                assert apart[1] >= 0.08 or apart[0] > 0.03 * min(len(labels[n]["text"]) for n in (one, other))
