"""Uses as columns, and as bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.catalog.dependencies.order import OrderCounts
from session_buddy.catalog.dependencies.uses import Names, Uses, packed, part_of_call, stable_order, unpacked

rows = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(-(10**6), 10**14), st.integers(2, 9)), max_size=40
)


def uses(given: list[tuple[int, ...]]) -> Uses:
    return Uses.of(*np.array(given, dtype=np.int64).reshape(-1, 4).T, places=np.arange(4))


def told(these: Uses) -> list[tuple[int, ...]]:
    return [tuple(map(int, row)) for row in zip(*these, strict=True)]


@given(rows, st.integers(0, 10**14))
def test_what_is_read_in_two_parts_is_the_same_as_at_once(given: list[tuple[int, ...]], moment: int) -> None:
    before, after = ([row for row in given if (row[2] < moment) is early] for early in (True, False))
    assert told(uses(before).followed_by(uses(after))) == told(uses(given))
    assert told(uses(given).before(moment)) == told(uses(before))
    assert told(uses(given).since(moment)) == told(uses(after))


@given(rows)
def test_bytes_give_back_what_was_packed(given: list[tuple[int, ...]]) -> None:
    these = uses(given)
    orders = OrderCounts.of_first_uses(these.sessions, these.skills, these.moments)
    ids = [f"session {number}" for number in range(5)]
    names, sessions, back, counts = unpacked(packed(list("abcd"), ids, these, orders))
    assert names.texts == list("abcd")
    assert [(sessions.texts[session], *rest) for session, *rest in told(back)] == [
        (ids[session], *rest) for session, *rest in told(these)
    ]
    assert counts.keys.tolist() == orders.keys.tolist() and counts.counts.tolist() == orders.counts.tolist()
    assert names.of(["new", "b"]).tolist() == [4, 1]


def test_commands_of_one_call_come_as_they_were_run() -> None:
    # "a && b": the call has the id of what it ran last.
    ids = ["toolu_9", "toolu_9#2", "toolu_9#3"]
    parts = np.array([part_of_call(one) for one in ids])
    same = np.zeros(3, dtype=np.int64)
    assert Uses.of(same, np.array([0, 1, 2]), same, parts, places=np.arange(3)).skills.tolist() == [1, 2, 0]
    assert part_of_call("no number#x") == part_of_call("none") == part_of_call(None)
    assert part_of_call("#99999999999") <= part_of_call(None)


def test_uses_at_one_moment_come_by_name_whoever_was_met_first() -> None:
    for met in (["b", "c", "a"], ["a", "b", "c"]):
        names, same = Names(met), np.zeros(3, dtype=np.int64)
        found = Uses.of(same, np.arange(3), same, same, places=names.places)
        assert [names.texts[skill] for skill in found.skills] == ["a", "b", "c"]
    assert Names(["a", "b", "a"]).texts == ["a", "b"] and Names().places.tolist() == []


@given(st.lists(st.integers(0, 5)), st.booleans())
def test_order_is_that_of_a_stable_sort(values: list[int], is_huge: bool) -> None:
    given = np.array(values, dtype=np.int64) + (2**62 if is_huge else 0)
    assert stable_order(given).tolist() == np.argsort(given, kind="stable").tolist()
