"""The engines, one fixture for all: what passes here holds on each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from session_buddy.storage import Clock, Store, open_store

OpenStore = Callable[..., Store]


@pytest.fixture(params=["sqlite"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def open_new(engine: str, tmp_path: Path) -> Iterator[OpenStore]:
    """Opens a store by name; the same name is the same store."""
    opened: list[Store] = []

    def open_it(name: str = "store", clock: Clock | None = None) -> Store:
        store = open_store(f"{engine}:///{tmp_path}/{name}.db", clock=clock)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_new: OpenStore) -> Store:
    return open_new()
