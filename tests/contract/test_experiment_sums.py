"""What experiments are analysed from: one row a user, whatever came first, and told as often as one likes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from session_buddy.errors import StoreError
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import NOW, shifted

TABLES = {table.name: table for table in PLAIN_TABLES}
SUMS = "outcome_count, completed_count, duration_sum, duration_count, rating_sum, rating_count"
Row = dict[str, Any]


def put(store: Store, name: str, rows: Iterable[Row]) -> None:
    table = TABLES[name]
    store.put_rows(table, [tuple(row.get(column) for column in table.columns) for row in rows])


def put_experiments(store: Store, count: int) -> None:
    put(
        store,
        "ab_test_configs",
        (
            {
                "test_id": n,
                "test_name": f"test {n}",
                "control_strategy": "a",
                "treatment_strategy": "b",
                "start_date": NOW,
                "min_sample_size": 10,
                "assignment_ratio": 0.5,
                "status": "running",
            }
            for n in range(1, count + 1)
        ),
    )


def assignment(number: int, test_id: int, user_id: str, group_name: str) -> Row:
    return {
        "assignment_id": number,
        "test_id": test_id,
        "user_id": user_id,
        "group_name": group_name,
        "assigned_at": shifted(NOW, minutes=number),
    }


def outcome(number: int, test_id: int, user_id: str, completed: int, **values: float) -> Row:
    return {
        "outcome_id": number,
        "test_id": test_id,
        "user_id": user_id,
        "skill_name": "s",
        "completed": completed,
        "recorded_at": NOW,
        **values,
    }


def user_sums(store: Store) -> list[tuple[Any, ...]]:
    return store.query(
        f"SELECT test_id, user_id, group_name, assigned_at, {SUMS} FROM ab_test_user_sums ORDER BY test_id, user_id"
    ).rows


def counted(assignments: Iterable[Row], outcomes: Iterable[Row]) -> list[tuple[Any, ...]]:
    """Return what the sums must be, from one row at a time."""
    by_user: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in outcomes:
        by_user[row["test_id"], row["user_id"]].append(row)
    expected = []
    for row in sorted(assignments, key=lambda row: (row["test_id"], row["user_id"])):
        own = by_user[row["test_id"], row["user_id"]]
        durations = [one["duration_seconds"] for one in own if one.get("duration_seconds") is not None]
        ratings = [one["user_rating"] for one in own if one.get("user_rating") is not None]
        sums = (len(own), sum(one["completed"] for one in own), sum(durations), len(durations))
        origin = (row["test_id"], row["user_id"], row["group_name"], row["assigned_at"])
        expected.append((*origin, *sums, sum(ratings), len(ratings)))
    return expected


def test_every_user_has_the_sums_of_his_outcomes_whatever_came_first(store: Store) -> None:
    chance = random.Random(8)
    put_experiments(store, 2)
    users = [(test_id, f"user-{n}") for test_id in (1, 2) for n in range(40)]
    assignments = [
        assignment(n, *user, chance.choice(["control", "treatment"]))
        # Every fifth has outcomes and no assignment.
        for n, user in enumerate(users)
        if n % 5
    ]
    # Eighths add up exactly, in whatever order.
    outcomes = [
        outcome(n, *chance.choice(users), chance.randrange(2))
        | ({"duration_seconds": chance.randrange(800) / 8} if chance.random() < 0.7 else {})
        | ({"user_rating": chance.randrange(8, 41) / 8} if chance.random() < 0.4 else {})
        for n in range(900)
    ]
    changed = [row | {"completed": 1 - row["completed"], "duration_seconds": None, "user_rating": 2.5}
               for row in outcomes[::9]]  # fmt: skip
    for begin in range(0, len(outcomes), 100):
        put(store, "ab_test_assignments", assignments[begin // 14 : begin // 14 + 8])
        put(store, "ab_test_outcomes", outcomes[begin : begin + 100])
    put(store, "ab_test_assignments", assignments)
    told = {row["outcome_id"]: row for row in outcomes}
    assert user_sums(store) == counted(assignments, told.values())
    put(store, "ab_test_outcomes", changed)
    put(store, "ab_test_outcomes", outcomes[1::9])
    put(store, "ab_test_assignments", assignments[::3])
    told |= {row["outcome_id"]: row for row in changed}
    expected = counted(assignments, told.values())
    assert user_sums(store) == expected
    by_group = store.query(
        f"SELECT test_id, group_name, user_count, {SUMS} FROM ab_test_group_counts ORDER BY test_id, group_name"
    ).rows
    assert by_group == [
        (test_id, group, len(rows), *(sum(column) for column in zip(*(row[4:] for row in rows), strict=True)))
        for test_id in (1, 2)
        for group in ("control", "treatment")
        for rows in [[row for row in expected if row[0] == test_id and row[2] == group]]
    ]
    assert store.drifted() == []
    store.rebuild()
    assert user_sums(store) == expected


def test_the_summary_counts_users_once_and_rates_are_those_of_outcomes(store: Store) -> None:
    """Users are not multiplied by their outcomes, and a rate is not the rate of the completed ones."""
    put_experiments(store, 2)
    users = [(f"user-{n:03}", "treatment" if n < 100 else "control") for n in range(200)]
    put(store, "ab_test_assignments", (assignment(n, 1, *user) for n, user in enumerate(users)))
    # Every user of control has four outcomes, of which one completed; every second of treatment two, of which both did.
    numbered = enumerate(
        (user, int(time == 0 or group == "treatment"))
        for n, (user, group) in enumerate(users)
        for time in range(4 if group == "control" else 2 * (n % 2))
    )
    put(store, "ab_test_outcomes", (outcome(n, 1, user, completed) for n, (user, completed) in numbered))
    put(store, "ab_test_outcomes", (outcome(9_000 + n, 1, f"nobody-{n}", 1) for n in range(50)))
    columns = ", ".join(
        f"{group}_{what}"
        for what in ("users", "outcomes", "completed", "completion_rate", "avg_duration_seconds", "avg_rating")
        for group in ("control", "treatment")
    )
    found = store.query(f"SELECT {columns}, completion_rate_delta FROM v_ab_test_summary ORDER BY test_id").rows
    nothing = (None, None)
    assert found == [
        (100, 100, 400, 100, 100, 100, 0.25, 1.0, *nothing, *nothing, 0.75),
        (0, 0, 0, 0, 0, 0, *nothing, *nothing, *nothing, None),
    ]


def test_sums_of_nothing_are_zero(store: Store) -> None:
    put_experiments(store, 1)
    put(store, "ab_test_assignments", [assignment(1, 1, "silent", "control"), assignment(2, 1, "brief", "control")])
    put(store, "ab_test_outcomes", [outcome(1, 1, "brief", 1)])
    rows = user_sums(store)
    assert [row[4:] for row in rows] == [(1, 1, 0.0, 0, 0.0, 0), (0, 0, 0.0, 0, 0.0, 0)]
    assert {type(row[place]) for row in rows for place in (6, 8)} == {float}
    assert {type(row[place]) for row in rows for place in (4, 5, 7, 9)} == {int}


def test_an_assignment_takes_in_what_came_before_it_and_the_outcomes_of_its_own_experiment_only(store: Store) -> None:
    put_experiments(store, 2)
    put(store, "ab_test_outcomes", [outcome(1, 1, "u", 1, duration_seconds=2.0), outcome(2, 2, "u", 0)])
    assert user_sums(store) == []
    put(store, "ab_test_assignments", [assignment(1, 1, "u", "treatment")])
    put(store, "ab_test_outcomes", [outcome(3, 1, "u", 0, user_rating=4.0), outcome(4, 2, "u", 1)])
    assert [(row[:3], row[4:]) for row in user_sums(store)] == [((1, "u", "treatment"), (2, 1, 2.0, 1, 4.0, 1))]


BAD: list[tuple[str, Row]] = [
    ("ab_test_outcomes", outcome(1, 1, "u", 1, duration_seconds=-0.5)),
    ("ab_test_outcomes", outcome(1, 1, "u", 1, duration_seconds=float("inf"))),
    ("ab_test_outcomes", outcome(1, 1, "u", 1, user_rating=5.5)),
    ("ab_test_outcomes", outcome(1, 1, "u", 2)),
    ("ab_test_outcomes", outcome(1, 1, "", 1)),
    ("ab_test_assignments", assignment(1, 1, "u", "placebo")),
    ("ab_test_exposures", {"test_id": 1, "user_id": "u", "exposed_on": "2020-01-01", "group_name": "control",
                           "exposed_at": NOW}),
    ("ab_test_exposures", {"test_id": 1, "user_id": "u", "exposed_on": "soon", "group_name": "control",
                           "exposed_at": "soon"}),
    ("ab_test_exposures", {"test_id": 1, "user_id": "u", "exposed_on": NOW[:10], "group_name": "placebo",
                           "exposed_at": NOW}),
    ("ab_test_events", {"event_id": 1, "test_id": 1, "happened_at": NOW, "actor": "", "action": "start"}),
    ("ab_test_events", {"event_id": 1, "test_id": 1, "happened_at": NOW, "actor": "a", "action": "start",
                        "details": "{"}),
    ("ab_test_covariates", {"test_id": 1, "user_id": "u", "outcome_count": 1, "completed_count": 2,
                            "duration_sum": 0.0, "duration_count": 0}),
    ("ab_test_covariates", {"test_id": 1, "user_id": "u", "outcome_count": 1, "completed_count": 1,
                            "duration_sum": -1.0, "duration_count": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "row"), BAD)
def test_rows_that_cannot_be_are_refused_and_nothing_of_their_batch_is_stored(
    store: Store, name: str, row: Row
) -> None:
    put_experiments(store, 1)
    good = {
        "ab_test_outcomes": outcome(7, 1, "good", 1),
        "ab_test_assignments": assignment(7, 1, "good", "control"),
        "ab_test_exposures": {"test_id": 1, "user_id": "good", "exposed_on": NOW[:10], "group_name": "control",
                              "exposed_at": NOW},
        "ab_test_events": {"event_id": 7, "test_id": 1, "happened_at": NOW, "actor": "a", "action": "start"},
        "ab_test_covariates": {"test_id": 1, "user_id": "good", "outcome_count": 1, "completed_count": 1,
                               "duration_sum": 0.0, "duration_count": 0},
    }[name]  # fmt: skip
    with pytest.raises(StoreError):
        put(store, name, [good, row])
    count = f"SELECT count(*) FROM {TABLES[name].source}"
    assert store.query(count).rows == [(0,)]
    put(store, name, [good])
    assert store.query(count).rows == [(1,)]
