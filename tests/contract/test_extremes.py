"""Values at the edge of what a column says: nothing, and nothing but zero, are two things."""

from __future__ import annotations

import pytest

from session_buddy.errors import SessionBuddyError
from session_buddy.storage import Checkpoint, Store
from tests.making import invocation


def test_a_duration_of_zero_told_alone_is_a_duration(store: Store) -> None:
    store.record([invocation(duration_ms=0)])
    assert store.query("SELECT duration_ms FROM skill_invocation").rows == [(0,)]
    assert store.query("SELECT duration_count, avg_duration_seconds FROM skill_metrics").rows == [(1, 0.0)]
    assert store.query("SELECT le_ms, invocation_count FROM skill_duration_counts").rows == [(1, 1)]
    assert store.record([invocation(duration_ms=0)]).completed == 0
    assert store.drifted() == []


def test_an_empty_text_told_alone_is_no_text_at_all_of_it(store: Store) -> None:
    store.record([invocation(project="")])
    assert store.query("SELECT project FROM skill_invocation").rows == [("",)]


def test_a_number_beyond_64_bits_stops_nothing_after_it(store: Store) -> None:
    beyond = Checkpoint(
        path="/p/a.jsonl", importer="x 1", identity="i", size=1, modified_ns=2**63, offset=1, state=b"s"
    )
    with pytest.raises((SessionBuddyError, OverflowError)):
        store.record([invocation("first")], checkpoints=[beyond])
    assert store.record([invocation("second")]).added == 1
    assert store.query("SELECT event_id FROM skill_invocation").rows == [("second",)]
