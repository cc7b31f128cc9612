"""Histograms of durations: what the roll-up counts is what a count of the event log gives."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from session_buddy.model import Outcome
from session_buddy.storage import Store
from session_buddy.storage.durations import BOUNDS_MS, UNBOUNDED_MS, bound_of, quantile_ms
from tests.making import invocation, many


def histogram(store: Store) -> dict[tuple[str, int], int]:
    rows = store.query("SELECT skill_name, le_ms, invocation_count FROM skill_duration_counts").rows
    return {(skill, bound): count for skill, bound, count in rows}


def test_every_duration_is_counted_under_its_bound(store: Store) -> None:
    events = many(400)
    store.record(events)
    store.record(events[:1])
    expected = Counter((e.skill_name, bound_of(e.duration_ms)) for e in events if e.duration_ms is not None)
    assert histogram(store) == expected


def test_the_ends_of_the_scale_and_each_bound_itself(store: Store) -> None:
    lengths = [0, 1, *BOUNDS_MS[1:-1], BOUNDS_MS[-2] + 1, 86_400_000]
    store.record([invocation(f"e{n}", duration_ms=length) for n, length in enumerate(lengths)])
    found = histogram(store)
    assert found["pytest-run", 1] == 2
    assert found["pytest-run", UNBOUNDED_MS] == 2
    assert all(found["pytest-run", bound] == 1 for bound in BOUNDS_MS[1:-1])


def test_a_duration_told_later_is_counted_then_and_moves_when_it_changes(store: Store) -> None:
    store.record([invocation(outcome=None)])
    assert histogram(store) == {}
    store.record([invocation(outcome=Outcome.COMPLETED, duration_ms=4)])
    assert histogram(store) == {("pytest-run", 5): 1}
    assert store.drifted() == []
    store.rebuild()
    assert histogram(store) == {("pytest-run", 5): 1}


def test_the_bounds_in_the_schema_are_those_of_the_program(store: Store) -> None:
    assert [bound for (bound,) in store.query("SELECT le_ms FROM duration_bounds ORDER BY le_ms").rows] == list(
        BOUNDS_MS
    )


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(durations: list[int], q: float) -> None:
    found = quantile_ms(dict(Counter(map(bound_of, durations))), q)
    true = sorted(durations)[max(0, -(-int(q * len(durations) * 1_000_000) // 1_000_000) - 1)]
    assert found is not None
    upper = bound_of(true)
    lower = BOUNDS_MS[BOUNDS_MS.index(upper) - 1] if upper != 1 else 0
    assert lower <= found <= upper


def test_no_durations_have_no_quantile() -> None:
    assert quantile_ms({}, 0.5) is None
