"""Small things every benchmark needs: a bare table to compare with, quantiles, a table to print."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table


def bare_copy(of: Path, path: Path) -> sqlite3.Connection:
    """Make *path* with the event-log table and its indexes of the store *of*, no triggers, same durability."""
    source = sqlite3.connect(of)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-65536")
    wanted = (
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'skill_invocation' AND sql IS NOT NULL AND type <> 'trigger'"
    )
    for (sql,) in source.execute(wanted):
        connection.execute(sql)
    source.close()
    return connection


def timed(action: Callable[[], object], times: int) -> list[float]:
    """Run *action* *times* times and return the seconds each took, sorted."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return sorted(taken)


def quantile(ordered: Sequence[float], fraction: float) -> float:
    """Return the value below which *fraction* of *ordered* lies (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=150).print(table)
