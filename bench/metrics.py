"""A scrape of ``/metrics`` at several sizes of the store: it may not grow with the number of invocations."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from prometheus_client.openmetrics.exposition import generate_latest

from bench.generated import generated
from bench.measuring import quantile, show, timed
from session_buddy.reports.metrics import read_standing, read_surroundings
from session_buddy.server.metrics import MetricsEndpoint, new_registry
from session_buddy.server.metrics_collector import BOUNDS_MS
from session_buddy.server.serving import settled_memory
from session_buddy.storage import Store, open_store

SKILLS = 200
TIMES = 100


def run(*sizes: int) -> None:
    """Print the milliseconds that scrapes take of stores with *sizes* events: the median, and the 99th percentile.

    From the third figure on it is processor time, which says the same on a machine that has other things to do.
    """
    columns = (
        "events",
        "series",
        "kB",
        "a scrape, ms",
        "of it processor time",
        "with gzip",
        "reading roll-ups",
        "once a minute besides",
        "the official client's text",
    )
    rows = []
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        for size in sizes or (10_000, 100_000, 1_000_000):
            with open_store(f"sqlite:///{Path(folder) / str(size)}.db") as store:
                _fill(store, size)
                with settled_memory():  # as where it is served
                    rows.append((f"{size:,}", *_figures(store)))
    show(f"Scrapes, {SKILLS} skills, OpenMetrics with exemplars", columns, rows)


def _figures(store: Store) -> tuple[str, ...]:
    registry = new_registry(store, clock=_now, max_skills=SKILLS)
    endpoint = MetricsEndpoint(registry, run=_never)
    text = endpoint.text(openmetrics=True)
    return (
        f"{sum(not line.startswith(b'#') for line in text.splitlines()):,}",
        f"{len(text) / 1000:.0f}",
        _milliseconds(timed(lambda: endpoint.text(openmetrics=True), TIMES)),
        _milliseconds(_spent(lambda: endpoint.text(openmetrics=True), TIMES)),
        _milliseconds(_spent(lambda: endpoint.text(openmetrics=True, packed=True), TIMES)),
        _milliseconds(_spent(lambda: read_standing(store, BOUNDS_MS), TIMES)),
        _milliseconds(_spent(lambda: read_surroundings(store), TIMES)),
        _milliseconds(_spent(lambda: generate_latest(registry), TIMES // 5)),
    )


def _spent(action: Callable[[], object], times: int) -> list[float]:
    """Run *action* *times* times and return the seconds of processor time each took, sorted."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        action()
        taken.append(time.thread_time() - began)
    return sorted(taken)


def _milliseconds(taken: list[float]) -> str:
    return f"{quantile(taken, 0.5) * 1000:.1f} / {quantile(taken, 0.99) * 1000:.1f}"


def _fill(store: Store, size: int) -> None:
    source = generated(size, skills=SKILLS)
    while batch := list(islice(source, 50_000)):
        store.record(batch)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _never(_: object) -> bytes:
    raise AssertionError("this benchmark asks for text itself")
