"""What an agent waits for: hooks over HTTP, and the script that keeps an event for later; then how fast that is read.

The server is the command ``session-buddy serve`` in a process of its own, asked over one connection, as agents do. The
script is timed as a whole process beside one that does nothing, so that what is left is its own time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.measuring import quantile, show, timed
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest.hooks import drain_hooks
from session_buddy.ingest.waiting import Waiting
from session_buddy.storage import open_store

_SCRIPT = Path(__file__).resolve().parents[1] / "plugin" / "scripts" / "spool-hook.sh"
_POSTS = 4_000
_RUNS = 300
_WAITING = 10_000


def run() -> None:
    show("Hooks: what an agent waits for (ms)", ["what", "p50", "p99", "times"], [*_over_http(), *_by_script()])
    show("Hooks that waited", ["events", "seconds", "events/s"], [_read_later()])


def _event(number: int, name: str, size: int = 2_000) -> bytes:
    told: dict[str, Any] = {
        "session_id": f"session-{number % 5}", "hook_event_name": name, "prompt_id": f"prompt-{number // 50}",
        "cwd": "/srv/project", "tool_name": "Bash", "tool_use_id": f"call-{number}",
        "tool_input": {"command": "pytest -q", "description": "Run the tests"},
    }  # fmt: skip
    if name == "PostToolUse":
        told |= {"tool_response": {"stdout": "x" * size, "stderr": ""}, "duration_ms": 1_234}
    return json.dumps(told).encode()


def _over_http() -> list[list[str]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "HOME": folder, "XDG_DATA_HOME": f"{folder}/data", "XDG_CONFIG_HOME": f"{folder}/config",
            "CLAUDE_CONFIG_DIR": f"{folder}/claude",
        }  # fmt: skip
        command = [sys.executable, "-m", "session_buddy", "serve", "--port", "0"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr
            address = server.stderr.readline().split()[3]
            host, _, port = address.removeprefix("http://").partition(":")
            with closing(HTTPConnection(host, int(port))) as client:
                for size in (2_000, 200_000):
                    taken = sorted(_posted(client, number, size) for number in range(_POSTS))
                    rows.append(_row(f"HTTP, {size / 1000:g} kB a result", taken))
            server.terminate()
    return rows


def _posted(client: HTTPConnection, number: int, size: int) -> float:
    event = _event(number // 2, "PostToolUse" if number % 2 else "PreToolUse", size)
    began = time.perf_counter()
    client.request("POST", "/api/v1/hooks", event, {"content-type": "application/json"})
    answer = client.getresponse()
    answer.read()
    assert answer.status == 204, answer.status
    return time.perf_counter() - began


def _by_script() -> list[list[str]]:
    event = _event(1, "PostToolUse")
    with tempfile.TemporaryDirectory() as folder:
        nothing, script = [], []
        for _ in range(_RUNS):  # by turns, so that both see the same load
            nothing += timed(lambda: _ran(["sh", "-c", ":"], event), 1)
            script += timed(lambda: _ran(["sh", str(_SCRIPT), folder], event), 1)
    own = [one - quantile(sorted(nothing), 0.5) for one in script]
    return [_row("a shell that does nothing", sorted(nothing)), _row("the script, beyond that", sorted(own))]


def _ran(command: list[str], event: bytes) -> None:
    subprocess.run(command, input=event, check=True)


def _read_later() -> list[str]:
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/store.db") as store:
        spool = Waiting(Path(folder) / "hooks")
        for number in range(_WAITING // 2):
            spool.put(_event(number, "PreToolUse"))
            spool.put(_event(number, "PostToolUse"))
        rules = ShellRules.builtin()
        (seconds,) = timed(lambda: drain_hooks(store, spool, user_id="u", rules=rules), 1)
        ((rows,),) = store.query("SELECT count(*) FROM skill_invocation").rows
        assert (spool.count(), rows) == (0, _WAITING // 2)
    return [f"{_WAITING:,}", f"{seconds:.2f}", f"{_WAITING / seconds:,.0f}"]


def _row(what: str, taken: list[float]) -> list[str]:
    ordered = sorted(taken)
    return [what, f"{quantile(ordered, 0.5) * 1e3:.2f}", f"{quantile(ordered, 0.99) * 1e3:.2f}", f"{len(ordered):,}"]
