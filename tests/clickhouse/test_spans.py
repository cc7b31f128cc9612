"""Many invocations at once that turn out to be of another skill: the same figures, with few statements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from session_buddy.model import Invocation
from session_buddy.storage import Store, open_store
from session_buddy.storage.clickhouse import event_log, spans
from tests.clickhouse.places import lend, take_back
from tests.making import invocation

pytest.importorskip("chdb", reason="the extra 'clickhouse' is not installed")

ODD = 'it\'s a \\ -- "skill" {x} ?'


@pytest.fixture
def store() -> Iterator[Store]:
    url = lend()
    with open_store(url) as opened:
        yield opened
    take_back(url)


class Counting:
    """A client that counts what it is asked."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.asked: list[str] = []

    def command(self, text: str, **others: Any) -> Any:
        self.asked.append(text)
        return self.client.command(text, **others)

    def query(self, text: str) -> Any:
        self.asked.append(text)
        return self.client.query(text)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that recounts of spans ask."""
    texts: list[str] = []

    def counted(client: Any, left: Any) -> None:
        counting = Counting(client)
        spans.recount_spans(counting, left)
        texts.extend(counting.asked)

    monkeypatch.setattr(event_log, "recount_spans", counted)
    return texts


def seeming(count: int, skills: int = 1) -> list[Invocation]:
    """Invocations over a year, each in a session of two, of skills whose names are odd."""
    return [
        invocation(
            f"e{number}",
            session_id=f"s'{number // 2}",
            skill_name=f"{ODD}{number % skills}",
            plugin="first" if number % 3 == 0 else None,
            rating=number % 5 + 1.0 if number % 2 else None,
            outcome=None,
            invoked_at=f"2026-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:00:00.{number:03}Z",
        )
        for number in range(count)
    ]


def renamed(events: list[Invocation]) -> list[Invocation]:
    return [msgspec.structs.replace(event, skill_name="is") for event in events]


@pytest.mark.long
def test_four_hundred_cost_no_more_statements_than_one(store: Store, asked: list[str]) -> None:
    events = seeming(400, skills=40)
    store.record(events)
    store.record(renamed(events[:399]))
    assert 0 < len(asked) <= 6
    assert store.drifted() == []
    assert store.query("SELECT skill_name, invocation_count FROM skill_metrics ORDER BY skill_name").rows == [
        ("is", 399),
        (events[399].skill_name, 1),
    ]


@pytest.mark.parametrize(
    ("at_once", "signs"),
    [
        (7, 100_000),
        (1_000, 90),
        pytest.param(1, 100_000, marks=pytest.mark.long),
        pytest.param(1_000, 1, marks=pytest.mark.long),
    ],
)
@pytest.mark.long
def test_more_than_go_into_one_statement_are_recounted_too(
    store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int, signs: int
) -> None:
    monkeypatch.setattr(spans, "_AT_ONCE", at_once)
    monkeypatch.setattr(spans, "_SIGNS_AT_ONCE", signs)
    events = seeming(24, skills=5)
    store.record(events)
    store.record(renamed(events[::2]))
    assert store.drifted() == []


@pytest.mark.long
def test_what_stands_of_a_skill_is_kept_where_only_its_ends_are_counted_again(store: Store) -> None:
    events = seeming(30, skills=3)
    store.record(events)
    sql = "SELECT skill_name, kind, plugin FROM skill_metrics WHERE skill_name <> 'is' ORDER BY skill_name"
    before = store.query(sql).rows
    store.record(renamed(sorted(events, key=lambda event: event.invoked_at)[:3]))
    assert store.query(sql).rows == before
    assert store.drifted() == []


@pytest.mark.long
def test_a_recount_that_was_stopped_after_the_deletion_is_done_by_the_next(store: Store) -> None:
    events = seeming(12, skills=3)
    store.record(events)
    client = store._clients.writer  # type: ignore[attr-defined]
    left = [(event.session_id, event.skill_name, 0) for event in events]
    for table in ("roll_session_skill_span", "roll_skill_span"):
        client.command(f"DELETE FROM {table} WHERE 1 = 1")
    for _ in range(2):
        spans.recount_spans(client, left)
        assert store.drifted() == []
