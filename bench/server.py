"""The server over HTTP: recording, beside recording straight into a store of the same kind; and reading.

The server is a process of its own, its callers are threads of this one, so both sides share the machine: what is
measured is what a caller sees.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

import msgspec

from bench.generated import generated
from bench.measuring import quantile, show
from session_buddy.storage import open_store

RECORDING = ((1, 1), (16, 1), (64, 1), (1, 1_000), (4, 1_000), (2, 10_000))
"""Callers and invocations at once."""
READING = ("/api/v1/skills", "/api/v1/sessions", "/api/v1/invocations", "/api/v1/health", "/metrics", "/")
JSON = {"content-type": "application/json"}


def run(seconds: int = 5, events: int = 100_000) -> None:
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as name, _server(Path(name)) as (folder, port):
        rows = []
        for callers, size in RECORDING:
            taken = _called(port, callers, seconds, _recorder(size))
            ours = len(taken) * size / seconds
            direct = _direct(folder, size, seconds / 2)
            rows.append(
                (
                    f"{callers} × {size:,}",
                    f"{ours:,.0f}",
                    f"{direct:,.0f}",
                    f"{ours / direct:.2f}",
                    f"{quantile(taken, 0.5) * 1000:.1f} / {quantile(taken, 0.99) * 1000:.1f} ms",
                )
            )
        columns = (
            "callers × invocations at once",
            "server, events/s",
            "store, one writer, events/s",
            "ratio",
            "p50/p99",
        )
        show("Recording over HTTP, durable when answered", columns, rows)
        _fill(port, events)
        shown = []
        for path in READING:
            taken = _called(port, 1, max(1, seconds // 2), lambda connection, path=path: _get(connection, path))
            shown.append((path, f"{quantile(taken, 0.5) * 1000:.1f}", f"{quantile(taken, 0.99) * 1000:.1f}"))
        show(f"Reading over HTTP, one caller, {events:,} events and more", ("path", "p50, ms", "p99, ms"), shown)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[Path, int]]:
    command = [sys.executable, "-m", "session_buddy", "--store", f"sqlite:///{folder / 'store.db'}"]
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = subprocess.Popen(
        [*command, "serve", "--port", "0"], env=os.environ | home, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        yield folder, int(process.stderr.readline().split("://")[1].split()[0].rpartition(":")[2])
    finally:
        process.terminate()
        process.wait()


Call = Callable[[http.client.HTTPConnection], None]
_numbers = count()


def _recorder(size: int) -> Call:
    template = list(generated(size, seed=size))

    def call(connection: http.client.HTTPConnection) -> None:
        number = next(_numbers)
        batch = [msgspec.structs.replace(one, event_id=f"{number}-{place}") for place, one in enumerate(template)]
        _send(connection, "POST", "/api/v1/invocations", msgspec.json.encode(batch))

    return call


def _called(port: int, callers: int, seconds: float, call: Call) -> list[float]:
    """Return the seconds that each call took, sorted; *callers* call again and again for *seconds*."""
    taken: list[float] = []
    until = time.perf_counter() + seconds

    def caller() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while (began := time.perf_counter()) < until:
            call(connection)
            taken.append(time.perf_counter() - began)
        connection.close()

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(taken)


def _direct(folder: Path, size: int, seconds: float) -> float:
    """Return the invocations a second that one caller of a store records, *size* at once."""
    with open_store(f"sqlite:///{folder / f'direct-{size}.db'}") as store:
        source = generated(10_000_000, seed=7)
        recorded, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            store.record(list(islice(source, size)))
            recorded += size
        return recorded / (time.perf_counter() - began)


def _fill(port: int, events: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    source = generated(events, seed=11)
    while batch := list(islice(source, 10_000)):
        _send(connection, "POST", "/api/v1/invocations", msgspec.json.encode(batch))
    connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> None:
    _send(connection, "GET", path, None)


def _send(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> None:
    connection.request(method, path, body, JSON if body else {})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status in (200, 202), content[:500]
