"""The engine of ClickHouse in this process: bulk ingest against a bare insert, the views, disk and memory.

The bare insert puts the same events into one MergeTree table of the same columns, codecs, indexes, order and
durability. It is done in three ways: rows as the client's documentation has them, with datetimes; the same with times
as numbers; and the client's quickest call, ready-made columns. What is inserted is made beforehand, types are known.
Ours is given invocations: it looks up which are known, puts the batch down, and counts. All take turns, batch by batch.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from bench.generated import generated
from bench.measuring import quantile, show, timed
from bench.views import QUERIES
from session_buddy.model import Invocation
from session_buddy.storage import Store, open_store

BATCH = 100_000
TIMES = 100
COLUMNS = tuple({"trigger": "triggered_by"}.get(field, field) for field in Invocation.__struct_fields__)
OURS = "ours"
BARE = ("by_columns", "by_rows", "as_documented")
LISTS = ("alternatives_considered", "follow_up_actions", "traits")


def run(*sizes: int) -> None:
    """Load as many events as the last of *sizes* says, and ask the views at each of them."""
    sizes = sizes or (100_000, 1_000_000)
    figures: dict[int, dict[str, tuple[float, float, int]]] = {}
    ingest = _Ingest()
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        place = f"chdb:///{folder}/data"
        with open_store(f"{place}?database=ours") as store, _Bare(Path(folder) / "data") as bare:
            source = generated(sizes[-1])
            done = 0
            while batch := list(islice(source, BATCH)):
                ingest.take(batch, store, bare)
                done += len(batch)
                if done in sizes:
                    store.refresh()
                    figures[done] = {name: _ask(store, sql) for name, sql in QUERIES.items()}
            disk = bare.bytes_on_disk()
    ingest.show(done, disk)
    _show_views(figures)


class _Taken(NamedTuple):
    """What one batch took: seconds on the wall, and of all processors together."""

    wall: float
    processors: float


class _Ingest:
    """How long each batch took, each way, and how much memory was in use after it."""

    def __init__(self) -> None:
        self.taken: dict[str, list[_Taken]] = {}
        self.resident: list[float] = []

    def take(self, batch: list[Invocation], store: Store, bare: _Bare) -> None:
        columns = list(_columns(batch))
        rows = list(zip(*columns, strict=True))
        moments = [datetime.fromisoformat(one.invoked_at) for one in batch]
        place = COLUMNS.index("invoked_at")
        documented = list(zip(*columns[:place], moments, *columns[place + 1 :], strict=True))
        ways: dict[str, Callable[[], object]] = {
            OURS: lambda: store.record(batch),
            "bare, rows as documented": lambda: bare.insert("as_documented", documented, by_columns=False),
            "bare, rows, times as numbers": lambda: bare.insert("by_rows", rows, by_columns=False),
            "bare, columns, times as numbers": lambda: bare.insert("by_columns", columns, by_columns=True),
        }
        for way, action in ways.items():
            self.taken.setdefault(way, []).append(_taken(action))
        self.resident.append(_resident_megabytes())

    def show(self, events: int, disk: dict[str, int]) -> None:
        ours = self.taken[OURS]
        report = [
            (
                way,
                f"{events / sum(one.wall for one in taken):,.0f}",
                f"{BATCH / median(one.wall for one in taken):,.0f}",
                f"{median(theirs.wall / our.wall for our, theirs in zip(ours, taken, strict=True)):.2f}",
                f"{sum(one.processors for one in taken) / events * 1e6:.1f}",
                f"{sum(one.processors for one in taken) / sum(one.processors for one in ours):.2f}",
            )
            for way, taken in self.taken.items()
        ]
        titles = (
            "what",
            "all, events/s",
            f"median batch of {BATCH:,}, events/s",
            "ours : it, median",
            "processors, s per million events",
            "ours : it",
        )
        show(f"Ingest, {events:,} events", titles, report)
        half = self.resident[len(self.resident) // 2 :]
        show(
            "Beside it",
            ("what", "figure"),
            [
                ("bytes per event on disk, roll-ups included", f"{disk['ours'] / events:.0f}"),
                ("bytes per event, one bare table", f"{disk['bare'] / events / len(BARE):.0f}"),
                ("resident after half of the events, MB", f"{half[0]:,.0f}"),
                ("resident after all of them, MB", f"{half[-1]:,.0f}"),
                ("most ever resident, MB", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f}"),
            ],
        )


class _Bare:
    """Tables of nothing but events, on the engine that has *path* open already."""

    def __init__(self, path: Path) -> None:
        from clickhouse_connect import get_client

        self._client = get_client(interface="chdb", path=str(path.resolve()))
        self._client.command("CREATE DATABASE bare")
        for table in BARE:
            self._client.command(
                f"CREATE TABLE bare.{table} AS ours.invocation_log ENGINE = MergeTree"
                " PARTITION BY toYYYYMM(invoked_at) ORDER BY (invoked_at, event_id)"
                " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
            )

    def __enter__(self) -> _Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def insert(self, table: str, data: list[Any], *, by_columns: bool) -> None:
        types = [self._types()[column] for column in COLUMNS]
        self._client.insert(
            f"bare.{table}", data, column_names=COLUMNS, column_type_names=types, column_oriented=by_columns
        )

    def bytes_on_disk(self) -> dict[str, int]:
        sql = "SELECT database, sum(bytes_on_disk) FROM system.parts WHERE active GROUP BY database"
        return {database: size for database, size in self._client.query(sql).result_rows}

    def _types(self) -> dict[str, str]:
        if not hasattr(self, "_known_types"):
            sql = "SELECT name, type FROM system.columns WHERE database = 'bare' AND table = 'by_columns'"
            self._known_types: dict[str, str] = {name: kind for name, kind in self._client.query(sql).result_rows}
        return self._known_types


def _columns(batch: list[Invocation]) -> Iterator[list[Any]]:
    """Yield *batch* column by column, times as the numbers that the client sends."""
    for field in Invocation.__struct_fields__:
        values = [getattr(one, field) for one in batch]
        if field == "invoked_at":
            yield [int(datetime.fromisoformat(value).timestamp() * 1000) for value in values]
        elif field in LISTS:
            yield [None] * len(values)
        else:
            yield [str(value) if isinstance(value, str) else value for value in values]


def _ask(store: Store, sql: str) -> tuple[float, float, int]:
    taken = timed(lambda: store.query(sql), TIMES)
    return quantile(taken, 0.5), quantile(taken, 0.99), len(store.query(sql))


def _show_views(figures: dict[int, dict[str, tuple[float, float, int]]]) -> None:
    rows = [
        (name, next(reversed(figures.values()))[name][2], *(_milliseconds(asked[name]) for asked in figures.values()))
        for name in QUERIES
    ]
    titles = ("view", "rows", *(f"{size:,} events: p50 / p99 ms" for size in figures))
    show("Views, 200 skills, 30 days, 50 users", titles, rows)


def _milliseconds(figure: tuple[float, float, int]) -> str:
    return f"{figure[0] * 1000:.1f} / {figure[1] * 1000:.1f}"


def _resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _taken(action: Callable[[], object]) -> _Taken:
    wall, processors = time.perf_counter(), time.process_time()
    action()
    return _Taken(time.perf_counter() - wall, time.process_time() - processors)
