"""Sums of experiments on ClickHouse: of one experiment they read its rows, and of each row its last state."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.places import drop, new_database
from tests.contract.test_experiment_sums import assignment, outcome, put, put_experiments, user_sums

pytest.importorskip("chdb", reason="the extra 'clickhouse' is not installed")


TABLES = ("ab_test_assignments", "ab_test_outcomes")


@pytest.fixture
def store() -> Iterator[Store]:
    """A store whose experiments keep all states of a row: nothing merges them in passing."""
    url = new_database()
    address = parse_url(url)
    with open_store(url) as opened:
        client = open_client(address, database=address.database)
        for table in TABLES:
            client.command(f"SYSTEM STOP MERGES {table}")
        client.close()
        yield opened
    drop(url)


@pytest.mark.parametrize("view", ["ab_test_user_sums", "ab_test_group_counts"])
def test_a_condition_on_the_experiment_reaches_assignments_and_outcomes(store: Store, view: str) -> None:
    put_experiments(store, 3)
    for test_id in (1, 2, 3):
        put(store, "ab_test_assignments", [assignment(test_id, test_id, "u", "control")])
        put(store, "ab_test_outcomes", [outcome(test_id, test_id, "u", 1)])
    asked = f"SELECT group_name, count(*), sum(completed_count) FROM {view} WHERE test_id = 2 GROUP BY group_name"
    assert store.query(asked).rows == [("control", 1, 1)]
    plan = "\n".join(line for (line,) in store.query(f"EXPLAIN indexes = 1 {asked}").rows)
    reads = re.split(r"ReadFromMergeTree \(\w+\.(\w+)\)", plan)[1:]
    assert sorted(reads[::2]) == list(TABLES)
    # By the sorting key, which begins with it: each experiment was put in by itself and lies in a part of its own.
    for read in reads[1::2]:
        assert re.findall(r"Condition: (.+)|Parts: (\d/\d)", read) == [("(test_id in [2, 2])", ""), ("", "1/3")]


def test_of_what_was_told_several_times_only_the_last_counts(store: Store) -> None:
    put_experiments(store, 1)
    for values in ({"duration_seconds": 8.0, "user_rating": 1.0}, {"duration_seconds": 2.0}):
        for _ in range(2):
            put(store, "ab_test_assignments", [assignment(1, 1, "u", "control")])
            put(store, "ab_test_outcomes", [outcome(1, 1, "u", 1, **values), outcome(2, 1, "u", 0)])
    assert [row[4:] for row in user_sums(store)] == [(2, 1, 2.0, 1, 0.0, 0)]
    summary = "SELECT control_users, control_outcomes, control_completion_rate FROM v_ab_test_summary"
    assert store.query(summary).rows == [(1, 2, 0.5)]


def test_an_assignment_that_was_told_again_is_the_last_one(store: Store) -> None:
    put_experiments(store, 1)
    for group in ("treatment", "control"):
        put(store, "ab_test_assignments", [assignment(1, 1, "u", group)])
    assert [row[1:3] for row in user_sums(store)] == [("u", "control")]
