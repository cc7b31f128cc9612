"""Following what is recorded: nothing missed, nothing twice, whoever wrote it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from session_buddy.model import Invocation, Outcome
from session_buddy.storage import Store, Tail
from tests.contract.conftest import OpenStore
from tests.making import invocation, many


@pytest.fixture
def tail(store: Store) -> Iterator[Tail]:
    opened = store.tail()
    yield opened
    opened.close()


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds


def told_by(tail: Tail, wanted: int) -> list[Invocation]:
    """Return all that comes until there are *wanted*, and what comes with one more poll."""
    found: list[Invocation] = []

    def enough() -> bool:
        found.extend(tail.poll())
        return len(found) >= wanted

    eventually(enough)
    return found + tail.poll()


def ids_told_by(tail: Tail, wanted: int) -> list[str]:
    return [invocation.event_id for invocation in told_by(tail, wanted)]


def test_what_was_there_before_is_not_told(open_new: OpenStore) -> None:
    store = open_new()
    store.record(many(20))
    tail = store.tail()
    assert tail.poll() == []
    store.record([invocation("late")])
    assert ids_told_by(tail, 1) == ["late"]
    assert tail.poll() == []
    tail.close()


def test_every_row_comes_once_and_in_order(store: Store, tail: Tail) -> None:
    sent = [event.event_id for event in many(3_000, seed=2)]
    for start in range(0, 3_000, 500):
        store.record(many(3_000, seed=2)[start : start + 500])
    assert ids_told_by(tail, 3_000) == sent
    assert not tail.lost


def test_a_later_telling_is_told_as_it_then_is(store: Store, tail: Tail) -> None:
    store.record([invocation("a", outcome=None), invocation("b")])
    assert sorted(ids_told_by(tail, 2)) == ["a", "b"]
    store.record([invocation("a", outcome=Outcome.FAILED, duration_ms=5)])
    (found,) = told_by(tail, 1)
    assert (found.event_id, found.outcome, found.duration_ms) == ("a", Outcome.FAILED, 5)
    store.record([invocation("a", outcome=Outcome.FAILED, duration_ms=5)])
    assert tail.poll() == [], "a telling that says nothing new is nothing new"


def test_the_whole_invocation_comes_back(store: Store, tail: Tail) -> None:
    told = invocation(
        "x", duration_ms=7, follow_up_actions=("a", "b"), traits=("reads:py",), rating=4.0, project="/p", plugin="q"
    )
    store.record([told])
    assert told_by(tail, 1) == [told]


@pytest.mark.long
def test_too_many_at_once_are_passed_over_and_that_is_said(store: Store, tail: Tail) -> None:
    store.record(many(30_000, seed=5))
    assert eventually(lambda: tail.poll() == [] and tail.lost)
    store.record([invocation("after")])
    assert ids_told_by(tail, 1) == ["after"]
    assert not tail.lost
