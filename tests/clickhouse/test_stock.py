"""Stores that tests share one after the other: nothing of one test is there for the next."""

from __future__ import annotations

import pytest

from session_buddy.storage import open_store
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.places import new_database
from tests.clickhouse.stock import Stock, drop
from tests.making import FakeClock, many

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

COUNTED = "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase() ORDER BY name"


@pytest.mark.long
def test_a_store_is_lent_again_as_it_was_made() -> None:
    stock = Stock(new_database)
    first = stock.lend()
    with open_store(first) as store:
        made = store.query(COUNTED).rows
    with open_store(first, clock=FakeClock()) as store:
        store.record(many(50))
        assert store.query(COUNTED).rows != made
    other = stock.lend()
    assert other != first, "nobody else has it"
    stock.take_back(first)
    assert stock.lend() == first
    with open_store(first) as store:
        assert store.query(COUNTED).rows == made
        store.record(many(50))
        assert store.drifted() == []
    drop(first, other)


@pytest.mark.parametrize(
    "change",
    [
        "DROP VIEW feed_roll_hour",
        pytest.param("CREATE TABLE more (a UInt8) ENGINE = Null", marks=pytest.mark.long),
        pytest.param(
            "ALTER TABLE roll_hour MODIFY SETTING non_replicated_deduplication_window = 0", marks=pytest.mark.long
        ),
        "INSERT INTO skill_categories (category_id, category_name) VALUES (77, 'mine')",
    ],
)
@pytest.mark.long
def test_one_that_is_another_now_is_not_lent_again(change: str) -> None:
    stock = Stock(new_database)
    changed = stock.lend()
    address = parse_url(changed)
    client = open_client(address, database=address.database)
    client.command(change)
    stock.take_back(changed)
    assert client.command(f"EXISTS DATABASE {address.database}") == 0
    client.close()
    lent = stock.lend()
    assert lent != changed
    drop(lent)
