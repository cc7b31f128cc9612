"""Views over several sharded tables: joined, they say what they say of the same rows in one place."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import pytest

from session_buddy.storage.clickhouse.cluster_client import reading_settings
from session_buddy.storage.migrations.statements import split
from tests.clickhouse.cluster_snapshot import layout, scripts
from tests.clickhouse.two_shards import run

pytestmark = pytest.mark.long

pytest.importorskip("chdb", reason="the extra 'clickhouse' is not installed")

MILLISECONDS = time.time_ns() // 1_000_000
NOW = f"fromUnixTimestamp64Milli({MILLISECONDS}, 'UTC')"
"""Minutes are kept for three days of real time, so it is a moment of these."""
EVENTS = f"""
INSERT INTO invocation_change (event_id, session_id, user_id, skill_name, kind, invoked_at, outcome, duration_ms,
    triggered_by, source, sign, version, first_version, opens_session, joins_session, joins_user, partners,
    workflow_phase, rating, follow_up_actions, traits)
SELECT concat('e', toString(number)), concat('s', toString(number % 12)), concat('u', toString(number % 6)),
    concat('skill-', toString(intDiv(number, 12) % 5)), 'skill', {NOW} - number * 1800,
    if(number % 3, 'completed', 'failed'), number * 10, 'model', 'test', 1, ({MILLISECONDS} + number) * 1048576,
    number + 1, number < 12, number < 60, number < 60 AND number % 12 < 6,
    arrayMap(n -> concat('skill-', toString(n)), range(if(number < 60, intDiv(number, 12), 0))),
    if(number % 2, 'verification', NULL), number % 5 + 1, if(number % 7, NULL, '["retry"]'),
    if(number % 4, NULL, '["reads:py"]')
FROM numbers(240)
"""
EXPERIMENT = [
    "INSERT INTO ab_test_configs (test_id, test_name, control_strategy, treatment_strategy, start_date)"
    " VALUES (1, 't', 'a', 'b', '2026-01-01T00:00:00.000Z')",
    "INSERT INTO ab_test_assignments (assignment_id, test_id, user_id, group_name, assigned_at) SELECT number, 1,"
    " concat('u', toString(number)), if(number % 2, 'control', 'treatment'), '2026-01-01T00:00:00.000Z'"
    " FROM numbers(6)",
    "INSERT INTO ab_test_outcomes (outcome_id, test_id, user_id, skill_name, completed, recorded_at) SELECT number, 1,"
    " concat('u', toString(number % 6)), 'skill-0', number % 3 > 0, '2026-01-01T00:00:00.000Z' FROM numbers(60)",
]
JOIN = """
SELECT count() FROM ab_test_assignments AS a
INNER JOIN ab_test_outcomes AS o ON o.test_id = a.test_id AND o.user_id = a.user_id
"""
CLOCK = f"INSERT INTO store_clock SELECT 1, {NOW}, 1"


def views() -> list[str]:
    words = [statement.sql.split() for script in scripts() for statement in split(script.up)]
    return sorted({word[word.index("AS") - 1] for word in words if word[0] == "CREATE" and "VIEW" in word[:4]
                   and "MATERIALIZED" not in word[:2]})  # fmt: skip


@cache
def answers() -> dict[tuple[str, str], Any]:
    """Return what each view says over both shards, asked in each mode, and over the same rows as one table."""
    statements = [
        (database, statement.sql)
        for database in ("one", "copy", "shards", "whole")
        for script in scripts()
        for statement in split(script.up)
    ]
    statements += [(database, sql) for database in ("one", "copy") for sql in (CLOCK, EVENTS, *EXPERIMENT[1:])]
    statements += [(database, sql) for database in ("shards", "whole") for sql in (CLOCK, EXPERIMENT[0])]
    for table in sorted(layout().sharded - {"invocation_change"}):
        statements += [(database, f"DROP TABLE {table} SYNC") for database in ("shards", "whole")]
        statements.append(("shards", f"CREATE TABLE {table} AS one.{table} ENGINE = Distributed(two, 'one', {table})"))
        merge = f"Merge(REGEXP('^(one|copy)$'), '^{table}$')"
        statements.append(("whole", f"CREATE TABLE {table} AS one.{table} ENGINE = {merge}"))
    asked = [("whole", "global"), ("shards", "global"), ("shards", "deny")]
    modes = [(database, mode, view) for database, mode in asked for view in (*views(), JOIN)]
    found = run(
        statements,
        [
            (database, {**reading_settings(), "prefer_localhost_replica": 1, "distributed_product_mode": mode},
             view if view is JOIN else f"SELECT * FROM {view}")
            for database, mode, view in modes
        ],
    )  # fmt: skip
    return {(f"{database} {mode}", view): rows for (database, mode, view), rows in zip(modes, found, strict=True)}


@pytest.mark.parametrize("view", views())
def test_over_shards_as_over_one_table(view: str) -> None:
    expected, found = answers()["whole global", view], answers()["shards global", view]
    assert isinstance(expected, list), expected
    assert isinstance(found, list), found
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
    assert expected or view in {"import_checkpoint", "import_quarantine"}


def test_a_join_of_two_sharded_tables_is_refused_without_the_setting_and_whole_with_it() -> None:
    assert answers()["shards global", JOIN] == answers()["whole global", JOIN] == [[240]]
    refused = {view for (mode, view), rows in answers().items() if mode == "shards deny" and isinstance(rows, str)}
    # No view depends on it.
    assert refused == {JOIN}
