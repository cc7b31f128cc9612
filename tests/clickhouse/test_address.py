"""URLs of ClickHouse stores, the names in them, and what a client makes of a value or a server that does not answer."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput, StoreAway, UnknownStore
from session_buddy.storage import is_clickhouse, open_store, sqlite_path
from session_buddy.storage.clickhouse.address import CLUSTER_VARIABLE, parse_url
from session_buddy.storage.clickhouse.connection import open_client
from session_buddy.storage.clickhouse.upkeep import SCRIPTS
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.clickhouse_schema import without_database
from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget
from session_buddy.storage.redaction import without_password
from session_buddy.storage.tables import PLAIN_TABLES
from tests.clickhouse.places import drop, folder, lend, take_back
from tests.making import many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")


def test_a_server_has_half_a_minute_to_answer_unless_the_url_says_otherwise() -> None:
    assert parse_url("clickhouse://host/db").timeout_seconds == 30
    assert parse_url("clickhouses://host/db?timeout=600").timeout_seconds == 600


@pytest.mark.parametrize("timeout", ["0", "-1", "1.5", "", "soon", "86401", "²"])
def test_other_timeouts_are_refused(timeout: str) -> None:
    with pytest.raises(UnknownStore, match="no time to wait"):
        parse_url(f"clickhouse://host/db?timeout={timeout}")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("chdb:///folder?databse=a", "databse"),
        ("chdb:///folder?timeout=5", "timeout"),
        ("clickhouse://host/db?timeout=5&secure=1&compress", "compress, secure"),
        ("clickhouses://host/db?database=a", "database"),
    ],
)
def test_parameters_that_mean_nothing_are_named(url: str, named: str) -> None:
    with pytest.raises(UnknownStore, match=rf"mean nothing here: {named}\."):
        parse_url(url)


@pytest.mark.parametrize("url", ["clickhouse://me:secret@host:port/db", "clickhouse://me:secret@host/a-b?x=1",
                                 "postgres://me:secret@host/db"])  # fmt: skip
def test_no_error_tells_the_password(url: str) -> None:
    with pytest.raises(UnknownStore) as told:
        parse_url(url)
    assert "secret" not in str(told.value)
    assert "me@host" in str(told.value)


SECRET = st.text("hunter2:/?#@=&%[] \\'", min_size=1, max_size=9).map(lambda odd: f"hunter2{odd}hunter2")
NO_PLACE = SECRET.filter(lambda secret: "@" not in secret)
"""Behind an @ a place is named, which is no secret."""
BEGINNINGS = st.sampled_from(
    ["clickhouse://", "clickhouses://", "CLICKHOUSE://", "ClickHouse:/", "clikhouse://", "http://", "https:", "chdb://",
     "postgres:///", "sqlite://", "SQLite:/", "", "://", " clickhouse://"]
)  # fmt: skip
USERS = st.sampled_from(["u:", "me@corp.com:", "u/x:", "u:1/", "u:1?", "u:1?timeout=", "u:a=b?password=", ":", "u%3A:"])
ENDS = st.sampled_from(["@h/db", "@h:8123/db?timeout=5", "@h", "@", "@h:port/db", "@h/a-b", "@[::1/db", "@h/db?x=1"])
ASKING = st.sampled_from(
    ["clickhouse://h/db?password=", "clickhouse://u@h/db?timeout=", "chdb:///folder?password=",
     "clickhouse://u:", "clickhouse:u:", "u:", "clickhouse://h/db#", "clickhouse://h:"]
)  # fmt: skip


@given(
    st.one_of(st.builds("{}{}{}{}".format, BEGINNINGS, USERS, SECRET, ENDS), st.builds("{}{}".format, ASKING, NO_PLACE))
)
def test_a_password_stands_in_no_error_however_the_url_was_mistyped(url: str) -> None:
    assert "hunter" not in without_password(url)
    for use in (parse_url, sqlite_path):
        try:
            use(url)
        except UnknownStore as error:
            assert "hunter" not in f"{error} {error.remedy} {error.__context__} {error.__cause__}"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://u:hunter2@h/db", "http://u@h/db"),
        ("clickhouse://me@corp.com:hunter2@host/db", "clickhouse://***@host/db"),
        ("clickhouse://u/x:hunter2@host/db", "clickhouse://***@host/db"),
        ("clickhouse:/u:hunter2@host/db", "clickhouse:/***@host/db"),
        ("clickhouse://u:1/hunter2@h/db", "clickhouse://u@h/db"),
        ("clickhouse://me@host:8123/db?password=hunter2", "clickhouse://me@host:8123/db?***"),
        ("clickhouse://host/db?password=hunter2@hunter3", "clickhouse://***@***"),
        ("clickhouse://host:8123/db", "clickhouse://host:8123/db"),
        ("chdb:///~/me@home?database=a", "chdb:///~/me@home?database=a"),
        ("sqlite:////home/me@home/a b.db", "sqlite:////home/me@home/a b.db"),
        ("skills.db", "skills.db"),
    ],
)
def test_what_is_no_secret_is_shown(url: str, told: str) -> None:
    assert without_password(url) == told


def test_a_scheme_is_the_same_in_capitals() -> None:
    assert parse_url("CLICKHOUSE://u:secret@Host/db") == parse_url("clickhouse://u:secret@host/db")
    assert is_clickhouse("CHDB:///folder")
    assert sqlite_path("SQLite:///a.db") == sqlite_path("sqlite:///a.db")


@pytest.mark.parametrize("name", ["a-b", "1st", "", "a b", "ä"])
def test_names_that_need_quotes_are_refused(name: str) -> None:
    with pytest.raises(UnknownStore, match="no name of a database"):
        parse_url(f"chdb:///folder?database={name}")


@pytest.mark.parametrize("name", [*(pytest.param(one, marks=pytest.mark.long) for one in "ir"), "s", "skill_name"])
@pytest.mark.long
def test_a_database_may_be_called_what_views_call_their_sources_and_columns(name: str) -> None:
    url = f"chdb:///{folder()}?database={name}"
    with open_store(url) as store:
        store.record(many(50))
        assert store.query("SELECT sum(invocation_count) FROM skill_metrics").rows == [(50,)]
        assert store.query("SELECT count() > 3 FROM v_skill_dependency_network").rows == [(True,)]
        assert store.drifted() == []
    target = ClickHouseTarget(parse_url(url))
    assert MigrationManager(scripts=SCRIPTS, target=target).verify().ok
    target.client.close()
    drop(url)


def test_the_name_of_a_database_is_left_out_of_its_schema_wherever_a_cluster_puts_it() -> None:
    table = (
        "CREATE TABLE {0}t_local (`d` String, `e` String) ENGINE = ReplicatedSummingMergeTree("
        "'/clickhouse/tables/{{shard}}/{1}t', '{{replica}}') ORDER BY d SETTINGS index_granularity = 8192"
    )
    whole = "CREATE TABLE {0}s (`d` String) ENGINE = ReplicatedMergeTree('/clickhouse/tables/{1}s', '{{replica}}')"
    over_all = "CREATE TABLE {0}t (`d` String) ENGINE = Distributed('main', '{2}', 't_local', cityHash64(d))"
    feed = "CREATE MATERIALIZED VIEW {0}m TO {0}t_local (`d` String) AS SELECT 'd' AS d FROM {0}c_local AS d"
    for text in (table, whole, over_all, feed):
        assert without_database(text.format("d.", "d/", "d"), "d") == text.format("", "", "")


def test_a_server_that_says_nothing_is_away_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(StoreAway):
            open_client(parse_url(f"clickhouse://127.0.0.1:{silent.getsockname()[1]}/db?timeout=1"))
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("table", "row", "named"),
    [
        ("skill_cluster_membership", ("a", 1 << 70, 0.5), "cluster_id"),
        ("skill_cluster_membership", (None, 1, 0.5), "skill_name"),
        ("skill_cluster_membership", ("a", 1, "much"), "skill_cluster_membership"),
        ("store_settings", ("a", 5), "store_settings"),
    ],
)
def test_a_value_that_does_not_fit_is_the_callers(table: str, row: tuple[object, ...], named: str) -> None:
    url = lend()
    plain = next(known for known in PLAIN_TABLES if known.name == table)
    with open_store(url) as store:
        with pytest.raises(InvalidInput) as told:
            store.put_rows(plain, [row])
        assert told.value.field == named
        assert store.query(f"SELECT count() FROM {table}").rows == [(0,)]
    take_back(url)


def test_only_servers_are_nodes_of_a_cluster() -> None:
    environment = {CLUSTER_VARIABLE: "main"}
    assert parse_url("clickhouse://host/db", environment).cluster == "main"
    assert parse_url("clickhouses://host/db", environment).cluster == "main"
    assert parse_url("chdb:///folder", environment).cluster == ""
    assert parse_url("clickhouse://host/db", {}).cluster == ""
