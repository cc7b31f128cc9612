from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput, InvalidInvocation
from session_buddy.model import ErrorType, Invocation, Outcome, parse_time
from tests.making import NOW, invocation, invocations


@pytest.mark.parametrize(
    ("told", "canonical"),
    [
        ("2026-01-31T09:30:00.000Z", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31T10:30:00+01:00", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31T09:30:00.123456Z", "2026-01-31T09:30:00.123Z"),
        ("2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
    ],
)
def test_times_come_out_canonical(told: str, canonical: str) -> None:
    assert parse_time(told) == canonical


@pytest.mark.parametrize(
    "told", ["2026-01-31T09:30:00", "yesterday", "", "2026-02-30T00:00:00.000Z", "2026-01-31", "0"]
)
def test_what_is_no_time_or_has_no_zone_is_refused_and_named(told: str) -> None:
    with pytest.raises(InvalidInput, match="started"):
        parse_time(told, field="started")


@given(st.datetimes(timezones=st.timezones()))
def test_text_order_is_time_order_whatever_the_offset(moment: Any) -> None:
    try:
        text = parse_time(moment.isoformat())
    except InvalidInput:
        assert moment.year in (1, 9999)
        return
    assert parse_time(text) == text
    later = parse_time(text.replace("Z", "-01:00")) if moment.year not in (1, 9999) else "~"
    assert text < later


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", ""),
        ("session_id", ""),
        ("skill_name", ""),
        ("source", ""),
        ("user_id", ""),
        ("invoked_at", "not-a-date"),
        ("invoked_at", "2026-06-15T12:00:00"),
        ("invoked_at", "2026-06-15T12:00:00+00:00"),
        ("invoked_at", "2026-02-30T12:00:00.000Z"),
        ("invoked_at", "0000-01-01T12:00:00.000Z"),
        ("invoked_at", "２０２６-01-01T12:00:00.000Z"),
        ("duration_ms", -1),
        ("rating", 0.9),
        ("rating", 5.1),
        ("rating", float("nan")),
        ("error_type", ErrorType.API),
    ],
)
def test_an_impossible_invocation_cannot_be_made_and_the_field_is_named(field: str, value: object) -> None:
    event_id = str(value) if field == "event_id" else "e1"
    with pytest.raises(InvalidInvocation) as refused:
        invocation(event_id, **({} if field == "event_id" else {field: value}))
    assert refused.value.field == field


def test_a_failure_needs_a_type_and_a_duration_a_source() -> None:
    base = {f: getattr(invocation(), f) for f in Invocation.__struct_fields__}
    with pytest.raises(InvalidInvocation, match="error_type"):
        Invocation(**(base | {"outcome": Outcome.FAILED}))
    with pytest.raises(InvalidInvocation, match="duration_source"):
        Invocation(**(base | {"duration_ms": 1}))


@given(invocations())
def test_invocations_survive_encoding(one: Invocation) -> None:
    for form in (msgspec.json, msgspec.msgpack):
        assert form.decode(form.encode(one), type=Invocation) == one


def test_an_invocation_does_not_change() -> None:
    with pytest.raises(AttributeError):
        invocation().skill_name = "other"  # type: ignore[misc]
    assert invocation().invoked_at == NOW
