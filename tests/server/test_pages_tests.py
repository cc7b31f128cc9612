"""The page of tests and the gate says what the commands say, and its form and links keep what was chosen."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.errors import StoreBusy
from session_buddy.monitoring.watch import AnomalyWatch
from session_buddy.reports.gate import GateRules, read_gate
from session_buddy.reports.gate_wording import gate_word, verdict_word, worst_first
from session_buddy.storage import Store, open_store
from tests.cli.conftest import DONE, FAILED, uses
from tests.making import NOW, FakeClock, shifted
from tests.server.pages_kit import Page, Visitor, visiting
from tests.server.test_ci_reading import try_tests


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=FakeClock()) as opened:
        yield opened


@pytest.fixture
def store(empty: Store) -> Store:
    empty.record(
        [
            *uses("pytest-run", *[DONE] * 8, *[FAILED] * 4),
            *uses("ruff-check", *[DONE] * 6),
            *uses("docker-build", FAILED),
        ]
    )
    try_tests(empty, "<failure/>", hours=2)
    try_tests(empty, "", hours=30)
    return empty


@pytest.fixture
def client(empty: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(empty, tmp_path) as visitor:
        yield visitor


def shown(client: Visitor, address: str, status: int = 200) -> Page:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return Page(answer.text)


def field(page: Page, name: str) -> str | None:
    (found,) = [attributes for tag, attributes in page.elements if tag == "input" and attributes.get("name") == name]
    return found.get("value")


def test_tests_are_listed_flaky_ones_first(store: Store, client: Visitor) -> None:
    page = shown(client, "/tests")
    assert "2 tests, 1 failing, 1 flaky, since 16 May 2026" in page.text
    assert "t › sometimes flaky 1 1 – 500 ms 2 h ago t › good – – 2 – 500 ms 2 h ago" in page.text.replace(
        "\u00a0", " "
    )
    assert page.count("h1") == page.count("main", id="main") == 1
    assert "/tests" in page.links and "The gate is" not in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes["for"] for tag, attributes in page.elements if tag == "label"}
    assert labelled == {attributes.get("id") for tag, attributes in page.elements if tag == "input"}
    assert all(attributes.get("scope") for tag, attributes in page.elements if tag == "th")


def test_filters_are_links_that_keep_the_rest(store: Store, client: Visitor) -> None:
    flaky = shown(client, "/tests?flaky=1")
    assert "t › sometimes" in flaky.text and "t › good" not in flaky.text
    day = shown(client, "/tests?since=24h")
    assert "2 tests, 1 failing, 0 flaky" in day.text
    none = shown(client, "/tests?since=24h&flaky=1")
    assert "None of 2 tests is flaky." in none.text
    assert "/tests?flaky=1" in none.links and "/tests?since=24h" in none.links
    asked = "min_completion=0.9&no_new_anomaly=1&skill=ruff-check&skill=pytest-run&gate_since=3d&min_uses=2"
    kept = shown(client, f"/tests?flaky=1&{asked}")
    assert f"/tests?{asked}" in kept.links and f"/tests?since=24h&flaky=1&{asked}" in kept.links
    assert field(kept, "flaky") == "1" and field(kept, "min_completion") == "0.9" and field(kept, "min_uses") == "2"
    cut = shown(client, "/tests?limit=1")
    assert "/tests?limit=201" in cut.links and "t › good" not in cut.text
    assert "/tests?limit=201&flaky=1" not in shown(client, "/tests?limit=1&flaky=1").links


@pytest.mark.parametrize(
    ("query", "rules", "skills"),
    [
        ("min_completion=0.9", GateRules(min_completion=0.9), ()),
        ("min_completion=0.2", GateRules(min_completion=0.2), ()),
        ("min_completion=0.2&min_uses=1", GateRules(min_completion=0.2, min_uses=1), ()),
        ("min_completion=0.9&skill=RUFF-check", GateRules(min_completion=0.9), ("ruff-check",)),
        ("no_new_anomaly=1", GateRules(no_new_anomaly=True), ()),
    ],
)
def test_the_gate_is_that_of_the_command(
    store: Store, client: Visitor, query: str, rules: GateRules, skills: tuple[str, ...]
) -> None:
    gate = read_gate(store, rules, since=shifted(NOW, days=-7), skills=skills)
    text = shown(client, f"/tests?{query}").text.replace("\u00a0", " ")
    assert f"The gate is {verdict_word(gate)}." in text
    assert all(reason.text in text for reason in gate.reasons)
    listed = text.partition("Success Gate ")[2]
    places = [listed.index(one.skill) for one in worst_first(gate)]
    assert places == sorted(places) and len(places) == len(gate.skills)
    assert all(gate_word(one) in listed for one in gate.skills)


def test_the_form_may_leave_everything_out(store: Store, client: Visitor) -> None:
    page = shown(client, "/tests?min_completion=&skill=&gate_since=&min_uses=&since=&limit=")
    assert "The gate is" not in page.text and "Say the least success (0-1)" in page.text
    assert field(page, "gate_since") == "7d" and field(page, "min_uses") == "5"


def test_the_gate_of_a_page_only_reads(empty: Store, client: Visitor) -> None:
    for day in range(28, 0, -1):
        empty.record(uses("pytest-run", *[DONE] * 40, start=shifted(NOW, days=-day)))
    empty.record(uses("pytest-run", *[FAILED] * 40, start=shifted(NOW, hours=-6)))
    asked = "/tests?no_new_anomaly=1&gate_since=24h"
    assert "The gate is open." in shown(client, asked).text
    AnomalyWatch(empty).step(NOW)
    page = shown(client, asked)
    assert "The gate is shut." in page.text and "pytest-run is out of the ordinary" in page.text
    assert "Anomalies are those of the server's last look." in page.text


def test_it_says_what_to_do_where_there_is_nothing(client: Visitor) -> None:
    page = shown(client, "/tests?min_completion=0.9")
    assert "No test was recorded since 16 May 2026." in page.text
    assert "pytest -p session_buddy" in page.text and "session-buddy ci import report.xml" in page.text
    assert "The gate is open." in page.text and "Nothing was judged: nothing was used." in page.text


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("since=soon", 422, "since:"),
        ("limit=0", 422, "limit:"),
        ("min_completion=x", 422, "min_completion:"),
        ("min_completion=nan", 422, "min_completion:"),
        ("min_completion=1.01", 422, "min_completion:"),
        ("min_uses=0", 422, "min_uses:"),
        ("min_completion=1&gate_since=soon", 422, "gate_since: 'soon' is no span"),
        ("&".join(["skill=a"] * 101), 422, "skill:"),
        ("min_completion=1&skill=ruf-check", 404, "No skill is called 'ruf-check'."),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(
    store: Store, client: Visitor, query: str, status: int, said: str
) -> None:
    page = shown(client, f"/tests?{query}", status)
    assert page.count("h1") == 1 and said in page.text
    assert status == 422 or "/skills/ruff-check" in page.links


def test_all_tests_as_csv(store: Store, client: Visitor) -> None:
    answer = client.get("/tests/tests.csv?limit=1")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["test"], row["flaky"], row["failed"]) for row in rows] == [
        ("t › sometimes", "True", "1"),
        ("t › good", "False", "0"),
    ]
    assert len(client.get("/tests/tests.csv?flaky=1").text.splitlines()) == 2


def test_it_tells_of_a_store_that_is_busy(store: Store, client: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise StoreBusy("Another process writes.", remedy="Try again.")

    monkeypatch.setattr("session_buddy.server.ci_reports.read_tests", busy)
    assert "Another process writes." in shown(client, "/tests", 503).text
