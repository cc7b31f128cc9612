"""Many events into the engine of ClickHouse in this process: does memory stay bounded, do the views stay quick?

What is said of memory is all of this process: Python, the generator, the client and the engine.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bench.generated import generated
from bench.measuring import quantile, show, timed
from bench.views import QUERIES, USERS
from session_buddy.storage import Store, open_store
from session_buddy.storage.tables import PLAIN_TABLES

BATCH = 100_000
EVERY = 5_000_000
TIMES = 300
OUTCOMES_OF_A_USER = 10


def run(events: int, folder: str | None = None) -> None:
    """Load *events* into a folder of its own, kept if *folder* names it, and ask the views."""
    place = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="session-buddy-bench-"))
    print(f"{events:,} events into {place.resolve()}", flush=True)
    try:
        with open_store(f"chdb:///{place.resolve()}?database=load") as store:
            _fill(store, events)
            _fill_experiment(store)
            ask(store, f"Views, {events:,} events, 200 skills, 30 days, 50 users, {USERS:,} users in an experiment")
        on_disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        print(f"on disk: {on_disk / 1e9:.2f} GB, {on_disk / events:.0f} bytes per event")
    finally:
        if not folder:
            shutil.rmtree(place)


def _fill(store: Store, events: int) -> None:
    began = last = time.perf_counter()
    making = done = last_done = 0.0
    source = generated(events)
    while True:
        moment = time.perf_counter()
        batch = list(islice(source, BATCH))
        making += time.perf_counter() - moment
        if not batch:
            return
        store.record(batch)
        done += len(batch)
        if done % EVERY == 0 or done == events:
            now = time.perf_counter()
            print(
                f"{done:>13,.0f} events {now - began:7,.0f} s   {(done - last_done) / (now - last):8,.0f} events/s"
                f"   making them {making / (now - began):4.0%} of the time"
                f"   resident {_resident():6,.0f} MB, most ever {_most_resident():6,.0f} MB",
                flush=True,
            )
            last, last_done = now, done


def _fill_experiment(store: Store) -> None:
    """Enter one experiment of many users, each with some outcomes."""
    tables = {table.name: table for table in PLAIN_TABLES}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    rows: dict[str, Iterator[dict[str, object]]] = {
        "ab_test_configs": iter(
            [
                {
                    "test_id": 1,
                    "test_name": "bench",
                    "control_strategy": "a",
                    "treatment_strategy": "b",
                    "start_date": now,
                    "min_sample_size": 100,
                    "assignment_ratio": 0.5,
                    "status": "running",
                }
            ]
        ),
        "ab_test_assignments": (
            {
                "assignment_id": n + 1,
                "test_id": 1,
                "user_id": f"user-{n}",
                "group_name": "control" if n % 2 else "treatment",
                "assigned_at": now,
            }
            for n in range(USERS)
        ),
        "ab_test_outcomes": (
            {
                "outcome_id": n + 1,
                "test_id": 1,
                "user_id": f"user-{n % USERS}",
                "skill_name": "skill-001",
                "completed": int(n % 3 > 0),
                "recorded_at": now,
            }
            for n in range(USERS * OUTCOMES_OF_A_USER)
        ),
    }
    for name, said in rows.items():
        columns = tables[name].columns
        store.put_rows(tables[name], [tuple(row.get(column) for column in columns) for row in said])


def ask(store: Store, title: str) -> None:
    """Ask each view and show how long the answers took."""
    store.refresh()
    rows = []
    for name, sql in QUERIES.items():
        found = len(store.query(sql))
        taken = timed(lambda sql=sql: store.query(sql), TIMES)  # type: ignore[misc]
        figures = (f"{quantile(taken, fraction) * 1000:.1f}" for fraction in (0.5, 0.99, 1))
        rows.append((name, f"{found:,}", *figures))
    show(title, ("view", "rows", "p50 ms", "p99 ms", "longest ms"), rows)
    print(f"resident {_resident():,.0f} MB, most ever {_most_resident():,.0f} MB", flush=True)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _most_resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
