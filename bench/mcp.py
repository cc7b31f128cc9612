"""How long an agent waits for the MCP server to start: from the start of the process to the first answer."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time

from bench.measuring import quantile, show
from session_buddy.storage import open_store

_RUNS = 15
_INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}},
}  # fmt: skip
_READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_ASKED = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "skill_stats", "arguments": {}}}


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        open_store(url).close()
        bare, started, asked = [], [], []
        for _ in range(_RUNS):  # by turns, so that all see the same load
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            bare.append(time.perf_counter() - began)
            first, second = _timed(url)
            started.append(first)
            asked.append(second)
    rows = [
        (name, *(f"{value * 1000:.0f}" for value in (quantile(sorted(taken), 0.5), min(taken), max(taken))))
        for name, taken in (("python -c pass", bare), ("to 'initialize'", started), ("to the first tool", asked))
    ]
    show(f"session-buddy mcp, {_RUNS} starts (ms)", ("from the start of the process", "median", "best", "worst"), rows)


def _timed(url: str) -> tuple[float, float]:
    began = time.perf_counter()
    command = [sys.executable, "-m", "session_buddy", "--store", url, "mcp"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin and server.stdout
        server.stdin.write(json.dumps(_INITIALIZE) + "\n")
        server.stdin.flush()
        assert "serverInfo" in server.stdout.readline()
        first = time.perf_counter() - began
        server.stdin.write(json.dumps(_READY) + "\n" + json.dumps(_ASKED) + "\n")
        server.stdin.flush()
        assert "structuredContent" in server.stdout.readline()
        second = time.perf_counter() - began
        server.stdin.close()
    return first, second
