"""What goes with what, as a page and over the API, on every engine."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from session_buddy.reports.dependencies import read_network
from session_buddy.reports.dependency_wording import order_of_pair
from session_buddy.server.pages.forces import laid_out
from session_buddy.server.pages.network_drawing import HEIGHT, WIDTH, drawn_network
from session_buddy.storage import Store
from tests.contract.conftest import OpenStore, engine, new_url, open_new
from tests.dependencies import HOSTILE, LONELY, TOGETHER, go_together
from tests.making import NOW, FakeClock, many
from tests.server.pages_kit import Page, Visitor, visiting

__all__ = ["engine", "new_url", "open_new"]

FIRST, SECOND, THIRD = TOGETHER


@pytest.fixture
def empty(open_new: OpenStore) -> Iterator[Store]:
    with open_new("network", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def store(empty: Store) -> Store:
    go_together(empty)
    return empty


@pytest.fixture
def client(empty: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(empty, tmp_path) as visitor:
        yield visitor


def page(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def test_everything_says_so_before_it_was_looked_at(empty: Store, client: Visitor) -> None:
    said = "What goes with what was not looked at yet: 'session-buddy refresh' does it"
    shown = page(client, "/network")
    assert "There is no network yet." in shown.text and said in shown.text
    for address in ("/api/v1/network", "/api/v1/paths"):
        found = client.get(address).json()
        assert said in found["note"] and found["refreshed_at"] is None and found["total"] == 0
    go_together(empty, is_refreshed=False)
    # Lifts are live; chance and order come with a refresh.
    one = client.get(f"/api/v1/skills/{FIRST}/related").json()
    assert said in one["note"] and [(other["lift"], other["q_value"]) for other in one["related"]] == [
        (pytest.approx(55 / 12), None),
        (pytest.approx(55 / 12), None),
    ]
    assert "not tested" in page(client, f"/network?skill={FIRST}").text


class TestApi:
    def test_gives_what_goes_with_a_skill(self, store: Store, client: Visitor) -> None:
        found = client.get(f"/api/v1/skills/{SECOND.upper()}/related").json()
        assert (found["skill"], found["sessions"], found["of_sessions"]) == (SECOND, 12, 55)
        by_name = {one["skill"]: one for one in found["related"]}
        assert by_name.keys() == {FIRST, THIRD} and found["total"] == 2
        after, before = by_name[THIRD], by_name[FIRST]
        assert (after["usually"], after["after"], after["before"]) == ("after", 12, 0)
        assert (before["usually"], before["after"], before["before"]) == ("before", 0, 12)
        for one in (after, before):
            assert one["gap_seconds"] == pytest.approx(60, rel=0.03)
            assert one["share"] == 1.0 and one["lift"] == pytest.approx(55 / 12)
            assert 1 < one["lift_low"] < one["lift"] < one["lift_high"] and one["q_value"] < 1e-6
        assert found["refreshed_at"] == NOW and found["note"] == ""

    def test_built_in_tools_come_when_asked_for(self, store: Store, client: Visitor) -> None:
        found = client.get(f"/api/v1/skills/{SECOND}/related?tools=true&limit=3").json()
        (tool,) = [one for one in found["related"] if one["kind"] == "tool"]
        assert (tool["skill"], tool["q_value"], tool["usually"]) == ("Read", None, None)
        assert client.get("/api/v1/network?tools=true").json()["total"] == 7
        assert client.get("/api/v1/network").json()["total"] == 4

    def test_a_skill_by_itself(self, store: Store, client: Visitor) -> None:
        found = client.get(f"/api/v1/skills/{LONELY}/related").json()
        assert found["related"] == [] and found["note"].startswith("With nothing in particular.")
        answer = client.get("/api/v1/skills/comit/related")
        assert answer.status_code == 404 and "commit" in answer.json()["error"]["suggestions"]
        slash = client.get(f"/api/v1/skills/{quote('weather/..', safe='')}/related").json()
        assert [one["skill"] for one in slash["related"]] == [HOSTILE]

    def test_gives_each_pair_once_and_filters_by_lift_and_support(self, store: Store, client: Visitor) -> None:
        found = client.get("/api/v1/network").json()
        pairs = {(one["skill_a"], one["skill_b"]): one for one in found["pairs"]}
        assert len(pairs) == 4 and all(a < b for a, b in pairs)
        assert pairs["run-test", "write-test"]["usually_first"] == "write-test"
        assert pairs["commit", "write-test"]["b_first"] == 12
        assert pairs["commit", "write-test"]["gap_seconds"] == pytest.approx(120, rel=0.03)
        assert [one["lift_low"] for one in found["pairs"]] == sorted(
            (one["lift_low"] for one in found["pairs"]), reverse=True
        )
        assert {one["skill"]: one["related"] for one in found["skills"]}["commit"] == 2
        only = client.get("/api/v1/network?min_lift=10").json()
        assert [one["skill_a"] for one in only["pairs"]] == [HOSTILE] and only["total"] == 1
        assert client.get("/api/v1/network?min_sessions=12").json()["total"] == 3
        cut = client.get("/api/v1/network?limit=1").json()
        assert len(cut["pairs"]) == 1 and cut["total"] == 4
        none = client.get("/api/v1/network?min_sessions=50").json()
        assert none["pairs"] == [] and "3 sessions with both" in none["note"]

    def test_what_surely_goes_together_is_first(self, empty: Store, client: Visitor) -> None:
        empty.record(many(900))
        pairs = client.get("/api/v1/network").json()["pairs"]
        related = client.get("/api/v1/skills/skill-3/related").json()["related"]
        for told in (pairs, related):
            lows = [one["lift_low"] for one in told]
            assert len(lows) > 4 and lows == sorted(lows, reverse=True)
        assert pairs != sorted(pairs, key=lambda one: (one["skill_a"], one["skill_b"]))
        first = client.get("/api/v1/network?limit=3").json()["pairs"]
        assert first == pairs[:3]

    def test_gives_paths(self, store: Store, client: Visitor) -> None:
        found = client.get("/api/v1/paths").json()
        assert [(one["skills"], one["sessions"], one["occurrences"]) for one in found["paths"]] == [
            ([*TOGETHER], 12, 12),
            ([HOSTILE, "weather/.."], 3, 3),
        ]
        assert found["paths"][0]["median_seconds"] == 120 and found["since"] is None
        assert client.get("/api/v1/paths?skill=COMMIT").json()["total"] == 1
        assert client.get("/api/v1/paths?min_length=3&min_sessions=13").json()["paths"] == []
        assert client.get("/api/v1/paths?skill=nothing").status_code == 404

    @pytest.mark.parametrize(
        "query", ["network?min_lift=-1", "network?min_lift=nan", "network?min_sessions=2", "paths?min_length=6"]
    )
    def test_what_means_nothing_is_refused(self, store: Store, client: Visitor, query: str) -> None:
        assert client.get(f"/api/v1/{query}").status_code == 422


class TestPage:
    def test_shows_graph_pairs_and_paths(self, store: Store, client: Visitor) -> None:
        shown = page(client, "/network")
        assert "4 pairs of skills used together, of 55 sessions" in shown.text
        assert shown.count("circle") == 5 and shown.count("line") == 4
        assert shown.count("svg", role="group") == 1
        assert "write-test first in all of 12, median 59.8 s" in shown.text.replace("\u00a0", " ")
        assert "<b>bold</b>" in shown.text and shown.count("b") == 0
        for skill in (*TOGETHER, HOSTILE, "weather/.."):
            assert f"/network?skill={quote(skill, safe='')}#related" in shown.links

    def test_filters_are_links_that_keep_the_rest(self, store: Store, client: Visitor) -> None:
        shown = page(client, f"/network?lift=2&skill={FIRST}")
        assert f"/network?lift=5&skill={FIRST}" in shown.links
        assert f"/network?lift=2&sessions=10&skill={FIRST}" in shown.links
        assert f"/network?skill={FIRST}" in shown.links
        assert "/network?lift=2" in shown.links
        only = page(client, "/network?lift=10")
        assert only.count("circle") == 2 and "1 pair of skills" in only.text
        none = page(client, "/network?sessions=100")
        assert "No such pairs." in none.text and none.count("circle") == 0
        # A form sends fields that were left empty, too.
        assert page(client, "/network?sessions=&lift=&skill=").count("circle") == 5

    def test_a_skill_is_shown_with_what_goes_with_it(self, store: Store, client: Visitor) -> None:
        shown = page(client, f"/network?skill={SECOND}")
        words = shown.text.replace("\u00a0", " ")
        assert "What goes with run-test" in words and "Paths with run-test" in words
        assert "after it in all of 12" in words and "before it in all of 12" in words
        assert shown.count("a", **{"class": "chosen"}) == 1 and shown.count("a", **{"class": "near"}) == 2
        assert f"/skills/{SECOND}" in shown.links

    def test_the_page_of_a_skill_has_related_skills(self, store: Store, client: Visitor) -> None:
        words = page(client, f"/skills/{SECOND}").text.replace("\u00a0", " ")
        assert "Related skills" in words
        assert "12 sessions, 4.6 × chance, q < 0.001, after it in all of 12, median 59.8 s" in words
        assert "With nothing in particular." in page(client, f"/skills/{LONELY}").text

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("lift=x", 422), ("lift=inf", 422), ("sessions=x", 422), ("limit=401", 422), ("skill=nothing", 404),
        ],
    )  # fmt: skip
    def test_what_there_is_not_is_refused(self, store: Store, client: Visitor, query: str, status: int) -> None:
        assert page(client, f"/network?{query}", status).count("h1") == 1

    def test_all_pairs_as_csv(self, store: Store, client: Visitor) -> None:
        rows = list(csv.DictReader(io.StringIO(client.get("/network/pairs.csv?lift=2&limit=1").text)))
        assert len(rows) == 4 and {row["usually_first"] for row in rows} == {"write-test", "run-test", ""}


class TestDrawing:
    def test_every_pair_is_a_line_and_an_arrow_leads_to_what_comes_later(self, store: Store) -> None:
        network = read_network(store, limit=10)
        graph = drawn_network(network, chosen=FIRST)
        places = {node.skill: node for node in graph.nodes}
        for pair, edge in zip(network.pairs, graph.edges, strict=True):
            start = pair.usually_first or pair.skill_a
            assert (edge.x1, edge.y1) == (places[start].x, places[start].y)
            assert edge.is_directed == (pair.usually_first is not None)
            assert edge.is_of_chosen == (FIRST in (pair.skill_a, pair.skill_b))
            assert order_of_pair(pair) in edge.title
        assert all(0 <= node.x <= WIDTH and 0 <= node.y <= HEIGHT for node in graph.nodes)
        assert drawn_network(network, chosen=FIRST) == graph

    def test_what_is_joined_lies_nearer_than_what_is_not(self) -> None:
        edges = [(a, b) for group in (range(4), range(4, 8)) for a in group for b in group if a < b]
        places = laid_out(8, edges, [1.0] * len(edges), seed=1)
        assert places.min() >= 0 and places.max() <= 1

        def apart(one: int, other: int) -> float:
            return float(((places[one] - places[other]) ** 2).sum())

        joined = max(apart(a, b) for a, b in edges)
        assert joined < min(apart(a, b) for a in range(4) for b in range(4, 8))
        assert laid_out(0, [], [], seed=1).shape == (0, 2) and laid_out(1, [], [], seed=1).tolist() == [[0.5, 0.5]]
