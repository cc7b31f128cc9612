"""Pages of long lists have each row once and in order, on every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.ordering import RankingOrder
from session_buddy.reports.cursors import cursor_after, place_of
from session_buddy.reports.paging import (
    InvocationFilter,
    read_anomaly_page,
    read_invocation_page,
    read_session_page,
    read_skill_page,
)
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.contract.conftest import OpenStore
from tests.making import NOW, invocation, many, shifted

(ANOMALIES,) = (table for table in PLAIN_TABLES if table.name == "skill_anomalies")


def history() -> list[Invocation]:
    level = [invocation(f"level-{number}", skill_name=f"level-{number % 3}") for number in range(20)]
    tools = [invocation(f"tool-{number}", skill_name="Read", kind=Kind.TOOL) for number in range(5)]
    return [*many(60, skills=4), *level, *tools]


@pytest.fixture
def store(open_new: OpenStore) -> Store:
    opened = open_new()
    opened.record(history())
    return opened


def pages(read: Callable[..., Any], key: str, limit: int) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = read(limit=limit, cursor=cursor)
        found += getattr(page, key)
        assert len(getattr(page, key)) <= limit
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        (InvocationFilter(), lambda one: True),
        (InvocationFilter(kind=Kind.TOOL), lambda one: one.kind is Kind.TOOL),
        (InvocationFilter(skill="level-1"), lambda one: one.skill_name == "level-1"),
        (InvocationFilter(session_id="session-2"), lambda one: one.session_id == "session-2"),
        (
            InvocationFilter(outcome=Outcome.FAILED, kind=Kind.SKILL),
            lambda one: one.outcome is Outcome.FAILED and one.kind is Kind.SKILL,
        ),
        (
            InvocationFilter(since=shifted(NOW, days=-3), until=NOW),
            lambda one: shifted(NOW, days=-3) <= one.invoked_at < NOW,
        ),
    ],
    ids=["all", "kind", "skill", "session", "outcome and kind", "span"],
)
def test_invocations(store: Store, wanted: InvocationFilter, is_wanted: Callable[[Invocation], bool]) -> None:
    found = pages(lambda **page: read_invocation_page(store, wanted, **page), "invocations", 25)
    expected = sorted(((one.invoked_at, one.event_id) for one in history() if is_wanted(one)), reverse=True)
    assert [(one.invoked_at, one.event_id) for one in found] == expected
    assert len(expected) > 2


def test_sessions(store: Store) -> None:
    found = pages(lambda **page: read_session_page(store, **page), "sessions", 4)
    begun: dict[str, str] = {}
    for one in history():
        begun[one.session_id] = min(begun.get(one.session_id, one.invoked_at), one.invoked_at)
    expected = sorted(((first, session) for session, first in begun.items()), reverse=True)
    assert [(session.first_invoked_at, session.session_id) for session in found] == expected


def test_skills(store: Store) -> None:
    for order in (RankingOrder.USES, RankingOrder.RECENT):
        whole = read_skill_page(store, frozenset(Kind), order, limit=1000)
        parts = pages(lambda order=order, **page: read_skill_page(store, frozenset(Kind), order, **page), "skills", 3)
        assert parts == whole.skills
        assert len(parts) == len({one.skill_name for one in history()})


def test_anomalies(store: Store) -> None:
    given = dict.fromkeys(ANOMALIES.columns) | {"anomaly_type": "drop"}
    rows = [
        given
        | {
            "id": number,
            "skill_name": f"skill-{number % 2}",
            # Level in time by pairs: their ids decide.
            "detected_at": shifted(NOW, minutes=number // 2),
            "resolved_at": shifted(NOW, hours=1) if number % 3 == 0 else None,
        }
        for number in range(1, 10)
    ]
    store.put_rows(ANOMALIES, [tuple(row[column] for column in ANOMALIES.columns) for row in rows])

    def ids(**chosen: Any) -> list[int]:
        found = pages(lambda **page: read_anomaly_page(store, **page, **chosen), "anomalies", 2)
        return [anomaly.id for anomaly in found]

    assert ids() == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert ids(is_open=False) == [9, 6, 3]
    assert ids(is_open=True, skill="skill-1") == [7, 5, 1]


@pytest.mark.parametrize("text", ["", "x", "é", "WyJhIl0", "W10", "bnVsbA", "=", "W" * 10_000, "\0"])
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is none that this list gave"):
        place_of(text, tuple[str, str])


@pytest.mark.parametrize("place", [("a", "b"), ("", ""), ("\U0010ffff", '"]\\')])
def test_a_place_comes_back_as_it_was(place: tuple[str, str]) -> None:
    assert place_of(cursor_after(*place), tuple[str, str]) == place
