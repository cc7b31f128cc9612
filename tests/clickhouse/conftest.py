"""A ClickHouse server on loopback for the tests of a module, and a store on it for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clickhouse.http_server import ChdbServer
from tests.clickhouse.places import memory
from tests.clickhouse.stock import Stock

_databases = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ChdbServer]:
    pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")
    with tempfile.TemporaryDirectory(dir=memory()) as folder, ChdbServer(Path(folder) / "data") as running:
        yield running


@pytest.fixture(scope="module")
def stock(server: ChdbServer) -> Stock:
    return Stock(lambda: new_url(server))


@pytest.fixture
def server_url(server: ChdbServer, stock: Stock) -> Iterator[str]:
    """The URL of a store on the server in which nothing was recorded; no faults are planned."""
    server.healthy()
    lent = stock.lend()
    yield lent
    server.healthy()
    stock.take_back(lent)


def new_url(server: ChdbServer) -> str:
    """Return the URL of a store on the server that nobody has used yet."""
    return f"clickhouse://default@127.0.0.1:{server.port}/faults_{next(_databases)}"
