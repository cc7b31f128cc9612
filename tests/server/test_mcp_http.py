"""MCP at ``/mcp`` of a server: the answers of the API in the same words, who may what, and what cannot harm it."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from session_buddy.experiments import Experiments
from session_buddy.server.mcp import http
from session_buddy.server.mcp.answers import lean
from session_buddy.server.security import scope_needed
from session_buddy.server.site import BodyLimits
from session_buddy.server.tokens import Scope
from session_buddy.storage import open_store
from tests.making import NOW, invocation, many
from tests.server.process_kit import server_process
from tests.server.serving_kit import Served, served

HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
TWO = ["skill-1", "skill-2"]
START = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


def message(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def ask(client: httpx.Client, tool: str, token: str | None = None, **arguments: Any) -> Any:
    """Return what *tool* answers; the words of an error, where it is one."""
    given = HEADERS | ({"authorization": f"Bearer {token}"} if token else {})
    response = client.post("/mcp", json=message(tool, arguments), headers=given)
    assert response.status_code == 200, response.text
    result = response.json()["result"]
    return result["content"][0]["text"] if result.get("isError") else result["structuredContent"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("mcp"), user_id="me") as running:
        running.store.record(many(900, skills=8))
        running.store.refresh()
        experiments = Experiments(running.store, clock=running.clock)
        experiments.create("trial", actor="t", control_strategy="a", treatment_strategy="b")
        experiments.start("trial", actor="t")
        yield running


@pytest.mark.parametrize(
    ("tool", "arguments", "path", "rows"),
    [
        ("search_skills", {"question": "skill 3", "limit": 2}, "/search?question=skill 3&limit=2", "skills"),
        ("recommend_skills", {"session": "session-1"}, "/recommendations?session=session-1&limit=6", "skills"),
        ("predict_success", {"skill": "skill-1"}, "/prediction?skill=skill-1", None),
        ("skill_stats", {"skill": "skill-1"}, "/skills/skill-1", None),
        ("skill_stats", {"order": "failures", "limit": 3}, "/skills?order=failures&limit=3", "skills"),
        ("list_anomalies", {}, "/anomalies?open=true", "anomalies"),
        ("compare_skills", {"skills": TWO}, "/catalog/compare?skill=skill-1&skill=skill-2", "skills"),
        ("session_summary", {"session": "session-1"}, "/sessions/session-1", "steps"),
        ("experiment_variant", {"experiment": "trial"}, "/experiments/trial/assignments?user_id=me", None),
    ],
)  # fmt: skip
def test_tools_answer_what_the_api_answers(
    server: Served, tool: str, arguments: dict[str, Any], path: str, rows: str | None
) -> None:
    answer = ask(server.client, tool, **arguments)
    told = lean(server.client.get(f"/api/v1{path}").json())
    if rows:
        assert answer[rows] == told.get(rows, [])[: len(answer[rows])]
        assert answer[rows] or tool == "list_anomalies"
    else:
        shared = answer.keys() & told.keys()
        assert len(shared) >= 3
        assert {name: answer[name] for name in shared} == {name: told[name] for name in shared}


def test_a_token_for_reading_reads_and_does_not_record(tmp_path: Path) -> None:
    with served(tmp_path, needs_token=True) as running:
        running.store.record([invocation("e1")])
        tokens = {scope: running.tokens.create(scope, now=NOW) for scope in Scope}
        use = {"event_id": "e2", "skill": "x", "outcome": "completed"}
        assert running.client.post("/mcp", json=message("skill_stats", {}), headers=HEADERS).status_code == 401
        ingesting = HEADERS | {"authorization": f"Bearer {tokens[Scope.INGEST]}"}
        assert running.client.post("/mcp", json=message("skill_stats", {}), headers=ingesting).status_code == 403
        assert ask(running.client, "skill_stats", tokens[Scope.READ])["total"] == 1
        for tool, arguments in (("record_outcome", use), ("rate_skill", {"event_id": "e1", "rating": 3})):
            assert "token create --scope admin" in ask(running.client, tool, tokens[Scope.READ], **arguments)
        assert running.store.query("SELECT count(*), max(rating) FROM skill_invocation").rows == [(1, None)]
        assert ask(running.client, "record_outcome", tokens[Scope.ADMIN], **use)["receipt"] == "stored"


def test_what_scope_it_needs() -> None:
    assert scope_needed("POST", "/mcp") is Scope.READ
    assert scope_needed("DELETE", "/mcp") is Scope.ADMIN


def test_there_is_no_stream_to_wait_on_and_no_session_to_end(server: Served) -> None:
    for method in ("GET", "DELETE"):
        answer = server.client.request(method, "/mcp", headers=HEADERS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_body_that_does_not_come_keeps_nobody_waiting(tmp_path: Path) -> None:
    with served(tmp_path, limits=BodyLimits(body_seconds=0.3)) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as connection:
            connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{")
            assert b" 408 " in connection.recv(65_536).split(b"\r\n")[0]
        assert running.client.post("/mcp", content=b"x" * (2 << 20), headers=HEADERS).status_code == 413


def test_where_the_sdk_cannot_be_loaded_every_request_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ImportError("no SDK")

    monkeypatch.setattr(http, "_load", broken)
    with served(tmp_path) as running:
        for _ in range(2):
            assert running.client.post("/mcp", json=message("skill_stats", {}), headers=HEADERS).status_code == 500
        assert running.client.get("/healthz").status_code == 200


class Pipes:
    """A ``session-buddy mcp`` of its own, asked line by line."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "session_buddy", "--store", url, "mcp"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True,
        )  # fmt: skip
        self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": START})
        assert "serverInfo" in self.answer()["result"]
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, told: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def ask(self, tool: str, **arguments: Any) -> Any:
        self.send(message(tool, arguments))
        result = self.answer()["result"]
        return result["content"][0]["text"] if result.get("isError") else result["structuredContent"]


@pytest.mark.long
def test_an_agent_with_a_process_of_its_own_records_beside_a_running_server(tmp_path: Path) -> None:
    """Both write; what was acknowledged is there though the agent's process is killed, and the server sees it."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    open_store(url).close()
    environment = {"HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "home" / "data"), "PATH": "/usr/bin"}
    with server_process(tmp_path, store=url) as server:
        pipes = Pipes(url, environment)
        with httpx.Client(base_url=server.address, timeout=30) as client:
            for number in range(20):
                use = {"skill": "deploy", "outcome": "completed"}
                assert pipes.ask("record_outcome", event_id=f"p{number}", **use)["receipt"] == "stored"
                assert ask(client, "record_outcome", event_id=f"h{number}", **use)["receipt"] == "stored"
            pipes.process.kill()
            pipes.process.communicate()
            assert ask(client, "skill_stats", skill="deploy")["invocations"] == 40
            users = sqlite3.connect(tmp_path / "store.db").execute("SELECT DISTINCT user_id FROM skill_invocation")
            assert all(len(user) == 16 for (user,) in users), "keyed hashes, over both ways"


@pytest.mark.long
def test_a_store_that_one_process_can_have_says_whom_to_ask_instead(tmp_path: Path) -> None:
    url = f"chdb:///{tmp_path / 'store'}"
    environment = {"HOME": str(tmp_path / "home"), "XDG_DATA_HOME": str(tmp_path / "home" / "data"), "PATH": "/usr/bin"}
    with server_process(tmp_path, store=url):
        pipes = Pipes(url, environment)
        began = time.monotonic()
        said = pipes.ask("skill_stats")
        assert "/mcp" in said and "one at a time" in said
        assert time.monotonic() - began < 30
        pipes.process.kill()
        pipes.process.communicate()
