"""``serve``, ``exporter``, and what ``up`` does after its overview."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from session_buddy.cli.commands.serving import open_browser
from session_buddy.server.doors import DEFAULT_PORT, Door
from session_buddy.server.tokens import Scope, TokenFile
from tests.cli.conftest import Run
from tests.making import NOW


class Served:
    """What the server was told to serve."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, store: Any, door: Door, **options: Any) -> None:
        self.calls.append(options | {"store": store.url, "door": door})

    @property
    def only(self) -> dict[str, Any]:
        (call,) = self.calls
        return call


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    calls = Served()
    monkeypatch.setattr("session_buddy.server.serving.serve", calls)
    return calls


def test_it_serves_the_store_to_this_machine(run: Run, served: Served, url: str, home: Path) -> None:
    assert run("serve").code == 0
    assert served.only["store"] == url
    assert served.only["door"] == Door("127.0.0.1", DEFAULT_PORT) == Door()
    assert served.only["spool_folder"].is_relative_to(home / "data")
    assert served.only["transcripts"].roots()[0] == home / ".claude" / "projects"


def test_what_it_follows_is_imported(run: Run, transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def imported(store: Any, door: Door, **options: Any) -> None:
        options["transcripts"].import_paths([transcript], lambda *_: None)

    monkeypatch.setattr("session_buddy.server.serving.serve", imported)
    run("serve", "--user", "somebody")
    assert run("status", "--json").json["invocations"] == 3


def test_up_serves_after_its_overview(run: Run, served: Served, filled: object) -> None:
    told = run("up", "--no-browser", "--port", "1234")
    assert "Most used" in told.out
    assert served.only["door"].port == 1234


@pytest.mark.parametrize("option", ["--once", "--json"])
def test_up_can_end_after_its_overview(run: Run, served: Served, filled: object, option: str) -> None:
    assert run("up", option).code == 0
    assert served.calls == []


@pytest.mark.parametrize("screen", [True, False])
def test_a_browser_is_opened_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch, screen: bool) -> None:
    opened: list[str] = []
    is_open = threading.Event()

    def open_(address: str) -> None:
        opened.append(address)
        is_open.set()

    monkeypatch.setattr("webbrowser.open", open_)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", ":0")
    else:
        monkeypatch.delenv("DISPLAY", raising=False)
    open_browser("http://127.0.0.1:8765")
    if screen:
        assert is_open.wait(20)
    assert opened == (["http://127.0.0.1:8765"] if screen else [])


@pytest.mark.parametrize("command", ["serve", "exporter", "up"])
def test_other_machines_are_let_in_with_a_token_only(run: Run, served: Served, filled: object, command: str) -> None:
    told = run(command, "--host", "0.0.0.0")
    assert told.code == 3
    assert "session-buddy token create" in told.err
    assert served.calls == []


def test_the_exporter_serves_metrics_of_a_store_that_is_there(
    run: Run, monkeypatch: pytest.MonkeyPatch, filled: object, home: Path
) -> None:
    calls: list[tuple[Any, ...]] = []

    def exported(store: Any, host: str, port: int, **options: Any) -> None:
        calls.append((host, port, options["max_skills"]))
        options["on_ready"]("http://[::1]:1")

    monkeypatch.setattr("session_buddy.server.exporting.run_exporter", exported)
    TokenFile(home / "data" / "session-buddy" / "tokens.json").create(Scope.READ, now=NOW)
    told = run("exporter", "--host", "::", "--port", "1", "--max-skills", "7")
    assert (told.code, calls) == (0, [("::", 1, 7)])
    assert "Metrics at http://[::1]:1/metrics" in told.err


def test_the_exporter_makes_no_store(run: Run) -> None:
    told = run("exporter")
    assert told.code == 3
    assert "There is no store" in told.err


@pytest.mark.parametrize("command", ["serve", "up"])
def test_how_many_skills_have_names_in_the_metrics_is_an_option_and_a_setting(
    run: Run, served: Served, filled: object, command: str
) -> None:
    run(command)
    run(command, "--max-skills", "7")
    assert run("settings", "set", "metrics_max_skills", "50").code == 0
    run(command)
    run(command, "--max-skills", "7")
    assert [call["max_skills"] for call in served.calls] == [200, 7, 50, 7]


def test_the_exporter_goes_by_the_setting_too(run: Run, monkeypatch: pytest.MonkeyPatch, filled: object) -> None:
    calls: list[int] = []
    monkeypatch.setattr(
        "session_buddy.server.exporting.run_exporter", lambda *_, **options: calls.append(options["max_skills"])
    )
    run("exporter")
    run("settings", "set", "metrics_max_skills", "50")
    run("exporter")
    run("exporter", "--max-skills", "7")
    assert calls == [200, 50, 7]


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_a_number_of_skills_that_is_none_is_refused(run: Run, filled: object, value: str) -> None:
    refused = run("settings", "set", "metrics_max_skills", "--", value)
    assert (refused.code, refused.out) == (3, "")
    assert f"metrics_max_skills: {value!r} is no number of skills." in refused.err


@pytest.mark.parametrize("command", ["serve", "exporter", "up"])
def test_a_port_that_is_taken_is_named_with_what_to_do(run: Run, filled: object, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(command, "--port", str(port), *(["--no-browser"] if command == "up" else []))
    assert told.code == 3
    problem, remedy = told.err.splitlines()[-2:]
    assert problem == f"port: {port} of 127.0.0.1 is taken: another program listens there."
    assert remedy.startswith("Give another --port (0: any that is free), or end that program.")
