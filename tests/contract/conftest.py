"""The engines, one fixture for all: what passes here holds on each of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from session_buddy.storage import Clock, Store, open_store
from tests.clickhouse.places import lend, take_back

OpenStore = Callable[..., Store]
NewUrl = Callable[[], str]


@pytest.fixture(scope="module", params=["sqlite", "chdb"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "chdb" and not importlib.util.find_spec("chdb"):
        pytest.skip("chdb is not installed: pip install 'session-buddy[clickhouse]'")
    return str(request.param)


@contextmanager
def lending(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes URLs of stores in which nothing was recorded; what is stored under them is gone after the block."""
    lent: list[str] = []

    def url() -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
        lent.append(lend())
        return lent[-1]

    yield url
    take_back(*lent)


@pytest.fixture
def new_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes URLs of stores in which nothing was recorded; what the test stores under them is gone after it."""
    with lending(engine, tmp_path_factory) as url:
        yield url


@pytest.fixture(scope="module")
def open_for_all(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenStore]:
    """As :func:`open_new`, for all tests of a module: for those that only read, or leave a store as it was."""
    with lending(engine, tmp_path_factory) as url, opening(url) as open_it:
        yield open_it


@pytest.fixture
def open_new(new_url: NewUrl) -> Iterator[OpenStore]:
    """Opens a store by name; the same name is the same store."""
    with opening(new_url) as open_it:
        yield open_it


@contextmanager
def opening(new_url: NewUrl) -> Iterator[OpenStore]:
    """Opens stores by name; they are closed after the block."""
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
