"""The test server itself: it answers the client as a ClickHouse server does, and fails as it is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.clickhouse.http_server import ChdbServer, Kind

clickhouse_connect = pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")
exceptions = pytest.importorskip("clickhouse_connect.driver.exceptions")

TABLE = """
CREATE TABLE told (id UInt64, name String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY id
SETTINGS non_replicated_deduplication_window = 100
"""
ROWS = [[number, f"name {number}", 1_780_000_000_000 + number] for number in range(1000)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbServer]:
    with ChdbServer(tmp_path_factory.mktemp("chdb") / "data") as running:
        yield running


@pytest.fixture
def connected(server: ChdbServer) -> Iterator[Any]:
    server.healthy()
    with client_of(server) as client:
        client.command("DROP DATABASE IF EXISTS tried SYNC")
        client.command("CREATE DATABASE tried")
        client.database = "tried"
        client.command(TABLE)
        yield client


def client_of(server: ChdbServer, **options: Any) -> Any:
    options = {"send_receive_timeout": 2, "query_retries": 0, **options}
    return clickhouse_connect.get_client(host="127.0.0.1", port=server.port, **options)


def insert(client: Any, token: str) -> None:
    client.insert(
        "told",
        ROWS,
        column_names=["id", "name", "at"],
        column_type_names=["UInt64", "String", "DateTime64(3, 'UTC')"],
        settings={"insert_deduplication_token": token},
    )


def count(client: Any) -> int:
    return int(client.query("SELECT count() FROM told").result_rows[0][0])


@pytest.mark.parametrize("compress", [False, "lz4", "gzip"])
def test_rows_go_in_and_come_out(server: ChdbServer, connected: Any, compress: Any) -> None:
    with client_of(server, compress=compress, database="tried") as client:
        insert(client, "a")
        (row,) = client.query("SELECT name, at FROM told WHERE id = {id:UInt64}", parameters={"id": 7}).result_rows
        moment = datetime.fromtimestamp(1_780_000_000.007, UTC)
        assert row[0] == "name 7"
        assert row[1].replace(tzinfo=UTC) == moment
        text = "it's \\ odd\n"
        assert client.query("SELECT {text:String}", parameters={"text": text}).result_rows == [(text,)]


def test_a_batch_sent_again_under_its_token_counts_once(connected: Any) -> None:
    insert(connected, "a")
    insert(connected, "a")
    assert count(connected) == 1000
    insert(connected, "b")
    assert count(connected) == 2000


def test_settings_end_with_their_request(connected: Any) -> None:
    with pytest.raises(exceptions.DatabaseError, match="READONLY"):
        connected.command("INSERT INTO told (id) VALUES (1)", settings={"readonly": 1})
    connected.command("INSERT INTO told (id) VALUES (1)")
    assert count(connected) == 1


def test_errors_carry_their_code(connected: Any) -> None:
    with pytest.raises(exceptions.DatabaseError) as told:
        connected.query("SELECT * FROM nothing")
    assert told.value.code == 60


@pytest.mark.parametrize(
    ("kind", "executed"),
    [("drop_before", 0), ("drop_after", 1000), ("fail_before", 0), ("fail_after", 1000), ("hang", 0)],
)
def test_faults_strike_before_or_after_the_insert_is_executed(
    server: ChdbServer, connected: Any, kind: Kind, executed: int
) -> None:
    server.fault(kind, times=2)  # the client itself tries twice where a connection is dropped
    with pytest.raises(exceptions.Error):
        insert(connected, "a")
    assert count(connected) == executed
    server.healthy()
    insert(connected, "a")
    assert count(connected) == 1000


def test_an_insert_cut_in_two_is_mended_by_its_token(server: ChdbServer, connected: Any) -> None:
    server.fault("cut_body", times=2)
    with pytest.raises(exceptions.Error):
        insert(connected, "a")
    insert(connected, "a")
    assert count(connected) == 1000


def test_a_slow_answer_comes(server: ChdbServer, connected: Any) -> None:
    server.fault("slow", seconds=0.4)
    began = time.monotonic()
    insert(connected, "a")
    assert time.monotonic() - began >= 0.4
    assert count(connected) == 1000


def test_faults_may_spare_the_first(server: ChdbServer, connected: Any) -> None:
    before = server.healthy()
    server.fault("fail_before", skip=1)
    insert(connected, "a")
    with pytest.raises(exceptions.Error):
        insert(connected, "b")
    assert server.healthy() == before + 1


def test_what_a_client_sent_half_is_not_executed(server: ChdbServer, connected: Any) -> None:
    statement = b"INSERT INTO tried.told (id) FORMAT TSV\n1\n2\n3\n"
    for length in (b"Content-Length: 500\r\n\r\n" + statement, b"Transfer-Encoding: chunked\r\n\r\n2d\r\n" + statement):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + length)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
    assert count(connected) == 0


@pytest.mark.long
def test_a_stopped_server_goes_on_and_a_killed_one_comes_back_with_its_data(server: ChdbServer, connected: Any) -> None:
    insert(connected, "a")
    server.pause()
    with pytest.raises(exceptions.OperationalError, match="timed out"):
        count(connected)
    server.resume()
    assert count(connected) == 1000
    server.kill()
    with pytest.raises(exceptions.OperationalError):
        count(connected)
    server.start()
    assert count(connected) == 1000
