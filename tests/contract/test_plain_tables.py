"""Of a row that was written twice, only the last is read, wherever anything reads it."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import session_buddy
from session_buddy.cli.choices import ExportFormat
from session_buddy.cli.exporting import write_rows
from session_buddy.feed.messages import Position
from session_buddy.monitoring.watch import rows_changed_since
from session_buddy.reports.anomalies import read_anomalies, read_skill_anomalies
from session_buddy.reports.live import read_snapshot
from session_buddy.reports.metrics import read_standing
from session_buddy.reports.paging import read_anomaly_page
from session_buddy.server.following import _Look
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import NOW, invocation, shifted

LATER = shifted(NOW, hours=1)
(ANOMALIES,) = (table for table in PLAIN_TABLES if table.name == "skill_anomalies")


def put(store: Store, number: int, resolved_at: str | None) -> None:
    values: dict[str, Any] = {
        "id": number,
        "skill_name": "pytest-run",
        "detected_at": NOW,
        "anomaly_type": "drop",
        "resolved_at": resolved_at,
    }
    store.put_rows(ANOMALIES, [tuple(values.get(column) for column in ANOMALIES.columns)])


def exported(store: Store) -> list[dict[str, Any]]:
    out = io.BytesIO()
    write_rows(store, "skill_anomalies", ExportFormat.JSONL, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


OPEN: dict[str, Callable[[Store], list[int]]] = {
    "page": lambda store: [one.id for one in read_anomalies(store, 10).open],
    "skill": lambda store: [one.id for one in read_skill_anomalies(store, "pytest-run") if one.resolved_at is None],
    "api": lambda store: [one.id for one in read_anomaly_page(store, limit=10, is_open=True).anomalies],
    "api, all": lambda store: [
        one.id for one in read_anomaly_page(store, limit=10).anomalies if one.resolved_at is None
    ],
    "live": lambda store: [one.id for one in read_snapshot(store, frozenset(["all"]), Position("epoch", 0)).anomalies],
    "metrics": lambda store: [1] * sum(one.number for one in read_standing(store, ()).anomalies),
    "alerts": lambda store: [one.id for one in rows_changed_since(store, NOW) if one.resolved_at is None],
    "export": lambda store: [row["id"] for row in exported(store) if row["resolved_at"] is None],
}


@pytest.mark.parametrize("reading", OPEN)
def test_a_resolved_anomaly_is_open_nowhere(store: Store, reading: str) -> None:
    store.record([invocation()])
    put(store, 1, None)
    assert OPEN[reading](store) == [1]
    put(store, 1, LATER)
    assert OPEN[reading](store) == []


def test_a_resolved_anomaly_is_told_to_those_who_follow(store: Store) -> None:
    put(store, 1, None)
    seconds: Iterator[float] = iter(range(0, 1000, 10))
    look = _Look(store, lambda: next(seconds))
    try:
        assert [(one.id, one.resolved_at) for one in look().anomalies] == []
        put(store, 1, LATER)
        assert [(one.id, one.resolved_at) for one in look().anomalies] == [(1, LATER)]
        assert [(one.id, one.resolved_at) for one in look().anomalies] == []
    finally:
        look.close()


def test_an_export_has_each_row_once(store: Store) -> None:
    put(store, 1, None)
    put(store, 1, LATER)
    assert [(row["id"], row["resolved_at"]) for row in exported(store)] == [(1, LATER)]


def test_no_statement_of_the_program_reads_old_states() -> None:
    names = "|".join(table.name for table in PLAIN_TABLES if not table.is_view)
    # Keys alone are the same in every state of a row.
    reads = re.compile(rf"(?<!DISTINCT skill_name )\b(?:FROM|JOIN)\s+({names})\b(?!\s+(?:AS\s+\w+\s+)?FINAL\b)")
    root = Path(session_buddy.__file__).parent
    found = [
        f"{path.relative_to(root)}:{node.lineno} {match[0]}"
        for path in root.rglob("*.py")
        # What only ever runs on SQLite, where a row has one state.
        if path.parent != root / "storage" / "sqlite"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in reads.finditer(node.value)
    ]
    assert found == []
