"""Invocations as columns: what was told for each row is there, however it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import InvalidInvocation
from session_buddy.storage.clickhouse.changes import Present, plan
from session_buddy.storage.clickhouse.columns import change_columns, milliseconds, state_columns
from session_buddy.storage.clickhouse.dictionary import DictionaryColumn, pairs
from tests.making import NOW, invocation, iso, many

VALUES = st.none() | st.sampled_from(["", "a", "b", "c"])


def rows_of(column: DictionaryColumn) -> list[str | None]:
    return [column.values[place] for place in column.places]


@given(st.lists(VALUES), st.booleans())
def test_an_encoded_column_holds_what_its_rows_held(told: list[str | None], nullable: bool) -> None:
    column = DictionaryColumn.of(told, nullable=nullable)
    assert rows_of(column) == told
    assert len(column) == len(told)
    assert len(set(column.values)) == len(column.values)
    assert rows_of(column[1:3]) == told[1:3]
    if nullable:
        assert column.values[0] is None
        assert column.only_none == (set(told) <= {None})


@given(st.lists(st.tuples(VALUES, VALUES), max_size=40))
def test_pairs_are_those_of_looking_at_rows_one_by_one(told: list[tuple[str | None, str | None]]) -> None:
    found: dict[tuple[str | None, str | None], tuple[int, str | None, str | None, int]] = {}
    for row, (one, other) in enumerate(told):
        first, *_, rows = found.get((one, other), (row, one, other, 0))
        found[one, other] = (first, one, other, rows + 1)
    ones, others = (DictionaryColumn.of([pair[side] for pair in told]) for side in (0, 1))
    assert list(pairs(ones, others)) == list(found.values())


@given(st.lists(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2105, 12, 31), timezones=st.just(UTC))))
def test_milliseconds_are_those_of_the_calendar(moments: list[datetime]) -> None:
    told = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    assert milliseconds(list(map(iso, told))) == [round(moment.timestamp() * 1000) for moment in told]


@pytest.mark.parametrize(
    "moment", ["1969-12-31T23:59:59.999Z", "2106-01-01T00:00:00.000Z", "2026-06-15", "", "２026-06-15T12:34:56.789Z"]
)
def test_times_that_cannot_be_kept_are_named(moment: str) -> None:
    with pytest.raises(InvalidInvocation, match=moment or "''"):
        milliseconds([NOW, moment, NOW])


def test_every_field_of_every_row_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("session_buddy.storage.clickhouse.columns._AT_ONCE", 7)
    told = many(50)
    columns = state_columns(told)
    for name in ("event_id", "session_id", "skill_name", "outcome", "duration_ms", "plugin", "rating"):
        column = columns[name]
        rows = rows_of(column) if isinstance(column, DictionaryColumn) else list(column)
        assert rows == [getattr(event, name) for event in told]


def test_columns_that_say_nothing_are_left_out() -> None:
    told = [invocation("a", duration_ms=0), invocation("b")]
    columns = change_columns(plan(told, Present()), 5)
    assert not columns.keys() & {"rating", "plugin", "follow_up_actions", "sign", "first_version"}
    assert columns["duration_ms"] == [0, None], "no time at all is a duration"
    assert columns["version"].tolist() == [5, 6]
    assert columns["joins_session"].tolist() == [1, 0]


def test_what_is_no_number_of_its_column_is_not_cut_to_fit() -> None:
    from session_buddy.storage.clickhouse.native import native

    with pytest.raises(TypeError, match="safe"):
        native({"sign": np.array([300])}, {"sign": "Int8"})
