"""The community over the API and as a page: the same figures, and none of few users."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.learning.community.bundle import Noise
from session_buddy.learning.community.keys import is_signed
from session_buddy.learning.community.sharing import take
from session_buddy.model import Kind
from session_buddy.reports.community import read_community
from session_buddy.storage import Store
from tests.cli.test_community import team
from tests.contract.conftest import NewUrl, OpenStore, engine, new_url, open_new  # noqa: F401
from tests.learning.community.making import OTHER_PRIVATE, cell, content, fingerprint
from tests.making import NOW, FakeClock, invocation
from tests.server.pages_kit import Page, Visitor, visiting

API = "/api/v1/community"
NOISE = Noise(epsilon=2.0, skills_per_user=10, uses_per_skill=10)


@pytest.fixture
def store(open_new: OpenStore) -> Store:  # noqa: F811
    return open_new(clock=FakeClock())


@pytest.fixture
def visitor(store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(store, tmp_path) as visitor:
        yield visitor


def get(visitor: Visitor, address: str = API) -> Any:
    answer = visitor.get(address)
    assert answer.status_code == 200, answer.text
    return answer.json()


def taken(store: Store, raw: bytes, by: str) -> None:
    take(store, raw, now=NOW, verify=is_signed, trusted=by, unknown_skills=True)


def test_a_user_alone_is_told_why_there_is_nothing_to_compare_with(store: Store, visitor: Visitor) -> None:
    store.record(invocation(f"{skill} {n}", skill_name=skill) for skill in ("deploy", "review") for n in range(9))
    text = visitor.get("/community").text
    assert "No skill has figures of so many users." in text
    assert "2 skills kept back" in text
    assert "<table" not in text


def test_the_api_says_what_the_report_says(store: Store, visitor: Visitor) -> None:
    store.record(team(7))
    found = get(visitor, f"{API}?user_id=u0")
    assert [one["skill"] for one in found["skills"]] == ["deploy", "review"]
    beside = found["skills"][0]["comparison"]
    assert (beside["standing"], beside["others"]["users"], beside["others"]["success_rate"]) == ("below", 6, 0.9)
    assert get(visitor)["skills"][0]["comparison"] is None
    assert get(visitor, f"{API}?limit=1")["total"] == 2
    unknown = visitor.get(f"{API}?user_id=nobody")
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "NotFound")
    assert visitor.get(f"{API}?limit=0").status_code == 422


@pytest.mark.parametrize("users", [1, 4, 5])
def test_no_surface_shows_figures_of_few_users(store: Store, visitor: Visitor, users: int) -> None:
    store.record(team(users))
    # Another skill is used by many, so that nobody is the only user.
    store.record([invocation(f"r{n}", skill_name="run", user_id=f"u{n}", session_id=f"s{n}") for n in range(9)])
    assert [one["skill"] for one in get(visitor)["skills"]] == ["run"]
    assert get(visitor)["kept_back"] == 2
    page = Page(visitor.get("/community").text)
    assert "deploy" not in page.text and "2 skills kept back" in page.text
    assert "deploy" not in visitor.get("/community/series.csv").text
    mine = {one["skill"]: one for one in get(visitor, f"{API}?user_id=u0")["skills"]}
    assert (mine["deploy"]["community"], mine["deploy"]["comparison"]["others"]) == (None, None)
    assert mine["deploy"]["percentile"] is mine["deploy"]["most_common_workflow_phase"] is None


def test_the_page_shows_rates_intervals_percentiles_phases_and_a_users_difference(
    store: Store, visitor: Visitor
) -> None:
    store.record(team(7))
    page = Page(visitor.get("/community?user=u0").text)
    assert page.count("h1") == 1
    assert "below: -65 points beside the others" in page.text
    row = page.text.partition("deploy")[2].partition("review")[0].split()
    # Users, success and its interval, likely, better than, phase, average.
    assert " ".join(row[:13]).startswith("7 81 % 73 to 86 – 25 % – –"), row
    assert "Others = the community without you." in page.text
    everybody = Page(visitor.get("/community").text)
    assert "You are" not in everybody.text
    assert visitor.get("/community?user=nobody").status_code == 404
    assert visitor.get(f"/community?user={'x' * 501}").status_code == 422


def test_all_sources_are_named_and_noise_is_marked(store: Store, visitor: Visitor) -> None:
    store.record(team(7))
    taken(store, content(cell("deploy"), cell("only there")), fingerprint())
    counts = {"users": 900, "invocations": 90_000, "completed": 75_000, "failed": 15_000}
    much, little = (
        cell(name, avg_duration_seconds=None, workflow_phase=None, **more)
        for name, more in (("deploy", counts), ("review", {}))
    )
    taken(store, content(much, little, private=OTHER_PRIVATE, noise=NOISE), fingerprint(OTHER_PRIVATE))
    found = {one["skill"]: one for one in get(visitor)["skills"]}
    deploy = found["deploy"]
    parts = {part["source"]: part["figures"] for part in deploy["sources"]}
    assert {source: part["noised"] for source, part in parts.items()} == {
        "here": False, fingerprint(): False, fingerprint(OTHER_PRIVATE): True,
    }  # fmt: skip
    for field in ("users", "invocations", "completed", "failed"):
        assert deploy["community"][field] == sum(part[field] for part in parts.values())
    assert deploy["community"]["noised"]
    assert all(part["counted"] for part in deploy["sources"])
    here, noised = found["review"]["sources"]
    assert (here["counted"], noised["counted"], found["review"]["community"]) == (True, False, here["figures"])
    assert noised["figures"]["success_high"] - noised["figures"]["success_low"] > 0.9
    assert (found["only there"]["kind"], found["only there"]["most_common_workflow_phase"]) == (None, "verification")
    page = Page(visitor.get("/community").text)
    assert f"here {fingerprint()[:6]} {fingerprint(OTHER_PRIVATE)[:6]}" in page.text
    assert f"here ({fingerprint(OTHER_PRIVATE)[:6]})" in page.text
    assert fingerprint()[:16] in page.text and "ε = 2" in page.text and "≈ = with noise" in page.text
    assert "/skills/only%20there" not in page.links and "/skills/deploy" in page.links
    rows = list(csv.DictReader(io.StringIO(visitor.get("/community/series.csv?user=u0").text)))
    assert [row["source"] for row in rows if row["skill"] == "deploy"] == [
        "all", "here", *sorted([fingerprint(), fingerprint(OTHER_PRIVATE)]), "yours", "others",
    ]  # fmt: skip
    assert next(row for row in rows if row["source"] == "yours")["standing"] == "below"


def test_what_is_a_tool_here_is_one_whoever_tells_of_it(store: Store, visitor: Visitor) -> None:
    store.record([invocation("r", skill_name="Read", kind=Kind.TOOL)])
    taken(store, content(cell("Read"), cell("b")), fingerprint())
    assert [one["skill"] for one in get(visitor)["skills"]] == ["b"]
    assert [one["skill"] for one in get(visitor, f"{API}?tools=true")["skills"]] == ["Read", "b"]


def test_shares_below_the_minimum_of_this_store_are_not_shown(store: Store, visitor: Visitor) -> None:
    taken(store, content(cell("a", users=3), cell("b", users=6), min_users=3), fingerprint())
    assert [one["skill"] for one in get(visitor)["skills"]] == ["b"]


def test_rates_of_few_uses_are_drawn_towards_that_of_all(store: Store, visitor: Visitor) -> None:
    rates = [(90, 10), (800, 200), (75, 25), (300, 20), (7, 0)]
    cells = [
        cell(f"s{n}", users=7, invocations=good + bad, completed=good, failed=bad)
        for n, (good, bad) in enumerate(rates)
    ]
    taken(store, content(*cells), fingerprint())
    found = get(visitor)
    figures = {one["skill"]: one["community"] for one in found["skills"]}
    assert found["typical_rate"] < figures["s4"]["shrunken_rate"] < figures["s4"]["success_rate"] == 1.0
    assert figures["s1"]["shrunken_rate"] == pytest.approx(0.8, abs=0.01)


def test_the_empty_page_says_what_to_do(store: Store, visitor: Visitor) -> None:
    page = Page(visitor.get("/community").text)
    assert "session-buddy community import" in page.text and "session-buddy up" in page.text
    assert get(visitor)["skills"] == []


def test_names_from_elsewhere_are_escaped(store: Store, visitor: Visitor) -> None:
    taken(store, content(cell("<script>alert(1)</script>"), cell("=cmd()")), fingerprint())
    assert "<script>alert" not in visitor.get("/community").text
    assert "'=cmd()" in visitor.get("/community/series.csv").text


def test_only_the_only_user_is_compared_unasked(store: Store) -> None:
    store.record(team(1, mine="me"))
    assert read_community(store, 9).user_id == "me"
    store.record([invocation("x", user_id="you", session_id="sy")])
    assert read_community(store, 9).user_id is None
    assert read_community(store, 9, fallback="you").user_id == "you"
    assert read_community(store, 9, fallback="stranger").user_id is None
