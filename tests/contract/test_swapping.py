"""A row takes the place of the one that was read, or of none; never of what somebody else wrote meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, StoreError
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES, PlainTable
from tests.contract.conftest import OpenStore
from tests.making import NOW

TABLES = {table.name: table for table in PLAIN_TABLES}
SETTINGS, EMBEDDINGS, CLUSTERS = (TABLES[n] for n in ("store_settings", "text_embedding", "skill_cluster_membership"))
HASH = "ab" * 32
ONE, TWO, THREE = ("zone", "UTC"), ("zone", "Europe/Berlin"), ("zone", "Asia/Tokyo")


def rows(store: Store, table: PlainTable = SETTINGS) -> list[tuple[Any, ...]]:
    return sorted(store.query(f"SELECT {table.selected} FROM {table.source}").rows)


def test_a_row_takes_the_place_of_none(store: Store) -> None:
    assert store.swap_row(SETTINGS, None, ONE)
    assert rows(store) == [ONE]
    assert not store.swap_row(SETTINGS, None, TWO)
    assert rows(store) == [ONE]


def test_a_row_takes_the_place_of_the_one_that_was_read(store: Store) -> None:
    store.put_rows(SETTINGS, [ONE, ("other", "x")])
    assert store.swap_row(SETTINGS, ONE, TWO)
    assert not store.swap_row(SETTINGS, ONE, THREE)
    assert rows(store) == [("other", "x"), TWO]
    assert not store.swap_row(SETTINGS, ("gone", "x"), ("gone", "y"))
    assert rows(store) == [("other", "x"), TWO]


def test_a_row_can_become_what_it_was(store: Store) -> None:
    assert store.swap_row(SETTINGS, None, ONE)
    for old, new in ((ONE, TWO), (TWO, ONE), (ONE, TWO), (TWO, ONE)):
        assert store.swap_row(SETTINGS, old, new)
        assert rows(store) == [new]


def test_keys_of_several_columns_and_bytes(store: Store) -> None:
    first = (HASH, "model", bytes(range(256)) * 6, NOW)
    assert store.swap_row(EMBEDDINGS, None, first)
    assert store.swap_row(EMBEDDINGS, None, (HASH, "other", *first[2:]))
    (read, _) = rows(store, EMBEDDINGS)
    changed = (*first[:2], bytes(1536), first[3])
    assert not store.swap_row(EMBEDDINGS, (*read[:2], "00", read[3]), changed)
    assert store.swap_row(EMBEDDINGS, read, changed)
    assert [row[2] for row in rows(store, EMBEDDINGS)] == ["00" * 1536, first[2].hex().upper()]


def test_rows_beside_are_written_with_it_or_not_at_all(store: Store) -> None:
    beside = [(SETTINGS, [("a", "1"), ("b", "2")]), (TABLES["skill_description"], [("s", "d", HASH, NOW)])]
    store.put_rows(SETTINGS, [ONE])
    assert not store.swap_row(SETTINGS, TWO, THREE, beside=beside)
    assert (rows(store), rows(store, TABLES["skill_description"])) == ([ONE], [])
    assert store.swap_row(SETTINGS, ONE, THREE, beside=beside)
    assert rows(store) == [("a", "1"), ("b", "2"), THREE]
    assert rows(store, TABLES["skill_description"]) == [("s", "d", HASH, NOW)]


def test_where_rows_beside_are_refused_nothing_is_written(store: Store) -> None:
    store.put_rows(SETTINGS, [ONE])
    with pytest.raises((StoreError, InvalidInput)):
        # A score beyond 1, which both engines refuse.
        store.swap_row(SETTINGS, ONE, TWO, beside=[(CLUSTERS, [("skill", 1, 7.0)])])
    assert rows(store) == [ONE]


def test_of_many_at_once_one_is_the_one(open_new: OpenStore) -> None:
    store = open_new()
    store.put_rows(SETTINGS, [ONE])
    told: list[bool] = []
    names = [("zone", f"number {number}") for number in range(8)]
    threads = [
        threading.Thread(target=lambda new=new: told.append(store.swap_row(SETTINGS, ONE, new))) for new in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False] * 7 + [True]
    assert rows(store)[0] in names
