"""A store on a cluster, from opening to taking the schema out again; what nodes are, see ``cluster_server``."""

from __future__ import annotations

import itertools
import re
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.errors import SchemaDrift, UnknownStore
from session_buddy.model import Invocation, Outcome
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.clickhouse.address import CLUSTER_VARIABLE, parse_url
from session_buddy.storage.clickhouse.cluster_client import reading_settings, writing_settings
from session_buddy.storage.clickhouse.connection import open_client
from session_buddy.storage.clickhouse.upkeep import SCRIPTS
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget
from session_buddy.storage.tables import PLAIN_TABLES
from tests.clickhouse.cluster_server import CLUSTER, ClusterServer
from tests.clickhouse.places import drop, memory, new_database
from tests.making import NOW, FakeClock, invocation, many, shifted

pytestmark = pytest.mark.long

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

VIEWS = {
    "v_realtime_skill_dashboard": "* EXCEPT (updated_at)",
    "v_skill_effectiveness_trend": "*",
    "v_community_baseline_comparison": "*",
    "v_skill_dependency_network": "* EXCEPT (last_updated)",
    "v_ab_test_summary": "*",
    "ab_test_user_sums": "*",
    "v_multimodal_skill_catalog": "*",
    "session_skills": "*",
    "session_summary": "*",
    "skill_invocation": "*",
    "skill_metrics": "*",
    "skill_phase_counts": "*",
    "skill_time_series": "* EXCEPT (id)",
    "user_skill_metrics": "*",
}
CHANGING = re.compile(r"(CREATE|DROP|ALTER|TRUNCATE|RENAME|DELETE|UPDATE|OPTIMIZE)\b")
ROOT = Path(__file__).resolve().parents[2]
_databases = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ClusterServer]:
    with tempfile.TemporaryDirectory(dir=memory()) as folder, ClusterServer(Path(folder) / "data") as running:
        yield running


@pytest.fixture
def database() -> str:
    return f"cluster_{next(_databases)}"


@pytest.fixture
def url(server: ClusterServer, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(CLUSTER_VARIABLE, CLUSTER)
    server.heard()
    return f"clickhouse://default@127.0.0.1:{server.port}/{database}?timeout=120"


@pytest.fixture
def manager(url: str) -> Iterator[MigrationManager]:
    target = ClickHouseTarget(parse_url(url))
    yield MigrationManager(scripts=SCRIPTS, target=target)
    target.client.close()


@pytest.fixture
def engine(url: str, server: ClusterServer) -> Iterator[Any]:
    """The engine behind both nodes, asked directly; the names of the nodes are *database* and ``…__other``."""
    client = open_client(parse_url(url, environment={}))
    yield client
    client.close()


def answers(store: Store) -> dict[str, list[Any]]:
    found = {view: store.query(f"SELECT {columns} FROM {view}").rows for view, columns in VIEWS.items()}
    return {view: sorted(map(rounded, rows), key=repr) for view, rows in found.items()}


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(cell, 9) if isinstance(cell, float) else cell for cell in row)


def tell(store: Store) -> None:
    """Record 600 events of twelve users, a third of them twice, some completed and some under another name later."""
    events = many(600, users=12)
    seen = [msgspec.structs.replace(event, outcome=None, error_type=None, skill_name="seemed") for event in events[::9]]
    batches: list[list[Invocation]] = [seen, events[:400], events[200:], events[::3]]
    for batch in batches:
        store.record(batch)
    tables = {table.name: table for table in PLAIN_TABLES}
    config = {"test_id": 1, "test_name": "t", "control_strategy": "a", "treatment_strategy": "b", "start_date": NOW,
              "min_sample_size": 10, "assignment_ratio": 0.5, "status": "running"}  # fmt: skip
    put(store, tables["ab_test_configs"], [config])
    assigned = [{"assignment_id": n, "test_id": 1, "user_id": f"user-{n}", "assigned_at": NOW,
                 "group_name": "control" if n % 2 else "treatment"} for n in range(12)]  # fmt: skip
    put(store, tables["ab_test_assignments"], assigned)
    outcomes = [{"outcome_id": n, "test_id": 1, "user_id": f"user-{n % 12}", "skill_name": "s", "completed": n % 3 > 0,
                 "recorded_at": NOW} for n in range(60)]  # fmt: skip
    put(store, tables["ab_test_outcomes"], outcomes)


def put(store: Store, table: Any, rows: list[dict[str, Any]]) -> None:
    store.put_rows(table, [tuple(row.get(column) for column in table.columns) for row in rows])


def test_from_opening_to_taking_the_schema_out_it_is_as_on_one_server(
    url: str, database: str, server: ClusterServer, engine: Any, manager: MigrationManager
) -> None:
    one = new_database()
    with open_store(one, clock=FakeClock()) as alone, open_store(url, clock=FakeClock()) as cluster:
        for store in (alone, cluster):
            tell(store)
        expected = answers(alone)
        assert_same(answers(cluster), expected)
        assert_spread_by_user(engine, database)
        engine.command(f"TRUNCATE TABLE {database}__other.roll_hour_local")
        assert cluster.drifted() == ["skill_time_series", "skill_day_buckets"]
        for _ in range(2):  # the same counts, put in again, are no repetition
            cluster.rebuild()
        assert cluster.drifted() == []
        assert_same(answers(cluster), expected)
    drop(one)
    assert manager.verify().ok
    assert manager.rollback(0) == [4, 3, 2, 1]
    assert manager.migrate() == [1, 2, 3, 4]
    assert manager.verify().ok
    assert_in_words_of_a_cluster(server.heard())


def assert_same(found: dict[str, list[Any]], expected: dict[str, list[Any]]) -> None:
    for view in VIEWS:
        assert expected[view], view
        assert found[view] == expected[view], view


def assert_spread_by_user(engine: Any, database: str) -> None:
    counted = "SELECT uniqExact(event_id), uniqExact(user_id) FROM {}.invocation_log_local"
    held = [engine.query(counted.format(node)).result_rows[0] for node in (database, f"{database}__other")]
    assert [sum(column) for column in zip(*held, strict=True)] == [600, 12], "each user is on one shard"
    assert all(events > 100 for events, _ in held)


def assert_in_words_of_a_cluster(heard: list[dict[str, Any]]) -> None:
    # What names the other node was said by this test, past the cluster.
    said = [told["statement"] for told in heard if "__other" not in told["statement"]]
    changing = [sql for sql in said if CHANGING.match(sql)]
    assert {sql.split()[0] for sql in changing} == {"CREATE", "DROP", "ALTER", "TRUNCATE"}
    assert len(changing) > 500
    for sql in changing:
        assert f" ON CLUSTER {CLUSTER}" in sql, sql
        if sql.startswith("CREATE TABLE"):
            assert re.search(r"ENGINE = (Replicated\w*MergeTree\('/clickhouse/|Distributed\(|Null\b)", sql), sql
        if "ENGINE = Replicated" in sql:
            assert " replicated_deduplication_window = " in sql, sql
    inserts = [told for told in heard if told["statement"].startswith("INSERT")]
    assert len(inserts) > 30
    for told in inserts:
        assert told["settings"]["distributed_foreground_insert"] == "1"
        assert "_local" not in told["statement"]
        if " SELECT" in told["statement"]:
            assert told["settings"]["deduplicate_insert"] == "disable", told
        if "invocation_change" in told["statement"]:
            assert re.fullmatch(r"[0-9a-f]{32}-\d+", told["settings"]["insert_deduplication_token"])
    asked = [told["settings"] for told in heard if "FROM v_ab_test_summary" in told["statement"]]
    assert asked
    assert all(settings["distributed_product_mode"] == "global" and settings["readonly"] == "1" for settings in asked)


def test_spans_follow_an_invocation_that_was_another_skill_as_often_as_that_happens(url: str) -> None:
    times = [shifted(NOW, hours=-3), shifted(NOW, hours=-2), shifted(NOW, hours=-1)]
    with open_store(url, clock=FakeClock()) as store:
        store.record(
            [invocation(f"e{n}", skill_name="seemed", outcome=None, invoked_at=at) for n, at in enumerate(times)]
        )
        for known, last in ((2, times[1]), (1, times[0])):
            store.record([invocation(f"e{known}", skill_name="is", outcome=Outcome.COMPLETED, invoked_at=times[known])])
            (span,) = store.query("SELECT first_invoked_at, last_invoked_at FROM skill_metrics"
                                  " WHERE skill_name = 'seemed'").rows  # fmt: skip
            assert span == (times[0], last)
        assert store.drifted() == []


def test_a_batch_that_another_process_tells_again_counts_once(url: str) -> None:
    with open_store(url) as store, open_store(url) as another:
        assert store.record(many(50)) == Recorded(added=50)
        assert another.record(many(50)) == Recorded(unchanged=50)
        assert store.query("SELECT sum(invocation_count) FROM skill_metrics").rows == [(50,)]


def test_what_is_written_changed_and_written_again_is_there(url: str) -> None:
    """Replicas take equal inserts for one unless told otherwise: the third would be dropped as a repetition."""
    settings = next(table for table in PLAIN_TABLES if table.name == "store_settings")
    with open_store(url) as store:
        for value in ("5", "7", "5"):
            put(store, settings, [{"name": "community_min_users", "value": value}])
        assert store.query("SELECT value FROM store_settings FINAL").rows == [("5",)]


def test_what_one_node_lost_is_made_again_and_what_all_lost_is_named(
    engine: Any, database: str, manager: MigrationManager
) -> None:
    manager.migrate()
    for view in ("v_ab_test_summary", "feed_roll_hour"):
        engine.command(f"DROP VIEW {database}.{view} SYNC")
    assert manager.verify().missing == ("view feed_roll_hour", "view v_ab_test_summary")
    assert manager.repair() == ["Created again: view feed_roll_hour, view v_ab_test_summary."]
    engine.command(f"INSERT INTO {database}.skill_categories VALUES (1, 'Mine', NULL, NULL, 'code', '{NOW}', 'own')")
    names = engine.query(f"SELECT name FROM system.tables WHERE database = '{database}'").result_rows
    # These two stay, since what a replica fetches from the others is not played.
    for (name,) in {*names} - {("skill_migrations",), ("skill_categories",)}:
        engine.command(f"DROP TABLE {database}.{name} SYNC")
    (told,) = manager.repair()
    assert told.count("table ") > 50
    assert manager.verify().ok
    kept = engine.query(
        f"SELECT category_name FROM {database}.skill_categories FINAL WHERE category_id = 1"
    ).result_rows
    assert kept == [("Mine",)], "what people wrote stays"
    for node in (database, f"{database}__other"):
        engine.command(f"DROP TABLE {node}.roll_pair_local SYNC")
    with pytest.raises(SchemaDrift, match="table roll_pair_local"):
        manager.repair()


def test_the_lock_holds_on_the_whole_cluster(url: str) -> None:
    first, second = (ClickHouseTarget(parse_url(url)) for _ in range(2))
    with first.lock(1), pytest.raises(Exception, match="has been changing"), second.lock(0):
        pytest.fail("two processes hold the lock")
    with second.lock(0):
        pass
    for target in (first, second):
        target.client.close()


@pytest.mark.parametrize("name", ["a b", "x'; DROP TABLE y", "1st", "a-b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnknownStore, match=r"CLICKHOUSE_CLUSTER=.* is no name of a cluster"):
        parse_url("clickhouse://host/db", environment={CLUSTER_VARIABLE: name})


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_none(name: str) -> None:
    assert parse_url("clickhouse://host/db", environment={CLUSTER_VARIABLE: name}).cluster == ""


def test_the_engine_in_process_is_never_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CLUSTER_VARIABLE, "no name; at all")
    url = new_database()
    with open_store(url) as store:
        store.record(many(10))
        assert store.query("SELECT count() FROM system.tables WHERE name LIKE '%\\_local'").rows == [(0,)]
    drop(url)


def test_the_profile_in_deploy_says_to_everybody_what_the_program_says_itself() -> None:
    profile = ElementTree.parse(ROOT / "deploy" / "clickhouse" / "profile.xml").getroot().find("profiles/default")
    assert profile is not None
    told = {setting.tag: setting.text for setting in profile}
    assert told == {name: str(value) for name, value in reading_settings().items()} | {
        "distributed_foreground_insert": "1"
    }
    assert writing_settings(30).items() >= reading_settings().items()
    assert writing_settings(30)["distributed_ddl_task_timeout"] < 30
