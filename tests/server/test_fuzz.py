"""The API against its own description, and against bytes that are no requests."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.sync.client import connect

from session_buddy.server.http_protocol import PatientHttpProtocol
from tests.making import many
from tests.server.serving_kit import Served, read_all, served
from tests.trials import run_trial

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# Valid by its schema is also a cursor that no list ever gave, a zone that does not exist, a time before the first:
# what is opaque or a name cannot be described further. For the body, of which all is described, it is checked.
_NOT_DESCRIBABLE = ["--exclude-checks", "positive_data_acceptance"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as server:
        server.store.record(many(200))
        server.store.refresh()
        run_trial(server.store, "semantic-or-workflow-aware", users=60)
        yield server


def schemathesis(server: Served, folder: Path, *options: str) -> None:
    command = [
        str(SCHEMATHESIS),
        "run",
        f"{server.address}/api/v1/openapi.json",
        "--checks",
        "all",
        "--seed",
        "1",
        "--no-color",
        "--generation-database",
        "none",
        "--request-timeout",
        "60",
        *options,
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.server.fuzz_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Tested: " in done.stdout, done.stdout


@pytest.mark.long
def test_what_is_sent_by_the_description_is_answered_by_it(one_server: Served, tmp_path: Path) -> None:
    schemathesis(one_server, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "4", *_NOT_DESCRIBABLE)


@pytest.mark.long
def test_every_body_that_fits_the_description_is_recorded(one_server: Served, tmp_path: Path) -> None:
    schemathesis(
        one_server, tmp_path, "--phases", "fuzzing", "--max-examples", "12", "--include-operation-id", "record"
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_same_at_length(one_server: Served, tmp_path: Path) -> None:
    schemathesis(one_server, tmp_path, "--max-examples", "20", *_NOT_DESCRIBABLE)
    schemathesis(
        one_server, tmp_path, "--phases", "fuzzing", "--max-examples", "60", "--include-operation-id", "record"
    )


def garbage(rnd: random.Random) -> bytes:
    """Return bytes that are no request, or nearly one."""
    request = (
        b"POST /api/v1/invocations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: 20\r\n\r\n" + b"[" * 20
    )
    kind = rnd.randrange(5)
    if kind == 0:
        return rnd.randbytes(rnd.randrange(1, 2_000))
    if kind == 1:
        return request[: rnd.randrange(len(request))]
    if kind == 2:
        changed = bytearray(request)
        for _ in range(rnd.randrange(1, 10)):
            changed[rnd.randrange(len(changed))] = rnd.randrange(256)
        return bytes(changed)
    if kind == 3:
        return b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * rnd.randrange(20_000)
    return (
        b"GET /api/v1/live HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" + rnd.randbytes(300)
    )


def test_bytes_that_are_no_requests_cost_their_sender_the_connection_and_nobody_else(
    one_server: Served, caplog: pytest.LogCaptureFixture
) -> None:
    rnd = random.Random(7)
    one_server.client.get("/healthz")
    before = _open_files(), threading.active_count()
    for _ in range(150):
        with socket.create_connection(("127.0.0.1", one_server.port), timeout=20) as connection:
            try:
                connection.sendall(garbage(rnd))
                connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError, OSError):
                continue  # it has hung up already
            answer = read_all(connection)
            assert b" 500 " not in answer.partition(b"\r\n")[0]
    assert one_server.client.get("/healthz").status_code == 200
    assert one_server.client.get("/api/v1/skills").status_code == 200
    faults = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert faults == []
    after = _open_files(), threading.active_count()
    assert after[0] <= before[0] + 5
    assert after[1] <= before[1] + 5


class TestSlowHeads:
    @pytest.fixture
    def address(self, one_server: Served, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
        monkeypatch.setattr(PatientHttpProtocol, "head_seconds", 0.3)
        return "127.0.0.1", one_server.port

    @pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nhost: localhost\r\n"])
    def test_a_request_that_is_never_ended_is_not_waited_for(self, address: tuple[str, int], sent: bytes) -> None:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(sent)
            assert read_all(connection) == b""

    def test_nor_is_one_that_follows_others(self, address: tuple[str, int]) -> None:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /")
            assert read_all(connection).count(b"HTTP/1.1 200 ") == 1

    def test_a_socket_stays(self, address: tuple[str, int]) -> None:
        with connect(f"ws://{address[0]}:{address[1]}/api/v1/live") as live:
            time.sleep(1.5)
            live.send('{"type":"ping"}')
            assert json.loads(live.recv(timeout=20)) == {"type": "pong"}

    def test_an_answer_may_take_its_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PatientHttpProtocol, "head_seconds", 0.3)

        async def slow(_: Request) -> Response:
            await asyncio.sleep(1.5)
            return Response("at last")

        with served(tmp_path, routes=[Route("/slow", slow)]) as server:
            assert server.client.get("/slow").text == "at last"


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0
