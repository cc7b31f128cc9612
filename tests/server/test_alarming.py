"""What a server does about anomalies, alerts and old data."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from session_buddy.monitoring.alerts.targets import Target, text_of
from session_buddy.monitoring.watch import rows_changed_since
from session_buddy.reports.settings import put_setting, write_text
from session_buddy.server.alarming import alerts_folder, anomaly_chores
from session_buddy.server.chores import do_chores
from session_buddy.server.troubles import Troubles
from session_buddy.storage import Store, open_store
from tests.making import FakeClock, iso
from tests.monitoring.history import broken_since, told
from tests.monitoring.receiving import receiving
from tests.monitoring.test_alerts import until

NOON = datetime(2026, 6, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(iso(NOON + timedelta(minutes=6)))


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=clock) as store:
        start = NOON - timedelta(days=60, hours=12)
        for name in ("deploy", *(f"other-{number}" for number in range(3))):
            recorded = told(name, broken_since(NOON - 2 * HOUR), start if name == "deploy" else NOON - HOUR, NOON)
            store.record(list(recorded))
        yield store


def test_they_find_tell_and_delete(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    with receiving() as receiver:
        write_text(store, "alert_targets", text_of([Target(name="ops", url=receiver.url)]))
        put_setting(store, "retention_days", "40")
        look, tell, prune = (
            chore.action for chore in anomaly_chores(store, clock, tmp_path / "alerts", monotonic=lambda: 0.0)
        )
        look()
        assert [row.skill_name for row in rows_changed_since(store, "")] == ["deploy"]
        tell()
        until(lambda: receiver.got)
        assert receiver.bodies[0]["data"]["skill_name"] == "deploy"
        prune()
        ((first,),) = store.query("SELECT min(invoked_at) FROM skill_invocation").rows
        assert first >= iso(NOON - timedelta(days=39))[:10]
        assert store.drifted() == []
        until(lambda: (tmp_path / "alerts" / "alerts.json").exists())


def test_nothing_is_deleted_unless_that_is_set(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    *_, prune = anomaly_chores(store, clock, tmp_path)
    before = store.query("SELECT count(*) FROM skill_invocation").rows
    prune.action()
    assert store.query("SELECT count(*) FROM skill_invocation").rows == before


def test_a_look_that_came_to_every_skill_is_not_repeated_at_once(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    seconds = [100.0]
    look, *_ = anomaly_chores(store, clock, tmp_path, monotonic=lambda: seconds[0])
    look.action()
    assert len(rows_changed_since(store, "")) == 1
    clock.advance(hours=3)
    look.action()
    assert len(rows_changed_since(store, "")) == 1, "it looked again a moment later"
    seconds[0] += 15
    look.action()
    assert len(rows_changed_since(store, "")) > 1, "three hours without use are an anomaly"


def test_what_fails_is_told_among_the_troubles(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    write_text(store, "anomaly_detector", "crystal-ball")
    troubles = Troubles()
    chores = [chore._replace(seconds=0.01) for chore in anomaly_chores(store, clock, tmp_path)]

    async def serve() -> None:
        doing = asyncio.ensure_future(do_chores(chores, troubles))
        while not troubles.told():
            await asyncio.sleep(0.01)
        doing.cancel()
        await asyncio.wait([doing])

    asyncio.run(asyncio.wait_for(serve(), 20))
    assert troubles.told() == ["Looking for anomalies fails: anomaly_detector: 'crystal-ball' is none."]


def test_every_store_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert alerts_folder(tmp_path / "spool" / "a") == tmp_path / "alerts" / "a"
