"""The watch for anomalies over a store: what starting costs, and a step where nothing, little or an hour happened."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.detectors import hours_of_skill
from bench.measuring import show
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.monitoring.anomalies import moment
from session_buddy.monitoring.watch import AnomalyWatch
from session_buddy.storage.sqlite import SQLiteStore

DAYS = 29
START = datetime(2026, 1, 5, tzinfo=UTC)
NOW = START + timedelta(days=DAYS)
_HOUR = timedelta(hours=1)
_TIMES = 5


def run(*sizes: int) -> None:
    """Print the figures for so many skills, all of them used every day."""
    rows = [_measured(size) for size in sizes or (50, 200)]
    columns = ("skills", "hours with use", "start", "nothing new", "late outcomes of 20", "an hour later")
    show(f"The watch for anomalies, {DAYS} days (CPU time)", columns, rows)


def _measured(skills: int) -> tuple[str, ...]:
    with TemporaryDirectory() as folder, SQLiteStore(Path(folder) / "store.db") as store:
        hours = _fill(store, skills)
        watch = AnomalyWatch(store)
        start = _cost(lambda: watch.step(moment(NOW + timedelta(minutes=6))))
        idle = min(_cost(lambda: watch.step(moment(NOW + timedelta(minutes=7)))) for _ in range(_TIMES))
        late = []
        for number in range(_TIMES):
            store.record([_late(f"skill-{skill}", number) for skill in range(20)])
            late.append(_cost(lambda: watch.step(moment(NOW + timedelta(minutes=8)))))
        later = [
            _cost(lambda number=number: watch.step(moment(NOW + number * _HOUR + timedelta(minutes=6))))  # type: ignore[misc]
            for number in range(1, 1 + _TIMES)
        ]
    figures = (start, idle, sorted(late)[_TIMES // 2], sorted(later)[_TIMES // 2])
    return str(skills), f"{hours:,}", *(f"{seconds * 1000:,.0f} ms" for seconds in figures)


def _cost(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def _fill(store: SQLiteStore, skills: int) -> int:
    """Write the hours straight into the roll-ups: the watch sees nothing else."""
    from session_buddy.storage.sqlite.connection import open_writer

    connection = open_writer(store.path, clock=None, patience_seconds=1)
    rows = []
    for number in range(skills):
        name, hours = f"skill-{number}", [one for one in hours_of_skill(number, DAYS) if one.counts.invocations]
        counts = [one.counts for one in hours]
        total = [sum(getattr(one, field) for one in counts) for field in counts[0].__struct_fields__]
        connection.execute(
            "INSERT INTO skill_metrics (skill_name, kind, invocation_count, completed_count, failed_count,"
            " duration_ms_sum, duration_count, first_invoked_at, last_invoked_at)"
            " VALUES (?, 'skill', ?, ?, ?, ?, ?, ?, ?)",
            (name, *total, moment(hours[0].start), moment(hours[-1].start)),
        )
        rows += [
            (name, moment(one.start), *(getattr(one.counts, field) for field in one.counts.__struct_fields__))
            for one in hours
        ]
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO skill_time_series (skill_name, timestamp, invocation_count, completed_count, failed_count,"
        " duration_ms_sum, duration_count) VALUES (?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.execute("COMMIT")
    connection.close()
    return len(rows)


def _late(skill: str, number: int) -> Invocation:
    return Invocation(
        event_id=f"{skill}-late-{number}",
        session_id="late",
        skill_name=skill,
        kind=Kind.SKILL,
        invoked_at=moment(NOW - 2 * _HOUR + timedelta(seconds=number)),
        source="bench",
        outcome=Outcome.COMPLETED,
    )


if __name__ == "__main__":
    run()
