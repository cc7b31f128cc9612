"""The statements of a cluster, made from those of one server."""

from __future__ import annotations

import re

import msgspec
import pytest

from session_buddy.errors import MigrationError
from session_buddy.storage.clickhouse.cluster import clustered, layout_of
from tests.clickhouse import cluster_snapshot
from tests.clickhouse.own_cluster import run
from tests.clickhouse.parsing import formatted

DOOR = """
-- The door; FROM here 'everything' goes on.
CREATE TABLE IF NOT EXISTS invocation_change (
    sign Int8, version UInt64, event_id String, user_id String, /* who (a hash) */ skill_name LowCardinality(String),
    outcome Enum8('completed' = 1, 'it''s (odd' = 2)
) ENGINE = Null;
"""
LOG = """
CREATE TABLE IF NOT EXISTS invocation_log (
    event_id String, user_id String, version UInt64, invoked_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))
) ENGINE = ReplacingMergeTree(version) PARTITION BY toYYYYMM(invoked_at) ORDER BY (user_id, event_id)
SETTINGS non_replicated_deduplication_window = 10000
"""
HOURS = (
    "CREATE TABLE hours (skill_name String, hour DateTime, n Int64)"
    " ENGINE = SummingMergeTree ORDER BY (skill_name, hour)"
)
KNOWN = "CREATE TABLE known (day Date, event_key UInt64) ENGINE = MergeTree ORDER BY (day, event_key)"
SETTINGS = (
    "CREATE TABLE IF NOT EXISTS store_settings (name String, value String, version UInt64)"
    " ENGINE = ReplacingMergeTree(version) ORDER BY name"
)
ASSIGNMENTS = (
    "CREATE TABLE ab_test_assignments (assignment_id UInt64, test_id UInt64, user_id String)"
    " ENGINE = MergeTree ORDER BY assignment_id"
)
FEED_LOG = (
    "CREATE MATERIALIZED VIEW IF NOT EXISTS mv_log TO invocation_log AS SELECT * FROM invocation_change WHERE sign > 0"
)
FEED_HOURS = (
    "CREATE MATERIALIZED VIEW mv_hours TO hours AS SELECT skill_name, now() AS hour, sum(sign) AS n"
    " FROM invocation_change WHERE outcome <> 'FROM invocation_change' GROUP BY skill_name"
)
FEED_KNOWN = (
    "CREATE MATERIALIZED VIEW mv_known TO known AS SELECT today() AS day, 1 AS event_key FROM invocation_change"
)
VIEW = "CREATE OR REPLACE VIEW v AS SELECT skill_name, sum(n) FROM hours WHERE hour > now() GROUP BY skill_name"
ALL = [DOOR, LOG, HOURS, KNOWN, SETTINGS, ASSIGNMENTS, FEED_LOG, FEED_HOURS, FEED_KNOWN, VIEW]
LAYOUT = layout_of(ALL, "main")


def one(statement: str) -> str:
    (made,) = clustered(statement, LAYOUT)
    return made


def test_what_events_feed_and_what_has_a_user_is_sharded_and_the_rest_is_whole() -> None:
    assert LAYOUT.sharded == {"invocation_change", "invocation_log", "hours", "known", "ab_test_assignments"}


def test_a_sharded_table_is_a_replicated_one_and_one_over_all_shards() -> None:
    local, over_all = clustered(LOG, LAYOUT)
    assert local == (
        "CREATE TABLE IF NOT EXISTS invocation_log_local ON CLUSTER main (\n"
        "    event_id String, user_id String, version UInt64,"
        " invoked_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))\n"
        ") ENGINE = ReplicatedReplacingMergeTree("
        "'/clickhouse/tables/{shard}/{database}/invocation_log', '{replica}', version)"
        " PARTITION BY toYYYYMM(invoked_at) ORDER BY (user_id, event_id)\n"
        "SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
    )
    assert over_all == (
        "CREATE TABLE IF NOT EXISTS invocation_log ON CLUSTER main AS invocation_log_local ENGINE = "
        "Distributed(main, currentDatabase(), invocation_log_local, cityHash64(user_id))"
    )


def test_the_door_keeps_nothing_and_leads_to_the_shard_of_the_user() -> None:
    local, over_all = clustered(DOOR, LAYOUT)
    assert local.startswith("CREATE TABLE IF NOT EXISTS invocation_change_local ON CLUSTER main (")
    assert local.endswith("'it''s (odd' = 2)\n) ENGINE = Null")
    assert over_all.endswith("Distributed(main, currentDatabase(), invocation_change_local, cityHash64(user_id))")


@pytest.mark.parametrize(("table", "column"), [(HOURS, "skill_name"), (KNOWN, "day"), (ASSIGNMENTS, "user_id")])
def test_rows_are_spread_by_user_else_skill_else_the_sorting_key(table: str, column: str) -> None:
    assert clustered(table, LAYOUT)[1].endswith(f"cityHash64({column}))")


def test_a_table_that_people_write_is_whole_on_every_node() -> None:
    assert one(SETTINGS) == (
        "CREATE TABLE IF NOT EXISTS store_settings ON CLUSTER main (name String, value String, version UInt64)"
        " ENGINE = ReplicatedReplacingMergeTree("
        "'/clickhouse/tables/{database}/store_settings', '{shard}-{replica}', version) ORDER BY name"
        " SETTINGS replicated_deduplication_window = 0"
    )


def test_replicas_remember_only_the_batches_of_tables_that_say_so() -> None:
    """A setting that is changed and changed back is written twice alike."""
    flushed = one(f"{SETTINGS} SETTINGS fsync_after_insert = 1")
    assert flushed.endswith(" ORDER BY name SETTINGS fsync_after_insert = 1, replicated_deduplication_window = 0")
    assert clustered(HOURS, LAYOUT)[0].endswith(" SETTINGS replicated_deduplication_window = 0")
    assert "replicated_deduplication_window = 10000" in clustered(LOG, LAYOUT)[0]


def test_the_database_is_named_where_it_is_known() -> None:
    (_, over_all) = clustered(HOURS, msgspec.structs.replace(LAYOUT, database="team"))
    assert over_all.endswith("Distributed(main, 'team', hours_local, cityHash64(skill_name))")


def test_the_statement_that_a_server_shows_of_a_view_makes_it_again() -> None:
    shown = (
        "CREATE MATERIALIZED VIEW mv_log TO invocation_log_local (`event_id` String) AS SELECT *"
        " FROM invocation_change_local"
    )
    assert one(shown) == shown.replace("VIEW mv_log", "VIEW mv_log ON CLUSTER main")


def test_a_materialized_view_reads_and_writes_its_own_shard() -> None:
    assert one(FEED_LOG) == (
        "CREATE MATERIALIZED VIEW IF NOT EXISTS mv_log ON CLUSTER main TO invocation_log_local"
        " AS SELECT * FROM invocation_change_local WHERE sign > 0"
    )
    assert one(FEED_HOURS).endswith(
        " FROM invocation_change_local WHERE outcome <> 'FROM invocation_change' GROUP BY skill_name"
    )


def test_a_view_reads_all_shards() -> None:
    assert one(VIEW) == VIEW.replace("VIEW v AS", "VIEW v ON CLUSTER main AS")


@pytest.mark.parametrize(
    ("statement", "made"),
    [
        (
            "DROP TABLE IF EXISTS hours;",
            [
                "DROP TABLE IF EXISTS hours_local ON CLUSTER main SYNC",
                "DROP TABLE IF EXISTS hours ON CLUSTER main SYNC",
            ],
        ),
        ("DROP TABLE store_settings", ["DROP TABLE store_settings ON CLUSTER main SYNC"]),
        ("DROP VIEW IF EXISTS mv_hours", ["DROP VIEW IF EXISTS mv_hours ON CLUSTER main"]),
        ("TRUNCATE TABLE hours", ["TRUNCATE TABLE hours_local ON CLUSTER main"]),
        (
            "ALTER TABLE invocation_log ADD COLUMN IF NOT EXISTS phase String",
            [
                "ALTER TABLE invocation_log_local ON CLUSTER main ADD COLUMN IF NOT EXISTS phase String",
                "ALTER TABLE invocation_log ON CLUSTER main ADD COLUMN IF NOT EXISTS phase String",
            ],
        ),
        (
            "ALTER TABLE hours MODIFY TTL hour + INTERVAL 3 DAY",
            ["ALTER TABLE hours_local ON CLUSTER main MODIFY TTL hour + INTERVAL 3 DAY"],
        ),
        (
            "DELETE FROM hours WHERE skill_name = 'FROM'",
            ["ALTER TABLE hours_local ON CLUSTER main DELETE WHERE skill_name = 'FROM'"],
        ),
        (
            "ALTER TABLE hours ATTACH PARTITION ID '202601' FROM `other`.hours",
            ["ALTER TABLE hours_local ON CLUSTER main ATTACH PARTITION ID '202601' FROM `other`.hours_local"],
        ),
        ("CREATE DATABASE IF NOT EXISTS d", ["CREATE DATABASE IF NOT EXISTS d ON CLUSTER main"]),
        ("DROP DATABASE IF EXISTS `d` SYNC", ["DROP DATABASE IF EXISTS `d` ON CLUSTER main SYNC"]),
        (
            "CREATE TABLE lock (id UInt8) ENGINE = Null COMMENT 'me'",
            ["CREATE TABLE lock ON CLUSTER main (id UInt8) ENGINE = Null COMMENT 'me'"],
        ),
        ("SYSTEM SYNC REPLICA store_settings", ["SYSTEM SYNC REPLICA store_settings"]),
        ("INSERT INTO store_settings VALUES ('a', 'b', 1)", ["INSERT INTO store_settings VALUES ('a', 'b', 1)"]),
    ],
)
def test_changes_reach_every_node(statement: str, made: list[str]) -> None:
    assert list(clustered(statement, LAYOUT)) == made


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("RENAME TABLE hours TO days", "no form for a cluster"),
        ("CREATE TABLE t (a Int8) ENGINE = Memory ORDER BY a", "not replicated"),
        ("CREATE TABLE t (a Int8)", "names no engine"),
        ("CREATE TABLE t (a Int8 ENGINE = MergeTree", "not closed"),
    ],
)
def test_what_cannot_be_said_for_a_cluster_is_refused(statement: str, words: str) -> None:
    with pytest.raises(MigrationError, match=words):
        clustered(statement, LAYOUT)


def test_a_table_without_anything_to_spread_by_is_refused() -> None:
    with pytest.raises(MigrationError, match="no column to spread"):
        layout_of(["CREATE TABLE t (a Int8) ENGINE = MergeTree"], "main")


@pytest.mark.parametrize("name", ["", "a b", "x'; DROP TABLE y"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(MigrationError, match="is no name of a cluster"):
        layout_of([], name)


def test_the_engine_understands_every_statement() -> None:
    made = [
        text
        for statement in [*ALL, "DROP TABLE IF EXISTS hours", "ALTER TABLE hours ADD COLUMN IF NOT EXISTS a Int8"]
        for text in clustered(statement, LAYOUT)
    ]
    assert all("ON CLUSTER main" in text for text in formatted(made))


def test_the_page_of_all_statements_is_up_to_date() -> None:
    assert cluster_snapshot.SNAPSHOT.read_text(encoding="utf-8") == cluster_snapshot.page(), cluster_snapshot.__doc__


def test_the_engine_understands_the_scripts_of_a_cluster() -> None:
    statements = [made for script in cluster_snapshot.statements_by_script().values() for made in script]
    assert len(statements) > 150
    written = formatted(statements)
    # What is not ON CLUSTER would be on one node only; data that is written there is spread by its table.
    assert {text.split()[0] for text in written if "ON CLUSTER session_buddy" not in text} == {"INSERT"}


def test_what_events_feed_is_sharded_and_what_people_write_is_whole() -> None:
    sharded = cluster_snapshot.layout().sharded
    assert {name for name in sharded if not name.startswith(("roll_", "invocation_"))} == {
        "ab_test_assignments",
        "ab_test_covariates",
        "ab_test_exposures",
        "ab_test_outcomes",
    }
    named = {
        "store_settings",
        "store_clock",
        "skill_categories",
        "skill_category_mapping",
        "skill_modalities",
        "skill_sources",
        "skill_dependency_details",
        "skill_paths",
        "skill_description",
        "text_embedding",
        "community_publishers",
        "community_shares",
        "learned_models",
        "refresh_jobs",
        "ab_test_configs",
        "ab_test_events",
        "import_checkpoint_log",
    }
    assert not named & sharded
    page = cluster_snapshot.page()
    kept = {name for name in sharded if not name.startswith("invocation_change")}
    assert all(f"/clickhouse/tables/{{database}}/{name}'" in page for name in named)
    assert all(f"/clickhouse/tables/{{shard}}/{{database}}/{name}'" in page for name in kept)


def test_no_rows_are_spread_by_the_state_of_an_aggregate() -> None:
    """``user_id`` of a session's roll-up is such a state; its rows go by session."""
    (over_all,) = re.findall(r"CREATE TABLE IF NOT EXISTS roll_session ON .*", cluster_snapshot.page())
    assert over_all.endswith("cityHash64(session_id));")


def events(number: int) -> str:
    """Return an insert of events of ten users with a session each; every fourth failed."""
    return f"""
    INSERT INTO invocation_change (event_id, session_id, user_id, skill_name, kind, invoked_at, outcome, triggered_by,
        source, sign, version, opens_session, joins_session, joins_user, workflow_phase)
    SELECT concat('e', toString(number)), concat('s', toString(number % 10)), concat('u', toString(number % 10)),
        'pytest-run', 'shell', now64(3) - 60, if(number % 4, 'completed', 'failed'), 'model', 'test', 1, number + 1,
        number < 10, number < 10, number < 10, 'verification'
    FROM numbers({number})"""


def completed_again(event_id: str) -> list[str]:
    """Return inserts that take the state of a failed event away and tell of it as completed."""
    known = f"FROM invocation_log FINAL WHERE event_id = '{event_id}'"
    same = "event_id, session_id, user_id, skill_name, kind, invoked_at, triggered_by, source, workflow_phase"
    into = f"INSERT INTO invocation_change ({same}, outcome, sign, version) SELECT {same}"
    return [f"{into}, outcome, -1, version {known}", f"{into}, 'completed', 1, version + 1000 {known}"]


@pytest.mark.parametrize("recounted", [False, True])
@pytest.mark.long
def test_the_statements_run_and_the_views_read_through_them(recounted: bool) -> None:
    by_script = cluster_snapshot.statements_by_script()
    recount = [made for name, statements in by_script.items() if name.endswith("backfill.sql") for made in statements]
    assert recount
    up = [made for name, statements in by_script.items() if name.endswith("up.sql") for made in statements]
    found = run(
        # Every script twice: a migration that stopped half-way runs again from its start.
        [*up, *up, events(100), *completed_again("e0"), *(recount if recounted else ())],
        [
            "SELECT count() FROM skill_invocation",
            "SELECT invocation_count, completed_count, failed_count, session_count FROM skill_metrics",
            "SELECT count(), sum(invocation_count) FROM session_summary",
            "SELECT skill_name, invocation_count_1h FROM v_realtime_skill_dashboard",
            "SELECT invocation_count_7d FROM v_skill_effectiveness_trend",
            "SELECT count(), any(total_users) FROM v_community_baseline_comparison",
            "SELECT count() FROM v_skill_dependency_network",
            "SELECT count() FROM v_ab_test_summary",
            "SELECT category_name, invocation_count FROM v_multimodal_skill_catalog WHERE skill_name = 'pytest-run'",
            "SELECT count() FROM skill_categories FINAL",
        ],
    )
    numbers = [[[int(cell) if str(cell).isdigit() else cell for cell in row] for row in rows] for rows in found]
    assert numbers == [
        [[100]],
        [[100, 76, 24, 10]],
        [[10, 100]],
        [["pytest-run", 100]],
        [[100]],
        [[10, 10]],
        [[0]],
        [[0]],
        [["Testing", 100]],
        [[4]],
    ]


def test_the_down_scripts_leave_nothing() -> None:
    by_script = cluster_snapshot.statements_by_script()
    up = [name for name in by_script if name.endswith("up.sql")]
    down = [name for name in reversed(by_script) if name.endswith("down.sql")]
    assert len(up) == len(down) >= 4
    statements = [made for name in (*up, *down) for made in by_script[name]]
    assert run(statements, ["SELECT name FROM system.tables WHERE database = 'd'"]) == [[]]
