"""``ci tests`` and ``ci gate`` ask a real server where one is named, and say what they say of its store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.monitoring.watch import AnomalyWatch
from session_buddy.server.tokens import Scope
from tests.cli.conftest import DONE, FAILED, Run, uses
from tests.making import NOW, shifted
from tests.server.serving_kit import Served, served
from tests.server.test_ci_reading import try_tests


@pytest.fixture(autouse=True)
def outside_of_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("GITHUB_", "CI_", "SESSION_BUDDY_")):
            monkeypatch.delenv(name)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr("session_buddy.cli.asking_ci._PATIENCE_SECONDS", 0.2)
    folder = tmp_path / "served"
    folder.mkdir()
    with served(folder, needs_token=True) as running:
        running.store.record([*uses("pytest-run", *[DONE] * 8, *[FAILED] * 2), *uses("ruff-check", *[DONE] * 6)])
        try_tests(running.store, "<failure/>", hours=2)
        try_tests(running.store, "", hours=3)
        monkeypatch.setenv("SESSION_BUDDY_TOKEN", running.tokens.create(Scope.READ, name="ci", now=NOW))
        yield running


@pytest.mark.parametrize(
    "asked",
    [
        ["tests"],
        ["tests", "--flaky", "--since", "2w", "--limit", "1"],
        ["gate", "--min-completion", "0.9"],
        ["gate", "--min-completion", "0.7"],
        ["gate", "--min-completion", "0.9", "--min-uses", "13"],
        ["gate", "--min-completion", "0.9", "--skill", "RUFF-check", "--skill", "ruff-check", "--since", "24h"],
        ["gate", "--no-new-anomaly"],
        ["gate", "--min-completion", "0.9", "--skill", "pytst-run"],
    ],
)
def test_a_server_says_the_same_as_its_store(server: Served, run: Run, asked: list[str]) -> None:
    of_store = run("ci", *asked, store=server.store.url)
    of_server = run("ci", *asked, "--server", server.address, store=None)
    assert of_server == of_store
    as_json = run("ci", *asked, "--server", server.address, "--json", store=None)
    assert as_json == run("ci", *asked, "--json", store=server.store.url)


def test_the_variable_names_the_server_too(server: Served, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_BUDDY_SERVER", server.address)
    assert run("ci", "tests", "--json", store=None).json["total"] == 2
    shut = run("ci", "gate", "--min-completion", "0.9", store=None)
    assert shut.code == 1 and "pytest-run completed 9 of 12 uses (75 %), less than 90 %." in shut.out
    monkeypatch.setenv("SESSION_BUDDY_SERVER", "")
    assert run("ci", "tests", store=None).code == 3, "an empty one is none, and there is no store"


def test_a_server_is_not_made_to_look_for_anomalies(server: Served, run: Run) -> None:
    for day in range(28, 0, -1):
        server.store.record(uses("go-test", *[DONE] * 40, start=shifted(NOW, days=-day)))
    server.store.record(uses("go-test", *[FAILED] * 40, start=shifted(NOW, hours=-6)))
    asked = ("ci", "gate", "--no-new-anomaly", "--since", "24h", "--server", server.address)
    assert run(*asked, store=None).code == 0
    AnomalyWatch(server.store).step(NOW)
    assert run(*asked, store=None).code == 1


def test_what_a_server_refuses_is_told(server: Served, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    at = ("--server", server.address)
    soon = run("ci", "tests", "--since", "soon", *at, store=None)
    assert soon.code == 3 and "since: 'soon' is no span and no time." in soon.err
    assert run("ci", "gate", *at, store=None).code == 2
    assert run("ci", "tests", "--limit", "1001", *at, store=None).code == 3
    monkeypatch.setenv("SESSION_BUDDY_TOKEN", "sbk_wrong")
    refused = run("ci", "gate", "--min-completion", "0.9", *at, store=None)
    assert refused.code == 3 and "token" in refused.err
    assert run("ci", "tests", "--server", "nowhere", store=None).code == 3
    away = run("ci", "tests", "--server", "http://127.0.0.1:9", store=None)
    assert away.code == 3 and "The server cannot be reached" in away.err


def test_github_shows_what_a_server_says(
    server: Served, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    shut = run("ci", "gate", "--min-completion", "0.9", "--server", server.address, store=None)
    assert "::error title=Session-Buddy%3A min-completion::pytest-run" in shut.out
    assert "gate: shut" in (tmp_path / "summary.md").read_text()
