"""Whatever SQL changes an experiment's rows in a SQLite store, the sums of its users follow."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.storage import Store, open_store

RECOUNTED = """
SELECT a.test_id, a.user_id, a.group_name, a.assigned_at, count(o.outcome_id), ifnull(sum(o.completed), 0),
    ifnull(sum(o.duration_seconds), 0.0), count(o.duration_seconds), ifnull(sum(o.user_rating), 0.0),
    count(o.user_rating)
FROM ab_test_assignments a LEFT JOIN ab_test_outcomes o ON o.test_id = a.test_id AND o.user_id = a.user_id
GROUP BY a.test_id, a.user_id
"""
NOW = "2026-01-02T00:00:00.000Z"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


@pytest.fixture
def sql(store: Store) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(store.url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        for number in (1, 2):
            connection.execute(
                "INSERT INTO ab_test_configs (test_id, test_name, control_strategy, treatment_strategy, start_date)"
                f" VALUES ({number}, 'test {number}', 'a', 'b', '{NOW}')"
            )
        yield connection


def assign(sql: sqlite3.Connection, test_id: int, user_id: str, group: str = "control") -> None:
    sql.execute(
        "INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at) VALUES (?, ?, ?, ?)",
        (test_id, user_id, group, NOW),
    )


def tell(sql: sqlite3.Connection, test_id: int, user_id: str, *values: object) -> None:
    sql.execute(
        "INSERT INTO ab_test_outcomes (test_id, user_id, skill_name, completed, duration_seconds, user_rating,"
        " recorded_at) VALUES (?, ?, 's', ?, ?, ?, ?)",
        (test_id, user_id, *values, NOW),
    )


@pytest.mark.parametrize("seed", range(8))
def test_any_course_of_inserts_updates_and_deletions_leaves_what_a_recount_finds(
    store: Store, sql: sqlite3.Connection, seed: int
) -> None:
    chance = random.Random(seed)

    def some() -> tuple[int, str]:
        return chance.randint(1, 2), f"user-{chance.randrange(6)}"

    def values() -> tuple[int, float | None, float | None]:
        # Eighths add up exactly, in whatever order.
        return (
            chance.randrange(2),
            chance.choice([None, chance.randrange(900) / 8]),
            chance.choice([None, chance.randrange(8, 41) / 8]),
        )

    def steps() -> None:
        step = chance.random()
        test_id, user_id = some()
        own = f"test_id = {test_id} AND user_id = '{user_id}'"
        one = f"outcome_id = (SELECT outcome_id FROM ab_test_outcomes WHERE {own} LIMIT 1)"
        if step < 0.5:
            tell(sql, test_id, user_id, *values())
        elif step < 0.65:
            sql.execute(f"DELETE FROM ab_test_assignments WHERE {own}")
            assign(sql, test_id, user_id, chance.choice(["control", "treatment"]))
        elif step < 0.7:
            sql.execute(f"DELETE FROM ab_test_assignments WHERE {own}")
        elif step < 0.8:
            sql.execute(f"DELETE FROM ab_test_outcomes WHERE {one}")
        elif step < 0.82:
            sql.execute(f"DELETE FROM ab_test_outcomes WHERE {own}")
        elif step < 0.9:
            changes = "completed = ?, duration_seconds = ?, user_rating = ?"
            sql.execute(f"UPDATE ab_test_outcomes SET {changes} WHERE {one}", values())
        else:
            sql.execute(f"UPDATE ab_test_outcomes SET test_id = ?, user_id = ? WHERE {one}", some())

    for _ in range(250):
        steps()
    found = sql.execute("SELECT * FROM ab_test_user_sums ORDER BY test_id, user_id").fetchall()
    assert len(found) > 4
    assert found == sql.execute(f"{RECOUNTED} ORDER BY a.test_id, a.user_id").fetchall()
    by_group = (
        "SELECT test_id, group_name, count(*), sum(outcome_count), sum(completed_count), sum(duration_sum),"
        " sum(duration_count), sum(rating_sum), sum(rating_count) FROM ab_test_user_sums GROUP BY 1, 2"
    )
    assert sql.execute("SELECT * FROM ab_test_group_counts").fetchall() == sql.execute(by_group).fetchall()
    assert store.drifted() == []


def test_after_the_last_duration_and_rating_is_gone_nothing_is_left_of_their_sums(
    store: Store, sql: sqlite3.Connection
) -> None:
    assign(sql, 1, "u")
    for value in (0.1, 0.2, 0.3, 0.7):
        tell(sql, 1, "u", 1, value, 1 + value)
    tell(sql, 1, "u", 1, None, None)
    for value in (0.3, 0.1, 0.7, 0.2):
        sql.execute("DELETE FROM ab_test_outcomes WHERE duration_seconds = ?", (value,))
    sums = "outcome_count, duration_sum, duration_count, rating_sum, rating_count"
    for table in ("ab_test_user_sums", "ab_test_group_counts"):
        assert sql.execute(f"SELECT {sums} FROM {table}").fetchall() == [(1, 0.0, 0, 0.0, 0)], table
    sql.execute("DELETE FROM ab_test_assignments")
    for table in ("ab_test_user_sums", "ab_test_group_counts"):
        assert sql.execute(f"SELECT * FROM {table}").fetchall() == [], table


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ab_test_user_sums SET outcome_count = outcome_count + 1",
        "UPDATE ab_test_user_sums SET duration_sum = duration_sum + 0.002",
        "UPDATE ab_test_user_sums SET rating_sum = 0",
        "UPDATE ab_test_user_sums SET group_name = 'treatment'",
        "DELETE FROM ab_test_user_sums",
    ],
)
def test_sums_that_were_tampered_with_are_found_and_mended(store: Store, sql: sqlite3.Connection, change: str) -> None:
    assign(sql, 1, "u")
    for value in (0.1, 0.2, 0.3):
        tell(sql, 1, "u", 1, value, 1 + value)
    before = sql.execute(RECOUNTED).fetchall()
    assert store.drifted() == []
    sql.execute(change)
    assert store.drifted() == ["ab_test_user_sums"]
    store.rebuild()
    assert sql.execute("SELECT * FROM ab_test_user_sums").fetchall() == before
    assert store.drifted() == []


def test_another_moment_of_assignment_is_that_of_the_sums(store: Store, sql: sqlite3.Connection) -> None:
    assign(sql, 1, "u")
    sql.execute("UPDATE ab_test_assignments SET assigned_at = '2026-01-05T00:00:00.000Z'")
    assert sql.execute("SELECT assigned_at FROM ab_test_user_sums").fetchall() == [("2026-01-05T00:00:00.000Z",)]


def test_what_happened_to_an_experiment_stays_until_the_experiment_goes(store: Store, sql: sqlite3.Connection) -> None:
    for number in (1, 2):
        sql.execute("INSERT INTO ab_test_events VALUES (?, ?, ?, 'someone', 'start', NULL)", (number, number, NOW))
    for change in ("UPDATE ab_test_events SET actor = 'else'", "DELETE FROM ab_test_events WHERE event_id = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="What happened to an experiment"):
            sql.execute(change)
    assign(sql, 1, "u")
    tell(sql, 1, "u", 1, 2.0, None)
    sql.execute("INSERT INTO ab_test_exposures VALUES (1, 'u', ?, 'control', ?)", (NOW[:10], NOW))
    sql.execute("INSERT INTO ab_test_covariates VALUES (1, 'u', 2, 1, 0.5, 1)")
    sql.execute("DELETE FROM ab_test_configs WHERE test_id = 1")
    for table in ("assignments", "outcomes", "exposures", "covariates", "user_sums", "group_counts"):
        assert sql.execute(f"SELECT count(*) FROM ab_test_{table}").fetchone() == (0,), table
    assert sql.execute("SELECT event_id FROM ab_test_events").fetchall() == [(2,)]
