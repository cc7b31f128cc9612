"""``clusters``."""

from __future__ import annotations

import pytest

from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.landscapes import GROUPS, draw_landscape
from tests.making import FakeClock


@pytest.fixture
def drawn(url: str) -> str:
    with open_store(url, clock=FakeClock()) as store:
        draw_landscape(store)
    return url


def test_before_they_were_looked_for_it_says_how(run: Run, url: str) -> None:
    open_store(url, clock=FakeClock()).close()
    assert "'session-buddy refresh' does it once" in run("clusters").out
    assert run("clusters", "--json").json["clusters"] == []


def test_lists_the_largest_first(run: Run, drawn: str) -> None:
    answer = run("clusters")
    assert answer.code == 0
    assert "Clusters of skills  found just now" in answer.out
    assert "3 of 3 clusters" in answer.out
    assert "1 of 3 clusters" in run("clusters", "--limit", "1").out
    found = run("clusters", "--json").json
    assert [one["skills"] for one in found["clusters"]] == [6, 6, 6]


def test_shows_one_by_id_name_or_part_of_it(run: Run, drawn: str) -> None:
    one = run("clusters", "--json").json["clusters"][0]
    by_id = run("clusters", str(one["cluster_id"]), "--json").json
    assert by_id["cluster"] == one
    assert {member["skill"] for member in by_id["members"]} in [set(skills) for skills in GROUPS.values()]
    for asked in (one["cluster_name"], one["cluster_name"].upper(), one["cluster_name"].split(", ")[0]):
        assert run("clusters", asked, "--json").json == by_id
    shown = run("clusters", str(one["cluster_id"]), "--limit", "2").out
    assert "2 of 6 skills" in shown and "membership: near 1 deep in the cluster" in shown


def test_shows_what_is_near_a_skill(run: Run, drawn: str) -> None:
    shown = run("clusters", "--skill", "docker-build").out
    assert "in the cluster “" in shown
    assert "For similar things" in shown and "docker-push" in shown and "2.0" in shown
    assert run("clusters", "--skill", "DOCKER-BUILD", "--json").json["skill"] == "docker-build"


def test_what_there_is_not_is_told_with_suggestions(run: Run, drawn: str) -> None:
    answer = run("clusters", "nothing", "--json")
    assert answer.code == 1 and answer.error["problem"] == "No cluster is called 'nothing'."
    several = run("clusters", ",", "--json")
    assert several.code == 1 and len(several.error["suggestions"]) == 3
    near = run("clusters", "--skill", "docker-bild", "--json")
    assert near.code == 1 and "docker-build" in near.error["suggestions"]
    both = run("clusters", "1", "--skill", "tox")
    assert both.code == 2
