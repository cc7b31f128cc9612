"""Following the log of several writers, whose clocks differ: versions are times, and do not come in their order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from session_buddy.storage import Store, Tail, open_store
from session_buddy.storage.clickhouse import event_log
from tests.clickhouse.places import drop, new_database
from tests.making import invocation

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

next_version = event_log.next_version


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database()
    yield made
    drop(made)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened


@pytest.fixture
def tail(store: Store) -> Iterator[Tail]:
    opened = store.tail()
    yield opened
    opened.close()


def record_ahead(store: Store, event_id: str, *, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record as somebody whose clock is ahead of ours by so much."""
    with monkeypatch.context() as ahead:
        ahead.setattr(event_log, "next_version", lambda last: next_version(last) + (round(seconds * 1000) << 20))
        store.record([invocation(event_id)])


def ids(tail: Tail) -> list[str]:
    return [event.event_id for event in tail.poll()]


def test_what_becomes_visible_after_newer_rows_is_told_once(
    url: str, store: Store, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_ahead(store, "newest", seconds=9, monkeypatch=monkeypatch)
    assert ids(tail) == ["newest"]
    with open_store(url) as another:
        another.record([invocation("now")])
    assert ids(tail) == ["now"], "it is nine seconds older than what was told"
    assert ids(tail) == []


def test_what_comes_later_than_that_is_in_the_views_and_not_told(
    url: str, store: Store, tail: Tail, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_ahead(store, "newest", seconds=60, monkeypatch=monkeypatch)
    assert ids(tail) == ["newest"]
    with open_store(url) as another:
        another.record([invocation("now")])
    assert ids(tail) == []
    assert store.query("SELECT count(*) FROM skill_invocation").rows == [(2,)]


def test_what_was_there_when_it_began_is_not_told_for_being_near(store: Store) -> None:
    store.record([invocation("before")])
    tail = store.tail()
    store.record([invocation("after")])
    assert ids(tail) == ["after"]
    tail.close()
