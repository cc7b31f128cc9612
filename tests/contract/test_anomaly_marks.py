"""A skill reads as anomalous as long as one of its anomalies is open."""

from __future__ import annotations

from typing import Any

from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import NOW, invocation, shifted

(ANOMALIES,) = (table for table in PLAIN_TABLES if table.name == "skill_anomalies")


def put(store: Store, number: int, score: float | None, resolved_at: str | None = None) -> None:
    values: dict[str, Any] = dict.fromkeys(ANOMALIES.columns) | {
        "id": number,
        "skill_name": "pytest-run",
        "detected_at": NOW,
        "anomaly_type": "drop",
        "deviation_score": score,
        "resolved_at": resolved_at,
        "metric": "completion_rate",
        "severity": "critical",
        "reason": "it fell",
        "detector": "counts",
    }
    store.put_rows(ANOMALIES, [tuple(values[column] for column in ANOMALIES.columns)])


def mark(store: Store) -> tuple[bool, float | None]:
    ((flag, score),) = store.query("SELECT is_anomalous, anomaly_score FROM v_realtime_skill_dashboard").rows
    return bool(flag), score


def test_the_mark_follows_the_anomalies(store: Store) -> None:
    store.record([invocation()])
    assert mark(store) == (False, None)
    put(store, 1, -2.5)
    put(store, 2, -4.0)
    assert mark(store) == (True, -4.0)
    put(store, 2, -4.0, resolved_at=shifted(NOW, hours=1))
    assert mark(store) == (True, -2.5)
    put(store, 1, -2.5, resolved_at=shifted(NOW, hours=1))
    assert mark(store) == (False, None)


def test_an_anomaly_without_a_score_marks_too(store: Store) -> None:
    store.record([invocation()])
    put(store, 1, None)
    assert mark(store) == (True, None)


def test_a_rebuild_keeps_the_mark(store: Store) -> None:
    store.record([invocation()])
    put(store, 1, -3.0)
    store.rebuild()
    assert mark(store) == (True, -3.0)
