"""The engines, one fixture for all: what passes here holds on each of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import pytest

from session_buddy.storage import Clock, Store, open_store
from tests.clickhouse.places import lend, take_back

OpenStore = Callable[..., Store]
NewUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", "chdb"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "chdb" and not importlib.util.find_spec("chdb"):
        pytest.skip("chdb is not installed: pip install 'session-buddy[clickhouse]'")
    return str(request.param)


@pytest.fixture
def new_url(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewUrl]:
    """Makes URLs of stores in which nothing was recorded; what the test stores under them is gone after it."""
    lent: list[str] = []

    def url() -> str:
        if engine == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('store')}/store.db"
        lent.append(lend())
        return lent[-1]

    yield url
    take_back(*lent)


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
