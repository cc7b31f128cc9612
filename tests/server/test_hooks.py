"""Hooks over HTTP and through the script: kept at once, in the store in a moment, none lost by a kill."""

from __future__ import annotations

import gzip
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest

from session_buddy.cli.hearing import hook_folder
from session_buddy.cli.settings import Settings
from session_buddy.importers.base import FAULT
from session_buddy.importers.hooks import Sessions
from session_buddy.importers.hooks.events import HookEvent
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest.hooks import drain_hooks
from session_buddy.ingest.waiting import Waiting
from session_buddy.server.hooking import HookIntake
from session_buddy.server.site import BodyLimits
from session_buddy.server.tokens import Scope
from session_buddy.storage import open_store
from tests.server.process_kit import free_port, server_process
from tests.server.serving_kit import Served, served

PLACE = "/api/v1/hooks"
SCRIPT = Path(__file__).parents[2] / "plugin" / "scripts" / "spool-hook.sh"
RULES = ShellRules.builtin()


def told(name: str, call: str | None = None, **fields: Any) -> dict[str, Any]:
    tool = {"tool_name": "Bash", "tool_input": {"command": "pytest -q"}, "tool_use_id": call} if call else {}
    return {"session_id": "s1", "hook_event_name": name, "prompt_id": "p1", **tool, **fields}


def run_script(event: bytes, folder: Path) -> None:
    done = subprocess.run(["sh", str(SCRIPT), str(folder)], input=event, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    return Waiting(tmp_path_factory.mktemp("hooks"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, spool: Waiting) -> Iterator[Served]:
    limits = BodyLimits(body_bytes=50_000)
    with served(tmp_path_factory.mktemp("server"), hooks=HookIntake(spool, lambda: None), limits=limits) as running:
        yield running


def test_an_event_is_kept_before_it_is_answered_and_the_answer_is_empty(server: Served, spool: Waiting) -> None:
    before = spool.count()
    event = json.dumps(told("PreToolUse", "t1")).encode()
    answer = server.client.post(PLACE, content=event, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert spool.count() == before + 1
    assert spool.files()[-1][1].read_bytes() == event
    zipped = {"content-type": "application/json", "content-encoding": "gzip"}
    assert server.client.post(PLACE, content=gzip.compress(event), headers=zipped).status_code == 204
    assert spool.files()[-1][1].read_bytes() == event


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "no JSON"),
        (b"[]", "application/json", 422, "is no event of a hook"),
        (b'{"session_id": "s"}', "application/json", 422, "hook_event_name"),
        (b'{"session_id": "s", "hook_event_name": "Stop"}', "text/plain", 415, "text/plain"),
        (b" " * 60_000, "application/json", 413, "bytes"),
    ],
)
def test_what_is_no_event_is_refused_and_not_kept(
    server: Served, spool: Waiting, content: bytes, kind: str, status: int, said: str
) -> None:
    before = spool.count()
    answer = server.client.post(PLACE, content=content, headers={"content-type": kind})
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert spool.count() == before


def test_a_token_for_recording_is_enough(tmp_path: Path) -> None:
    with served(tmp_path, hooks=HookIntake(Waiting(tmp_path / "hooks"), lambda: None), needs_token=True) as server:
        assert server.client.post(PLACE, json=told("Stop")).status_code == 401
        for scope, status in ((Scope.INGEST, 204), (Scope.READ, 403)):
            token = server.tokens.create(scope, now=server.clock())
            headers = {"authorization": f"Bearer {token}"}
            assert server.client.post(PLACE, json=told("Stop"), headers=headers).status_code == status


def test_a_server_that_hears_no_hooks_says_so(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        answer = server.client.post(PLACE, json=told("Stop"))
        assert answer.status_code == 404
        assert "session-buddy serve" in answer.json()["error"]["remedy"]


def test_the_script_keeps_an_event_byte_for_byte_whatever_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "with a space" / "hooks"
    events = [
        json.dumps(told("Stop", prompt=text)).encode() for text in ("$(id) `id` \\n %s '\"", "ü🎉", "x" * 300_000)
    ]
    for event in events:
        run_script(event, folder)
    spool = Waiting(folder)
    assert [path.read_bytes() for _, path in spool.files()] == events
    assert {path.stat().st_mode & 0o777 for _, path in spool.files()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_script_never_fails_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(["sh", str(SCRIPT), str(tmp_path / "file" / "hooks")], input=b"{}", capture_output=True)
    assert done.returncode == 0


SHELLS = [(name, *options) for name, *options in (("sh",), ("dash",), ("bash",), ("bash", "--posix")) if which(name)]
"""A failed redirection ends some of them, and what they end with may forbid the agent what it is about to do."""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_script_never_fails_where_no_file_can_be_made(shell: tuple[str, ...]) -> None:
    # In /proc nobody can make a file, not even root.
    done = subprocess.run([*shell, str(SCRIPT), "/proc/self"], input=b"{}", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_the_script_leaves_a_file_of_an_earlier_process_of_its_number(shell: tuple[str, ...], tmp_path: Path) -> None:
    taken = 'printf old >"$1/$$-0.json"; printf older >"$1/$$-1.json"; shift; exec "$@"'
    command = ["sh", "-c", taken, "sh", str(tmp_path), *shell, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, input=b'{"new": 1}', capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old", b"older", b'{"new": 1}'}


def test_an_event_that_makes_the_reader_fail_is_set_aside_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Waiting(tmp_path / "hooks")
    for event in (told("Stop", session_id="fault"), told("PreToolUse", "t1"), told("PostToolUse", "t1")):
        spool.put(json.dumps(event).encode())
    reads = Sessions.read

    def failing(self: Sessions, event: HookEvent, at: str) -> list[str]:
        if event.session_id == "fault":
            raise TypeError("what it holds")
        return reads(self, event, at)

    monkeypatch.setattr(Sessions, "read", failing)
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        drained = drain_hooks(store, spool, user_id="u", rules=RULES)
        assert (drained.events, drained.bad_events, drained.recorded.added) == (2, 1, 1)
        ((reason,),) = store.query("SELECT reason FROM import_quarantine").rows
        assert reason == f"{FAULT} (TypeError); please report it."
        assert spool.is_empty()
    assert [path.suffix for path in spool.folder.glob("*.rejected")] == [".rejected"]


def test_scripts_side_by_side_never_mix(tmp_path: Path) -> None:
    events = {json.dumps(told("Stop", prompt=str(number) * 9_000)).encode() for number in range(40)}
    threads = [threading.Thread(target=run_script, args=(event, tmp_path)) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.read_bytes() for _, path in Waiting(tmp_path).files()} == events


@pytest.mark.long
def test_a_server_killed_in_the_middle_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent tells both the server and the script, as the plugin has it, while the server is killed."""
    settings = Settings()
    settings.store_url = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "data"))
    folder = hook_folder(settings)
    port = free_port()
    options = ("serve", "--port", str(port))
    events = [told(name, f"t{number}") for number in range(150) for name in ("PreToolUse", "PostToolUse")]
    answered = 0
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5)
    with server_process(tmp_path, options) as server, client:
        for number, event in enumerate(events):
            script = threading.Thread(target=run_script, args=(json.dumps(event).encode(), folder))
            script.start()
            try:
                answered += client.post(PLACE, json=event).status_code == 204
            except httpx.TransportError:
                assert number >= 100
            script.join()
            if number == 100:
                server.kill()
    assert 100 <= answered < len(events)
    with server_process(tmp_path, options):
        deadline = time.monotonic() + 60
        while Waiting(folder).count() and time.monotonic() < deadline:
            time.sleep(0.1)
    with open_store(settings.store_url) as store:
        counted = store.query("SELECT skill_name, outcome, count(*) FROM skill_invocation GROUP BY 1, 2").rows
        assert counted == [("pytest-run", "completed", 150)]
        assert store.drifted() == []


@pytest.mark.long
def test_ten_thousand_events_that_waited_are_read_once(tmp_path: Path) -> None:
    spool = Waiting(tmp_path / "hooks")
    for number in range(5_000):
        spool.put(json.dumps(told("PreToolUse", f"t{number}", session_id=f"s{number % 9}")).encode())
        spool.put(json.dumps(told("PostToolUse", f"t{number}", session_id=f"s{number % 9}")).encode())
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        assert drain_hooks(store, spool, user_id="u", rules=RULES).events == 10_000
        assert spool.count() == 0
        counted = store.query("SELECT outcome, count(*) FROM skill_invocation GROUP BY 1").rows
        assert counted == [("completed", 5_000)]
        assert drain_hooks(store, spool, user_id="u", rules=RULES).events == 0
        assert store.drifted() == []
