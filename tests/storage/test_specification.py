"""The specification's own text, run against the schema."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from session_buddy.storage.migrations.base import MigrationManager

TABLES = {
    "skill_metrics_cache", "skill_time_series", "skill_anomalies", "skill_community_baselines",
    "skill_user_interactions", "skill_clusters", "skill_cluster_membership", "ab_test_configs",
    "ab_test_assignments", "ab_test_outcomes", "skill_categories", "skill_category_mapping", "skill_dependencies",
    "skill_modalities",
}  # fmt: skip
VIEWS = {
    "v_realtime_skill_dashboard": {"invocation_count_1h", "invocation_count_24h", "completion_rate"},
    "v_skill_effectiveness_trend": {"avg_completion_rate_7d", "trend_slope"},
    "v_community_baseline_comparison": {"user_completion_rate", "delta_from_baseline"},
    "v_skill_dependency_network": {"co_occurrence_count", "lift_score", "relationship_type"},
    "v_ab_test_summary": {"control_completion_rate", "treatment_completion_rate"},
    "v_multimodal_skill_catalog": {"modality_type", "domain", "completion_rate"},
}
# One printed query reads a column that no table has; this is what it means (docs/reference/sql.md).
KNOWN_BUG = "other_user_id"


@pytest.fixture(scope="module")
def specification(shared: Path) -> str:
    return (shared / "spec" / "v4-schema-summary.md").read_text("utf-8")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    MigrationManager(db_path=str(tmp_path / "skills.db")).migrate()
    with closing(sqlite3.connect(tmp_path / "skills.db", isolation_level=None)) as connection:
        yield connection


def statements(specification: str) -> list[str]:
    found = []
    for block in re.findall(r"```sql\n(.*?)```", specification, re.S):
        pending = ""
        for line in block.splitlines(keepends=True):
            pending += line
            if sqlite3.complete_statement(pending):
                found.append(pending.strip())
                pending = ""
        assert not pending.strip(), f"not a whole statement: {pending}"
    return found


def test_the_text_has_the_statements_we_know_of(specification: str) -> None:
    found = statements(specification)
    assert sum("CREATE TABLE" in s for s in found) == 14
    assert sum("CREATE TRIGGER" in s for s in found) == 1
    assert len(found) == 25


def test_every_statement_that_reads_or_writes_runs_as_printed(specification: str, database: sqlite3.Connection) -> None:
    ran = 0
    for statement in statements(specification):
        if "CREATE" in statement or KNOWN_BUG in statement:
            continue
        database.execute(statement).fetchall()
        ran += 1
    assert ran == 9
    assert database.execute("SELECT start_date FROM ab_test_configs").fetchone()[0].endswith("Z")


def test_the_query_with_the_wrong_column_runs_once_corrected(specification: str, database: sqlite3.Connection) -> None:
    (statement,) = [s for s in statements(specification) if KNOWN_BUG in s]
    rows = [("user123", skill, 1) for skill in "abcd"] + [("twin", skill, 1) for skill in "abcd"] + [("other", "a", 1)]
    database.executemany(
        "INSERT INTO skill_user_interactions (user_id, session_id, skill_name, invoked_at, completed)"
        " VALUES (?1, ?1, ?2, '2026-01-01T00:00:00.000Z', ?3)",
        rows,
    )
    with pytest.raises(sqlite3.OperationalError, match=KNOWN_BUG):
        database.execute(statement)
    corrected = statement.replace(KNOWN_BUG, "user_id")
    assert database.execute(corrected).fetchall() == [("twin", 4)]


def test_every_printed_table_has_the_printed_columns(
    specification: str, database: sqlite3.Connection, request: pytest.FixtureRequest
) -> None:
    scratch = sqlite3.connect(":memory:")
    request.addfinalizer(scratch.close)
    for statement in statements(specification):
        if "CREATE TABLE" not in statement:
            continue
        scratch.execute(statement)
        (table,) = re.findall(r"CREATE TABLE (\w+)", statement)
        ours = {row[1]: row for row in database.execute(f"PRAGMA table_info({table})")}
        for _, name, kind, not_null, default, key in scratch.execute(f"PRAGMA table_info({table})"):
            assert name in ours, f"{table}.{name}"
            assert ours[name][2] == kind.replace("BOOLEAN", "INTEGER"), f"{table}.{name}"
            assert ours[name][4] == default, f"{table}.{name}"
            assert bool(ours[name][5]) == bool(key), f"{table}.{name}"
            assert ours[name][3] >= not_null, f"{table}.{name}"


def test_tables_views_triggers_and_seeds(database: sqlite3.Connection) -> None:
    def names(kind: str) -> set[str]:
        return {n for (n,) in database.execute("SELECT name FROM sqlite_schema WHERE type = ?", (kind,))}

    assert names("table") >= TABLES
    assert {n for n in names("view") if n.startswith("v_")} == set(VIEWS)
    assert "trg_metrics_cache_after_insert" in names("trigger")
    for view, columns in VIEWS.items():
        assert {c[0] for c in database.execute(f"SELECT * FROM {view}").description} >= columns
    seeded = database.execute(
        "SELECT c.category_name, group_concat(m.skill_name) FROM skill_categories c"
        " JOIN skill_category_mapping m USING (category_id) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert {name: set(skills.split(",")) for name, skills in seeded} == {
        "Code Quality": {"ruff-check", "mypy", "pylint"},
        "Deployment": {"docker-build", "k8s-deploy", "terraform-apply"},
        "Documentation": {"sphinx-build", "docstring-check", "api-docs"},
        "Testing": {"pytest-run", "coverage-report", "hypothesis-test"},
    }


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("skill_time_series", [("skill_name", 0), ("timestamp", 1)]),
        ("skill_anomalies", [("detected_at", 1)]),
        ("skill_anomalies", [("skill_name", 0), ("detected_at", 1)]),
        ("skill_user_interactions", [("user_id", 0), ("invoked_at", 1)]),
        ("skill_user_interactions", [("skill_name", 0), ("completed", 0)]),
        ("ab_test_assignments", [("test_id", 0), ("user_id", 0)]),
        ("ab_test_assignments", [("test_id", 0), ("group_name", 0)]),
        ("skill_dependencies", [("skill_a", 0)]),
        ("skill_dependencies", [("lift_score", 1)]),
    ],
)
def test_the_printed_indexes_exist(database: sqlite3.Connection, table: str, columns: list[tuple[str, int]]) -> None:
    indexes = []
    for _, name, *_ in database.execute(f"PRAGMA index_list({table})"):
        keyed = [(r[2], r[3]) for r in database.execute(f"PRAGMA index_xinfo({name})") if r[5]]
        indexes.append(keyed)
    assert columns in indexes


JANUARY = "2026-01-01T00:00:00.000Z"
CONFIG = {"test_name": "t", "control_strategy": "a", "treatment_strategy": "b", "start_date": JANUARY}
CACHE = {"skill_name": "a", "last_invocation_at": JANUARY, "updated_at": JANUARY}
BASELINE = {"skill_name": "a", "last_updated": JANUARY}
EXPOSED = {"exposed_on": JANUARY[:10], "exposed_at": JANUARY}
INTERACTION = {"user_id": "u", "session_id": "s", "skill_name": "a", "invoked_at": JANUARY, "completed": 1}
BAD_ROWS = [
    ("skill_anomalies", {"skill_name": "a", "detected_at": JANUARY, "anomaly_type": "odd"}),
    ("skill_metrics_cache", {**CACHE, "avg_completion_rate_24h": 87.0}),
    ("skill_community_baselines", {**BASELINE, "global_completion_rate": 87.0}),
    ("skill_community_baselines", {**BASELINE, "effectiveness_percentile": 101.0}),
    ("skill_time_series", {"skill_name": "a", "timestamp": "2026-01-01T00:30:00.000Z"}),
    ("skill_user_interactions", {**INTERACTION, "invoked_at": "never"}),
    ("skill_user_interactions", {**INTERACTION, "completed": 2}),
    ("skill_user_interactions", {**INTERACTION, "rating": 6.0}),
    ("skill_clusters", {"cluster_name": "c", "created_at": JANUARY, "centroid_embedding": b"short"}),
    ("skill_cluster_membership", {"skill_name": "a", "cluster_id": 99, "membership_score": 0.5}),
    ("ab_test_configs", {**CONFIG, "assignment_ratio": 7.0}),
    ("ab_test_configs", {**CONFIG, "start_date": "soon"}),
    ("ab_test_configs", {**CONFIG, "end_date": "2025-12-31T00:00:00.000Z"}),
    ("ab_test_configs", {**CONFIG, "metrics": "rate"}),
    ("ab_test_configs", {**CONFIG, "metrics": "{}"}),
    ("ab_test_configs", {**CONFIG, "status": "forgotten"}),
    ("ab_test_assignments", {"test_id": 99, "user_id": "u", "group_name": "control", "assigned_at": JANUARY}),
    ("ab_test_configs", {**CONFIG, "design": "[]"}),
    ("ab_test_configs", {**CONFIG, "ratio_since": "2026-01-01"}),
    ("ab_test_exposures", {"test_id": 99, "user_id": "u", "group_name": "control", **EXPOSED}),
    ("skill_modalities", {"skill_name": "a", "modality_type": "dance", "created_at": JANUARY}),
    ("skill_dependencies", {"skill_a": "b", "skill_b": "a", "last_updated": JANUARY}),
    ("skill_categories", {"category_name": "Testing", "created_at": JANUARY}),
]


@pytest.mark.parametrize(("table", "row"), BAD_ROWS)
def test_implied_constraints_hold(database: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    database.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(sqlite3.IntegrityError):
        database.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
        )


def test_ab_test_summary_counts_each_user_and_outcome_once(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA foreign_keys=ON")
    database.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date)"
        " VALUES ('t', 'a', 'b', '2026-01-01T00:00:00.000Z')"
    )
    users = [(f"u{n}", "control" if n % 2 else "treatment") for n in range(200)]
    outcomes = [(user, n) for user, _ in users[:100] for n in range(4)]
    # Half of the outcomes come before their user's assignment.
    record = (
        "INSERT INTO ab_test_outcomes (test_id, user_id, skill_name, completed, duration_seconds, recorded_at)"
        " VALUES (1, ?1, 's', ?2 = 0, ?2, '2026-01-02T00:00:00.000Z')"
    )
    database.executemany(record, outcomes[:200])
    database.executemany(
        "INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at) VALUES (1, ?, ?, '2026-01-01')",
        users,
    )
    database.executemany(record, outcomes[200:])
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at)"
                         " VALUES (1, 'u0', 'control', '2026-01-01')")  # fmt: skip

    def summary() -> tuple[object, ...]:
        return database.execute(
            "SELECT control_users, treatment_users, control_outcomes, treatment_outcomes, control_completion_rate,"
            " treatment_completion_rate, control_avg_duration_seconds FROM v_ab_test_summary"
        ).fetchone()

    assert summary() == (100, 100, 200, 200, 0.25, 0.25, 1.5)
    database.execute("UPDATE ab_test_outcomes SET completed = 1 WHERE user_id = 'u1'")
    database.execute("DELETE FROM ab_test_outcomes WHERE user_id = 'u3'")
    database.execute("DELETE FROM ab_test_assignments WHERE user_id = 'u5'")
    assert summary()[:5] == (99, 100, 192, 200, (48 - 1 + 4) / 192)
    with pytest.raises(sqlite3.IntegrityError, match="does not change"):
        database.execute("UPDATE ab_test_assignments SET group_name = 'treatment' WHERE user_id = 'u7'")


def test_an_experiment_without_outcomes_has_no_rates(database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date)"
        " VALUES ('t', 'a', 'b', '2026-01-01T00:00:00.000Z')"
    )
    row = database.execute("SELECT control_users, control_completion_rate FROM v_ab_test_summary").fetchone()
    assert row == (0, None)


def test_v4_on_a_used_v3_database_fills_its_roll_ups(tmp_path: Path) -> None:
    path = tmp_path / "skills.db"
    manager = MigrationManager(db_path=path)
    manager.migrate(3)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executemany(
        "INSERT INTO skill_invocation (session_id, skill_name, user_id, invoked_at, outcome, workflow_phase)"
        " VALUES (?, ?, ?, ?, 'completed', 'setup')",
        [(f"s{n % 7}", f"k{n % 5}", f"u{n % 7}", f"2026-01-{n % 9 + 1:02}T00:00:00.000Z") for n in range(100)],
    )
    connection.close()
    manager.migrate()
    from session_buddy.storage import open_store

    with open_store(f"sqlite:///{path}") as store:
        assert store.query("SELECT sum(invocation_count) FROM skill_time_series").rows == [(100,)]
        assert store.query("SELECT sum(invocation_count) FROM skill_day_buckets").rows == [(100,)]
        assert store.query("SELECT count(*) FROM skill_dependencies").rows == [(10,)]
        assert store.query("SELECT sum(total_invocations), min(total_users) FROM skill_community_baselines").rows == [
            (100, 7)
        ]
        assert store.query("SELECT count(*) FROM skill_user_interactions").rows == [(35,)]
        assert store.drifted() == []


def test_the_scripts_carry_the_specified_names() -> None:
    folder = resources.files("session_buddy.storage.migrations") / "sqlite"
    names = {entry.name for entry in folder.iterdir()}
    assert {"V4__phase4_extensions__up.sql", "V4__phase4_extensions__down.sql"} <= names


def test_migrating_as_the_specification_prints_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specification: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", specification, re.S) if "manager.migrate()" in b]
    (back,) = [b for b in re.findall(r"```python\n(.*?)```", specification, re.S) if "manager.rollback()" in b]
    scope: dict[str, object] = {}
    exec(block, scope)
    with closing(sqlite3.connect("skills.db")) as connection:
        assert connection.execute("SELECT count(*) FROM v_ab_test_summary").fetchone() == (0,)
    shutil.copy("skills.db", "kept.db")
    exec(back, scope)
    with closing(sqlite3.connect("skills.db")) as connection:
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("SELECT count(*) FROM v_ab_test_summary")
        assert connection.execute("SELECT count(*) FROM skill_invocation").fetchone() == (0,)
