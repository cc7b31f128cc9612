"""A ClickHouse server on loopback for the tests of a module, and a database of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.clickhouse.http_server import ChdbServer

_databases = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChdbServer]:
    pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")
    with ChdbServer(tmp_path_factory.mktemp("chdb") / "data") as running:
        yield running


@pytest.fixture
def server_url(server: ChdbServer) -> str:
    """The URL of a store on the server that nobody has used yet; no faults are planned."""
    server.healthy()
    return f"clickhouse://default@127.0.0.1:{server.port}/faults_{next(_databases)}"
