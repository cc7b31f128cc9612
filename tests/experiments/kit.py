"""One store for all tests of a module, on each engine: each test has experiments of its own in it."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from session_buddy.experiments.design import Experiment
from session_buddy.experiments.records import Experiments
from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from session_buddy.storage.sqlite import SQLiteStore
from tests.clickhouse.places import drop, new_database
from tests.making import FakeClock

__all__ = ["Kit", "kit", "place"]

_numbers = count(1)


class Kit:
    """The experiments of a store, a clock that stands still, and a name that no other test has."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock = store, FakeClock()
        self.experiments = Experiments(store, clock=self.clock)
        self.name = f"experiment {next(_numbers)}"

    def draft(self, **settings: Any) -> Experiment:
        given = {"control_strategy": "semantic_search", "treatment_strategy": "workflow_aware_search"}
        return self.experiments.create(self.name, actor="ann", **(given | settings))

    def running(self, **settings: Any) -> Experiment:
        self.draft(**settings)
        return self.experiments.start(self.name, actor="ann")

    def rows(self, table: str, columns: str = "*", more: str = "") -> list[tuple[Any, ...]]:
        """Return the rows of this test's experiment, sorted by how they are written."""
        number = self.experiments.get(self.name).test_id
        found = self.store.query(f"SELECT {columns} FROM {table} FINAL WHERE test_id = ? {more}", [number])
        return sorted(found.rows, key=repr)

    def execute(self, statement: str) -> None:
        """Run a statement as another program would, past the store."""
        if isinstance(self.store, SQLiteStore):
            with closing(sqlite3.connect(self.store.path, isolation_level=None)) as connection:
                connection.execute(statement)
            return
        address = parse_url(self.store.url)
        client = open_client(address, database=address.database)
        client.command(statement.replace("datetime('now')", "toString(now('UTC'))"))
        client.close()


@pytest.fixture(scope="module", params=["sqlite", "chdb"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "chdb" and not importlib.util.find_spec("chdb"):
        pytest.skip("chdb is not installed: pip install 'session-buddy[clickhouse]'")
    is_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path_factory.mktemp('experiments')}/store.db" if is_file else new_database()
    with open_store(url) as store:
        yield store
    if not is_file:
        drop(url)


@pytest.fixture
def kit(place: Store) -> Kit:
    return Kit(place)
