"""The watch finds the same on every engine, and what it resolved is resolved for whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from session_buddy.model import Kind
from session_buddy.monitoring.watch import AnomalyWatch, rows_changed_since
from session_buddy.reports.anomalies import read_anomalies, read_skill_anomalies
from session_buddy.reports.settings import put_setting, read_setting_list
from session_buddy.storage import Store
from tests.contract.conftest import OpenStore
from tests.making import FakeClock, iso
from tests.monitoring.history import broken_since, steady, told

NOON = datetime(2026, 6, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def filled(open_new: OpenStore) -> Store:
    store = open_new(clock=FakeClock(iso(NOON)))
    start = NOON - timedelta(days=21)
    store.record([*told("deploy", steady, start, NOON), *told("Read", steady, start, NOON, kind=Kind.TOOL)])
    return store


def test_an_anomaly_opens_grows_and_is_resolved(open_new: OpenStore) -> None:
    store = filled(open_new)
    watch = AnomalyWatch(store)
    hour_of = broken_since(NOON, NOON + 3 * HOUR)
    opened_at = None
    for number in range(8):
        at = NOON + number * HOUR
        store.record(list(told("deploy", hour_of, at, at + HOUR)))
        watch.step(iso(at + HOUR + timedelta(minutes=6)))
        listed = read_anomalies(store, 10)
        assert len(listed.open) + len(listed.resolved) <= 1, "one row, whatever states of it are kept"
        opened_at = opened_at or (listed.open[0].detected_at if listed.open else None)
    (row,) = rows_changed_since(store, "")
    assert (row.detected_at, row.anomaly_type, row.resolved_at) == (opened_at, "drop", row.resolved_at)
    assert row.resolved_at is not None
    assert [one.id for one in read_skill_anomalies(store, "deploy")] == [row.id]
    assert not store.query("SELECT is_anomalous FROM v_realtime_skill_dashboard WHERE kind = 'skill'").rows[0][0]


def test_what_is_told_late_is_seen(open_new: OpenStore) -> None:
    store = filled(open_new)
    watch = AnomalyWatch(store)
    assert watch.step(iso(NOON + timedelta(minutes=6))) == []
    assert watch.step(iso(NOON + timedelta(minutes=20))) == []
    # Of hours that were looked at already: more of one skill, and the whole history of another.
    store.record(list(told("deploy", lambda at: steady(at)._replace(failed=22), NOON - 3 * HOUR, NOON)))
    history = told("late", broken_since(NOON - 3 * HOUR), NOON - timedelta(days=21), NOON)
    store.record(list(history))
    assert {row.skill_name for row in watch.step(iso(NOON + timedelta(minutes=25)))} == {"deploy", "late"}


def test_settings_are_kept(open_new: OpenStore) -> None:
    store = open_new()
    put_setting(store, "anomaly_detector", "zscore")
    put_setting(store, "anomaly_detector", "novelty")
    assert {one.name: one.value for one in read_setting_list(store).settings}["anomaly_detector"] == "novelty"
