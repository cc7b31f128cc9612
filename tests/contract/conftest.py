"""The engines, one fixture for all: what passes here holds on each of them."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from session_buddy.storage import Clock, Store, open_store

OpenStore = Callable[..., Store]
NewUrl = Callable[[], str]

_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "chdb"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "chdb" and not importlib.util.find_spec("chdb"):
        pytest.skip("chdb is not installed: pip install 'session-buddy[clickhouse]'")
    return str(request.param)


@pytest.fixture(scope="session")
def chdb_folder() -> Iterator[Path]:
    """One folder for all tests of a process: the engine takes one at a time. Each test has databases of its own.

    In memory where there is such a place: a schema of a hundred tables and views is flushed for every test.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "chdb"


@pytest.fixture
def new_url(engine: str, tmp_path_factory: pytest.TempPathFactory, chdb_folder: Path) -> Iterator[NewUrl]:
    """Makes URLs of stores that are not there yet; what was stored under them is dropped after the test."""
    databases: list[str] = []

    def url() -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
        databases.append(f"store_{next(_numbers)}")
        return f"chdb:///{chdb_folder}?database={databases[-1]}"

    yield url
    if databases:
        drop(chdb_folder, databases)


def drop(folder: Path, databases: list[str]) -> None:
    import clickhouse_connect

    client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    for database in databases:
        client.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    client.close()


@pytest.fixture
def open_new(new_url: NewUrl) -> Iterator[OpenStore]:
    """Opens a store by name; the same name is the same store."""
    urls: dict[str, str] = {}
    opened: list[Store] = []

    def open_it(name: str = "store", clock: Clock | None = None) -> Store:
        if name not in urls:
            urls[name] = new_url()
        store = open_store(urls[name], clock=clock)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_new: OpenStore) -> Store:
    return open_new()
