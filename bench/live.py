"""The live feed: from an invocation to the client that hears of it, and how many clients hear how much.

Servers and clients are processes of their own. A bare ``websockets`` server that broadcasts the same text takes turns
with the feed, so that a slow moment of the machine strikes both. The feed rests as long as it has written, so that
other requests get their turn: with a message a write it reaches half of what it could at most; under pressure it puts
more into each write instead.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import msgspec

from bench.live_clients import Crowd, connected
from bench.live_servers import HEAVY, bare, feed_only, stamped, whole
from bench.measuring import quantile, show

ROUNDS = 3
WINDOW_SECONDS = 4.0
SENDERS = 16
BATCH = 100
SKILLS = 50


def run(clients: int = 1_000, rate: int = 2_000, seconds: int = 30) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(16_384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    _fan_out(clients)
    _stalled(clients)
    _end_to_end(clients, rate, seconds)


def _fan_out(clients: int, messages: int = 50) -> None:
    """Print how many messages a second reach *clients*, who all hear everything."""
    ways: dict[str, tuple[Callable[..., None], tuple[Any, ...], str | None, int]] = {
        "bare websockets, broadcast": (bare, (), None, messages),
        "feed, a message a write": (feed_only, (None, 0.0), "all", messages),
        "feed, as it comes": (feed_only, (), "all", 10 * messages),
        "feed through ASGI's send": (feed_only, ("websockets-sansio", 0.0), "all", messages),
    }
    wall: dict[str, list[float]] = {way: [] for way in ways}
    worked: dict[str, list[float]] = {way: [] for way in ways}
    sizes: dict[str, float] = {}
    joined: dict[str, str] = {}
    for _ in range(ROUNDS):
        for way, (server, arguments, topic, count) in ways.items():
            with _process(server, *arguments) as (pipe, port, _):
                crowd = Crowd(port, [topic] * clients)
                _wait_for(pipe, clients)
                crowd.read(lambda crowd=crowd, topic=topic: topic is None or crowd.frames >= clients)
                before, size = crowd.frames, crowd.size_bytes
                pipe.send(("tell", count, count == messages))
                crowd.read(pipe.poll, quiet_seconds=0.005)
                took, cpu, writes = pipe.recv()
                expected = before + clients * count
                crowd.read(lambda crowd=crowd, expected=expected: crowd.frames >= expected)
                assert crowd.frames == expected, "a message is missing, or came twice"
                wall[way].append(clients * count / took)
                worked[way].append(clients * count / cpu)
                sizes[way] = (crowd.size_bytes - size) / (clients * count)
                joined[way] = f"{clients * count / writes:.1f}" if writes else "1"
                crowd.close()
    base, base_cpu = wall["bare websockets, broadcast"], worked["bare websockets, broadcast"]
    show(
        f"Fan-out to {clients:,} clients, {messages} messages, median of {ROUNDS} rounds that take turns",
        ("way", "messages/s", "ratio", "messages per CPU second", "ratio", "messages a write", "bytes each"),
        [
            (
                way,
                f"{median(wall[way]):,.0f}",
                f"{median(a / b for a, b in zip(wall[way], base, strict=True)):.2f}",
                f"{median(worked[way]):,.0f}",
                f"{median(a / b for a, b in zip(worked[way], base_cpu, strict=True)):.2f}",
                joined[way],
                f"{sizes[way]:.0f}",
            )
            for way in ways
        ],
    )


def _stalled(clients: int, every: float = 0.1, windows: int = 12) -> None:
    """Print what one client that reads nothing does to the others: windows with and without it take turns.

    One pause of the machine makes the 99th percentile of all windows together; the median of the windows' own is what
    a client does to them.
    """
    ages: dict[bool, list[float]] = {False: [], True: []}
    tails: dict[bool, list[float]] = {False: [], True: []}
    with _process(feed_only) as (pipe, port, pid):
        crowd = Crowd(port, ["skill:skill-1"] * clients, probes=50)
        _wait_for(pipe, clients)
        crowd.read(lambda: crowd.frames >= clients)
        rss = _rss(pid)
        for window in range(2 * windows):
            # Twice two of a kind: neither is always first.
            with_it = window % 4 in (1, 2)
            topics = ("skill:skill-1", f"skill:{HEAVY}")
            stalled = connected(port, *topics, receive_buffer=4_096) if with_it else None
            _wait_for(pipe, clients + with_it)
            pipe.send(("burden", 100))
            crowd.read(pipe.poll)
            assert pipe.recv() == with_it, "only the stalled client is behind, and it is"
            crowd.ages_ms.clear()
            pipe.send(("tick", WINDOW_SECONDS, every))
            crowd.read(pipe.poll)
            pipe.recv()
            ages[with_it] += crowd.ages_ms
            tails[with_it].append(quantile(sorted(crowd.ages_ms), 0.99))
            if stalled:
                stalled.close()
        grown = _rss(pid) - rss
        crowd.close()
    rows = []
    for with_it, found in ages.items():
        found.sort()
        rows.append(
            (
                "one stalled" if with_it else "none stalled",
                f"{quantile(found, 0.5):.1f}",
                f"{quantile(found, 0.99):.1f}",
                f"{median(tails[with_it]):.2f}",
                f"{len(found):,}",
            )
        )
    show(
        f"Publish to client, {1 / every:.0f} deltas/s to {clients:,} clients, {WINDOW_SECONDS:.0f} s in turns:"
        f" p99 of a window {median(tails[True]) / median(tails[False]) - 1:+.1%},"
        f" memory of the server {grown:+,.1f} MB",
        ("", "p50 ms", "p99 ms", "median p99 of a window, ms", "heard by 50 of them"),
        rows,
    )


def _end_to_end(clients: int, rate: int, seconds: int) -> None:
    """Print how old an invocation is when a client hears of it: sent over HTTP, stored, followed, told."""
    rows = []
    for count in (10, clients):
        with (
            tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder,
            _process(whole, folder) as (_, url, pid),
        ):
            port = int(url.rpartition(":")[2])
            topics = ["all"] * 2 + [f"skill:skill-{number % SKILLS}" for number in range(count - 2)]
            crowd = Crowd(port, topics, probes=2)
            crowd.read(lambda crowd=crowd, count=count: crowd.frames >= count)
            rss, frames, worked = _rss(pid), crowd.frames, _cpu_seconds(pid)
            with _process(send_steadily, url, rate, seconds) as (sending, _, _):
                crowd.read(sending.poll)
                sent, took = sending.recv()
            cpu, told = (_cpu_seconds(pid) - worked) / took, (crowd.frames - frames) / took
            end = time.monotonic() + 30
            crowd.read(lambda crowd=crowd, sent=sent, end=end: len(crowd.ages_ms) >= 2 * sent or time.monotonic() > end)
            found = sorted(crowd.ages_ms)
            rows.append(
                (
                    f"{count:,}",
                    f"{sent / took:,.0f}",
                    f"{len(found) / 2 / sent:.1%}",
                    crowd.snapshots - 2,
                    f"{quantile(found, 0.5):.0f}",
                    f"{quantile(found, 0.99):.0f}",
                    f"{found[-1]:.0f}",
                    f"{told:,.0f}",
                    f"{cpu:.2f}",
                    f"{rss:.0f}",
                    f"{_rss(pid):.0f}",
                )
            )
            crowd.close()
    show(
        f"Invocation to client: {rate:,} invocations/s for {seconds} s through the whole server; 2 clients hear"
        f" everything, the others one of {SKILLS} skills",
        (
            "clients",
            "stored/s",
            "heard",
            "snapshots",
            "p50 ms",
            "p99 ms",
            "worst ms",
            "messages/s",
            "CPUs",
            "MB before",
            "MB after",
        ),
        rows,
    )


def send_steadily(pipe: Connection, url: str, rate: int, seconds: int) -> None:
    """Send invocations at a steady rate, each stamped with the moment at which it was due; tell how many, how long.

    A process of its own, so that it takes no time from the clients that listen.
    """
    batches, lock = iter(range(rate * seconds // BATCH)), threading.Lock()
    sent = 0

    def send() -> None:
        nonlocal sent
        while True:
            with lock:
                number = next(batches, None)
            if number is None:
                return
            due = began + number * BATCH * 1_000_000_000 // rate
            time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            client.post("/api/v1/invocations", content=_batch(number, due), headers=_JSON).raise_for_status()
            with lock:
                sent += BATCH

    with httpx.Client(base_url=url, timeout=30, limits=httpx.Limits(max_connections=SENDERS)) as client:
        client.get("/healthz").raise_for_status()
        began = time.monotonic_ns()
        threads = [threading.Thread(target=send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        pipe.send(None)
        for thread in threads:
            thread.join()
    pipe.send((sent, (time.monotonic_ns() - began) / 1e9))


_JSON = {"Content-Type": "application/json"}


def _batch(number: int, due: int) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    first = number * BATCH
    return msgspec.json.encode(
        [stamped(first + one, skill=f"skill-{(first + one) % SKILLS}", at=due, invoked_at=now) for one in range(BATCH)]
    )


@contextmanager
def _process(target: Callable[..., None], *arguments: Any) -> Iterator[tuple[Connection, Any, int]]:
    """Run a server; yields the pipe to it, what it said first (its port or address), its process."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=target, args=(its, *arguments))
    process.start()
    assert process.pid
    try:
        yield ours, ours.recv(), process.pid
    finally:
        process.terminate()
        process.join(15)


def _wait_for(pipe: Connection, clients: int) -> None:
    count = -1
    while count != clients:
        pipe.send(("connected",))
        count = pipe.recv()
        time.sleep(0.02)


def _cpu_seconds(pid: int) -> float:
    """Return the time that a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6
