"""Packing columns: what comes out is what went in, whatever it was, and the engine reads it alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_buddy.storage.clickhouse.connection import open_client, parse_url
from session_buddy.storage.clickhouse.native import columns_in, native
from tests.clickhouse.places import drop, new_database

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

TYPES = {
    "plain": "String",
    "few": "LowCardinality(String)",
    "few_or_none": "LowCardinality(Nullable(String))",
    "some": "Nullable(String)",
    "sign": "Int8",
    "count": "UInt64",
    "length": "Nullable(Int64)",
    "rating": "Nullable(Float64)",
    "partners": "Array(String)",
    "moment": "DateTime64(3, 'UTC')",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
FEW = st.sampled_from(["a", "b", "", "über"])
VALUES = {
    "plain": TEXT,
    "few": FEW,
    "few_or_none": st.none() | FEW,
    "some": st.none() | TEXT,
    "sign": st.sampled_from([-1, 1]),
    "count": st.integers(0, 2**64 - 1),
    "length": st.none() | st.integers(-(2**63), 2**63 - 1),
    "rating": st.none() | st.floats(allow_nan=False),
    "partners": st.lists(TEXT, max_size=3),
    "moment": st.integers(0, 4_290_000_000_000),
}


@pytest.fixture
def client() -> Iterator[Any]:
    made = new_database()
    address = parse_url(made)
    opened = open_client(address)
    opened.command(f"CREATE DATABASE {address.database}")
    opened.database = address.database
    yield opened
    opened.close()
    drop(made)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[Any]]:
    rows = draw(st.integers(1, 30))
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, unique=True))
    return {name: draw(st.lists(VALUES[name], min_size=rows, max_size=rows)) for name in names}


@settings(deadline=None)
@given(columns())
def test_what_is_packed_comes_back(told: dict[str, list[Any]]) -> None:
    assert columns_in(native(told, TYPES)) == told


@pytest.mark.parametrize("distinct", [1, 2, 255, 256, 257, 65_535, 65_536, 65_537])
@pytest.mark.parametrize("name", ["few", "few_or_none"])
def test_the_engine_reads_any_number_of_values(client: Any, name: str, distinct: int) -> None:
    values: list[str | None] = [str(number) for number in range(distinct)] * 2
    if name == "few_or_none":
        values[-1] = None
    client.command(f"CREATE TABLE packed (count UInt64, {name} {TYPES[name]}) ENGINE = Memory")
    block = native({"count": range(len(values)), name: values}, TYPES)
    client.raw_insert("packed", ["count", name], block, fmt="Native")
    assert [value for (value,) in client.query(f"SELECT {name} FROM packed ORDER BY count").result_rows] == values


@pytest.mark.parametrize("name", ["plain", "few", "few_or_none", "some"])
def test_half_a_surrogate_pair_is_refused(name: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        native({name: ["a", "\ud800"]}, TYPES)
