"""Bulk ingest and single durable records, each against a bare insert into the same table.

The bare insert has the same table, checks, indexes, batch size and durability, its values
are ready-made tuples, and it keeps no roll-ups. The two take turns, batch by batch, so that
a slow moment of the machine strikes both.
"""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path
from statistics import median

from bench.generated import generated
from bench.measuring import bare_copy, quantile, show
from session_buddy.storage import open_store
from session_buddy.storage.sqlite.event_log import INSERT_SET_WISE, invocation_row

BATCH = 50_000
SINGLES = 1_000
BARE_INSERT = INSERT_SET_WISE.partition("ON CONFLICT")[0]


def run(events: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        path = Path(folder) / "store.db"
        with open_store(f"sqlite:///{path}") as store:
            bare = bare_copy(path, Path(folder) / "bare.db")
            ours, theirs = [], []
            source = generated(events)
            while batch := list(islice(source, BATCH)):
                rows = [invocation_row(one) for one in batch]
                ours.append(_seconds(lambda batch=batch: store.record(batch)))
                theirs.append(_seconds(lambda rows=rows: _insert(bare, rows)))
            size = path.stat().st_size / events
            report = [
                (
                    "bulk, all",
                    f"{events / sum(ours):,.0f}",
                    f"{events / sum(theirs):,.0f}",
                    f"{sum(theirs) / sum(ours):.2f}",
                ),
                (
                    f"bulk, median of {len(ours)} batches of {BATCH:,}",
                    f"{BATCH / median(ours):,.0f}",
                    f"{BATCH / median(theirs):,.0f}",
                    f"{median(b / a for a, b in zip(ours, theirs, strict=True)):.2f}",
                ),
            ]
            singles = list(generated(SINGLES, seed=2, days=0.01))
            single_ours = sorted(_seconds(lambda one=one: store.record([one])) for one in singles)
            single_theirs = sorted(_seconds(lambda one=one: _insert(bare, [invocation_row(one)])) for one in singles)
            report.append(
                (
                    f"one durable record, median of {SINGLES:,}",
                    f"{1 / median(single_ours):,.0f}",
                    f"{1 / median(single_theirs):,.0f}",
                    f"{median(single_theirs) / median(single_ours):.2f}",
                )
            )
            bare.close()
    show(f"Ingest, {events:,} events", ("what", "ours, events/s", "bare insert, events/s", "ratio"), report)
    show(
        "Beside it",
        ("what", "figure"),
        [
            ("bytes per event on disk, roll-ups included", f"{size:.0f}"),
            ("one durable record, p99", f"{quantile(single_ours, 0.99) * 1000:.2f} ms"),
        ],
    )


def _insert(connection, rows) -> None:  # type: ignore[no-untyped-def]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(BARE_INSERT, rows)
    connection.execute("COMMIT")


def _seconds(action) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
