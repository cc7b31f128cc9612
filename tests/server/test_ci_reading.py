"""Tests one by one and the gate over the API: word for word what the commands say with ``--json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from session_buddy.importers.ci import CiReports
from session_buddy.monitoring.watch import AnomalyWatch
from session_buddy.reports.tried_tests import read_tests
from session_buddy.server.ci_reports import remembered_tests
from session_buddy.server.kept import Kept
from session_buddy.storage import Store, open_store
from tests.cli.conftest import DONE, FAILED, Run, home, run, url, uses
from tests.making import NOW, FakeClock, shifted
from tests.server.pages_kit import Visitor, visiting
from tests.server.serving_kit import served

__all__ = ["home", "run", "url"]

REPORT = """<testsuite name="pytest" timestamp="{at}" time="2"><testcase classname="t" name="good" time="0.5"/>
<testcase classname="t" name="sometimes" time="0.5">{failure}</testcase></testsuite>"""


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url, clock=FakeClock()) as opened:
        opened.record([*uses("pytest-run", *[DONE] * 8, *[FAILED] * 2), *uses("ruff-check", *[DONE] * 6)])
        try_tests(opened, "<failure/>", hours=2)
        try_tests(opened, "", hours=3)
        yield opened


def try_tests(store: Store, failure: str, *, hours: int) -> None:
    at = shifted(NOW, hours=-hours)
    parser = CiReports(commit="a" * 40).parser(f"{hours}.xml", user_id="u", written_at=at)
    parser.feed(REPORT.format(at=at, failure=failure).encode())
    store.record(parser.pause().invocations)


@pytest.fixture
def client(store: Store, tmp_path: Path) -> Iterator[Visitor]:
    with visiting(store, tmp_path) as visitor:
        yield visitor


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", []),
        ("?flaky=true", ["--flaky"]),
        ("?limit=1", ["--limit", "1"]),
        ("?since=2h&limit=5", ["--since", "2h", "--limit", "5"]),
        ("?since=2020-01-31", ["--since", "2020-01-31"]),
    ],
)
def test_tests_are_those_of_the_command(client: Visitor, run: Run, query: str, options: list[str]) -> None:
    told = client.get(f"/api/v1/ci/tests{query}")
    assert told.status_code == 200
    assert told.json() == run("ci", "tests", "--json", *options).json


def test_tests_have_flaky_ones_first(client: Visitor) -> None:
    told = client.get("/api/v1/ci/tests").json()
    assert (told["total"], told["flaky"], told["failing"]) == (2, 1, 1)
    assert [(one["test"], one["flaky"]) for one in told["tests"]] == [("t › sometimes", True), ("t › good", False)]
    assert [one["test"] for one in client.get("/api/v1/ci/tests?flaky=true").json()["tests"]] == ["t › sometimes"]


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("min_completion=0.9", ["--min-completion", "0.9"]),
        ("min_completion=0.8", ["--min-completion", "0.8"]),
        ("min_completion=0.9&min_uses=11", ["--min-completion", "0.9", "--min-uses", "11"]),
        ("min_completion=0.9&skill=RUFF-check", ["--min-completion", "0.9", "--skill", "RUFF-check"]),
        ("min_completion=1&skill=ruff-check&skill=ruff-check&since=3d", ["--min-completion", "1", "--skill",
         "ruff-check", "--since", "3d"]),
        ("no_new_anomaly=true", ["--no-new-anomaly"]),
    ],
)  # fmt: skip
def test_the_gate_is_that_of_the_command(client: Visitor, run: Run, query: str, options: list[str]) -> None:
    told = client.get(f"/api/v1/ci/gate?{query}")
    assert told.status_code == 200
    said = run("ci", "gate", "--json", *options)
    assert told.json() == said.json
    assert told.json()["passed"] == (said.code == 0)


def test_a_gate_that_is_shut_says_why(client: Visitor) -> None:
    told = client.get("/api/v1/ci/gate?min_completion=0.9").json()
    assert not told["passed"] and told["since"] == shifted(NOW, days=-7)
    assert [one["text"] for one in told["reasons"]] == ["pytest-run completed 9 of 12 uses (75 %), less than 90 %."]


def test_the_gate_only_reads_the_anomalies_that_the_server_found(url: str, tmp_path: Path) -> None:
    with open_store(url, clock=FakeClock()) as store, visiting(store, tmp_path) as client:
        for day in range(28, 0, -1):
            store.record(uses("pytest-run", *[DONE] * 40, start=shifted(NOW, days=-day)))
        store.record(uses("pytest-run", *[FAILED] * 40, start=shifted(NOW, hours=-6)))
        asked = "/api/v1/ci/gate?no_new_anomaly=true&since=24h"
        assert client.get(asked).json()["passed"]
        assert store.query("SELECT count(*) FROM skill_anomalies").rows == [(0,)]
        AnomalyWatch(store).step(NOW)
        told = client.get(asked).json()
        assert not told["passed"] and [one["skill_name"] for one in told["anomalies"]] == ["pytest-run"]


@pytest.mark.parametrize(
    ("address", "status", "field"),
    [
        ("gate", 422, "min_completion"),
        ("gate?no_new_anomaly=false&min_uses=9", 422, "min_completion"),
        ("gate?min_completion=90", 422, "min_completion"),
        ("gate?min_completion=nan", 422, "min_completion"),
        ("gate?min_completion=0.9&min_uses=0", 422, "min_uses"),
        ("gate?min_completion=0.9&since=soon", 422, "since"),
        ("gate?min_completion=0.9&since=2026-02-30", 422, "since"),
        ("gate?min_completion=0.9&" + "&".join(["skill=a"] * 101), 422, "skill"),
        ("gate?min_completion=0.9&skill=pytst-run", 404, None),
        ("tests?since=soon", 422, "since"),
        ("tests?since=" + "9" * 65, 422, "since"),
        ("tests?limit=0", 422, "limit"),
        ("tests?limit=1001", 422, "limit"),
        ("tests?flaky=perhaps", 422, "flaky"),
    ],
)
def test_what_means_nothing_is_refused_by_its_name(
    client: Visitor, address: str, status: int, field: str | None
) -> None:
    answer = client.get(f"/api/v1/ci/{address}")
    error = answer.json()["error"]
    assert (answer.status_code, error.get("field")) == (status, field)
    assert error["problem"] and error["remedy"]


def test_unlike_webhooks_they_want_a_token(tmp_path: Path) -> None:
    with served(tmp_path, needs_token=True) as server:
        for path in ("tests", "gate?min_completion=1"):
            assert server.client.get(f"/api/v1/ci/{path}").status_code == 401


def test_tests_that_take_long_to_read_are_remembered_by_what_was_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, seconds, reads = FakeClock(), [0.0], []

    def slow(*given: Any, **asked: Any) -> Any:
        reads.append(asked)
        seconds[0] += 1
        return read_tests(*given, **asked)

    class Site:
        def __init__(self) -> None:
            self.store, self.clock = store, clock

    monkeypatch.setattr("session_buddy.server.ci_reports.read_tests", slow)
    kept, site = Kept(lambda: seconds[0]), Site()
    first = remembered_tests(kept, site, since="30d", limit=5)
    clock.advance(seconds=5)
    assert remembered_tests(kept, site, since="30d", limit=5) is first and len(reads) == 1
    assert remembered_tests(kept, site, since="30d", limit=5, only_flaky=True).tests != first.tests
    seconds[0] += 30
    assert remembered_tests(kept, site, since="30d", limit=5).since == shifted(NOW, days=-30, seconds=5)
