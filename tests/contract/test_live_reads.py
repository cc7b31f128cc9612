"""What the live feed reads from a store, on every engine."""

from __future__ import annotations

import pytest

from session_buddy.feed.messages import Position
from session_buddy.model import Kind, SkillFacts
from session_buddy.reports import live
from session_buddy.reports.live import LATEST, read_skill_rows, read_snapshot
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.contract.conftest import OpenStore
from tests.making import NOW, FakeClock, invocation, many, shifted

AT = Position("e", 7)
(ANOMALIES,) = (table for table in PLAIN_TABLES if table.name == "skill_anomalies")


@pytest.fixture
def store(open_new: OpenStore) -> Store:
    opened = open_new(clock=FakeClock(NOW))
    opened.describe(
        [
            SkillFacts(skill_name="tested", category="testing", modality="testing", description="Tests."),
            SkillFacts(skill_name="never-used", category="testing", modality="testing", description="Tests."),
        ]
    )
    return opened


def use(store: Store, *names: str, kind: Kind = Kind.SKILL) -> None:
    store.record(
        invocation(f"{name}-{number}", skill_name=name, kind=kind, invoked_at=shifted(NOW, minutes=-number))
        for number, name in enumerate(names)
    )


def anomaly(store: Store, number: int, skill_name: str, *, resolved: bool = False) -> None:
    values = {
        "id": number,
        "skill_name": skill_name,
        "detected_at": NOW,
        "anomaly_type": "drop",
        "resolved_at": NOW if resolved else None,
    }
    store.put_rows(ANOMALIES, [tuple(values.get(column) for column in ANOMALIES.columns)])


def test_rows_of_all_skills_and_of_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    use(store, "tested", "other", "third")
    rows = read_skill_rows(store)
    assert [(row.skill_name, row.category, row.invocation_count_1h) for row in rows] == [
        ("tested", "testing", 1),
        ("other", None, 1),
        ("third", None, 1),
    ]
    assert read_skill_rows(store, {"third", "tested", "unknown"}) == [rows[0], rows[2]]
    assert read_skill_rows(store, []) == []
    monkeypatch.setattr(live, "_NAMES_AT_ONCE", 1)
    assert read_skill_rows(store, ["third", "other", "tested"]) == rows


def test_a_snapshot_of_everything(store: Store) -> None:
    use(store, "tested", "other")
    anomaly(store, 1, "other")
    anomaly(store, 2, "tested", resolved=True)
    anomaly(store, 3, "unused")
    snapshot = read_snapshot(store, frozenset(["all"]), AT)
    assert (snapshot.epoch, snapshot.offset, snapshot.recovered) == ("e", 7, False)
    assert [row.skill_name for row in snapshot.skills] == ["tested", "other"]
    assert [(one.event_id, one.category) for one in snapshot.invocations] == [
        ("tested-0", "testing"),
        ("other-1", None),
    ]
    assert sorted(one.id for one in snapshot.anomalies) == [1, 3]


def test_a_snapshot_of_a_skill_and_of_a_category(store: Store) -> None:
    use(store, "tested", "other", "third")
    anomaly(store, 1, "other")
    anomaly(store, 2, "tested")
    snapshot = read_snapshot(store, frozenset(["skill:third", "skill:unknown", "category:testing"]), AT)
    assert [row.skill_name for row in snapshot.skills] == ["tested", "third"]
    assert [one.event_id for one in snapshot.invocations] == ["tested-0", "third-2"]
    assert [one.id for one in snapshot.anomalies] == [2]


def test_the_latest_invocations_are_the_latest_of_all_skills(store: Store) -> None:
    recorded = many(400, skills=30)
    store.record(recorded)
    found = read_snapshot(store, frozenset(["all"]), AT).invocations
    expected = sorted((one.invoked_at for one in recorded), reverse=True)[:LATEST]
    assert [one.invoked_at for one in found] == expected


def test_built_in_tools_are_among_the_latest_only_where_they_are_named(store: Store) -> None:
    use(store, "tested")
    store.record([invocation("read", skill_name="Read", kind=Kind.TOOL)])
    everything = read_snapshot(store, frozenset(["all"]), AT)
    assert [one.event_id for one in everything.invocations] == ["tested-0"]
    assert {row.skill_name for row in everything.skills} == {"tested", "Read"}
    assert [one.event_id for one in read_snapshot(store, frozenset(["skill:Read"]), AT).invocations] == ["read"]


def test_of_an_empty_store_there_is_nothing_to_tell(store: Store) -> None:
    for topics in (["all"], ["skill:a"], ["category:none"]):
        snapshot = read_snapshot(store, frozenset(topics), AT)
        assert (snapshot.skills, snapshot.invocations, snapshot.anomalies) == ([], [], [])
