"""The six views at two sizes: what a dashboard asks, and the largest answers."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

from bench.generated import generated
from bench.measuring import quantile, show, timed
from session_buddy.storage import Store, open_store

QUERIES = {
    "v_realtime_skill_dashboard": "SELECT * FROM v_realtime_skill_dashboard"
    " ORDER BY invocation_count_24h DESC LIMIT 10",
    "v_skill_effectiveness_trend": "SELECT * FROM v_skill_effectiveness_trend",
    "v_community_baseline_comparison": "SELECT * FROM v_community_baseline_comparison WHERE skill_name = 'skill-007'",
    "v_skill_dependency_network": "SELECT * FROM v_skill_dependency_network"
    " WHERE skill_a = 'skill-003' AND lift_score > 1.5",
    "v_ab_test_summary": "SELECT * FROM v_ab_test_summary WHERE test_id = 1",
    "v_multimodal_skill_catalog": "SELECT * FROM v_multimodal_skill_catalog"
    " WHERE domain = 'testing' ORDER BY completion_rate DESC",
    "whole: dashboard": "SELECT * FROM v_realtime_skill_dashboard",
    "whole: community": "SELECT * FROM v_community_baseline_comparison",
    "whole: network": "SELECT * FROM v_skill_dependency_network",
    "whole: catalogue": "SELECT * FROM v_multimodal_skill_catalog",
}
TIMES = 300
USERS = 10_000


def run(sizes: tuple[int, ...] = (100_000, 200_000, 1_000_000)) -> None:
    figures: dict[int, dict[str, tuple[float, float, int]]] = {}
    with tempfile.TemporaryDirectory(prefix="session-buddy-bench-") as folder:
        for size in sizes:
            with open_store(f"sqlite:///{Path(folder) / str(size)}.db") as store:
                _fill(store, size)
                figures[size] = {name: _ask(store, sql) for name, sql in QUERIES.items()}
    rows = [
        (
            name,
            figures[sizes[-1]][name][2],
            *(f"{figures[size][name][0] * 1000:.2f} / {figures[size][name][1] * 1000:.2f}" for size in sizes),
            f"{figures[sizes[-1]][name][0] / figures[sizes[-2]][name][0]:.2f}",
        )
        for name in QUERIES
    ]
    columns = (
        "view",
        "rows",
        *(f"{size:,} events: p50 / p99 ms" for size in sizes),
        f"p50 of {sizes[-1]:,} : {sizes[-2]:,}",
    )
    show(f"Views, 200 skills, 30 days, 50 users; an experiment of {USERS:,} users", columns, rows)


def _ask(store: Store, sql: str) -> tuple[float, float, int]:
    taken = timed(lambda: store.query(sql), TIMES)
    return quantile(taken, 0.5), quantile(taken, 0.99), len(store.query(sql))


def _fill(store: Store, size: int) -> None:
    source = generated(size)
    while batch := list(islice(source, 50_000)):
        store.record(batch)
    writer = store._writer  # type: ignore[attr-defined]
    writer.execute("BEGIN")
    writer.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date)"
        " VALUES ('bench', 'a', 'b', datetime('now'))"
    )
    writer.executemany(
        "INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at)"
        " VALUES (1, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
        ((f"user-{n}", "control" if n % 2 else "treatment") for n in range(USERS)),
    )
    writer.executemany(
        "INSERT INTO ab_test_outcomes (test_id, user_id, skill_name, completed, recorded_at)"
        " VALUES (1, ?, 'skill-001', ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
        ((f"user-{n % USERS}", n % 3 > 0) for n in range(size // 10)),
    )
    writer.execute("COMMIT")
    store.refresh()
