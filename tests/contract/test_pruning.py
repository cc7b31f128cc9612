"""Old invocations go, and with them all that was counted of them; the rest stays exactly as it was."""

from __future__ import annotations

import pytest

from session_buddy.errors import InvalidInput
from session_buddy.monitoring.retention import prune
from session_buddy.storage import Store
from tests.contract.conftest import OpenStore
from tests.making import NOW, FakeClock, invocation, many, shifted

MONTH = "2026-06-01T00:00:00.000Z"
TOTALS = "SELECT count(*), sum(invocation_count) FROM skill_metrics"


@pytest.fixture
def history(open_new: OpenStore) -> Store:
    """Two months of invocations, about a thousand of them in June."""
    store = open_new(clock=FakeClock())
    store.record(many(2_000, days=30))
    store.refresh()
    return store


def counted(store: Store, sql: str) -> int:
    return int(store.query(sql).rows[0][0])


def test_what_is_old_goes_and_the_rest_is_as_a_recount_says(history: Store) -> None:
    older = counted(history, f"SELECT count(*) FROM skill_invocation WHERE invoked_at < '{MONTH}'")
    assert 300 < older < 1_500
    assert history.prunable(MONTH) == older
    assert prune(history, MONTH).invocations == older
    assert history.drifted() == []
    assert history.prunable(MONTH) == 0
    assert counted(history, "SELECT count(*) FROM skill_invocation") == 2_000 - older
    assert counted(history, "SELECT sum(invocation_count) FROM skill_time_series") == 2_000 - older
    assert history.query("SELECT min(timestamp) FROM skill_time_series").rows[0][0] >= MONTH
    assert history.query("SELECT min(first_invoked_at) FROM skill_metrics").rows[0][0] >= MONTH


def test_it_equals_a_store_that_never_had_what_is_old(history: Store, open_new: OpenStore) -> None:
    prune(history, MONTH)
    other = open_new("other", FakeClock())
    other.record([one for one in many(2_000, days=30) if one.invoked_at >= MONTH])
    for view in ("v_realtime_skill_dashboard", "v_skill_effectiveness_trend", "v_skill_dependency_network"):
        columns = [name for name in other.query(f"SELECT * FROM {view}").columns if name not in _WHEN_WRITTEN]
        sql = f"SELECT {', '.join(columns)} FROM {view} ORDER BY 1, 2"
        assert history.query(sql).rows == other.query(sql).rows


_WHEN_WRITTEN = ("updated_at", "last_updated")


def test_the_moment_itself_is_kept(open_new: OpenStore) -> None:
    store = open_new(clock=FakeClock())
    moments = (shifted(MONTH, seconds=-0.001), MONTH)
    store.record([invocation(f"at-{moment}", invoked_at=moment) for moment in moments])
    assert prune(store, MONTH).invocations == 1
    assert store.query("SELECT invoked_at FROM skill_invocation").rows == [(MONTH,)]


def test_nothing_old_is_nothing_to_do(history: Store) -> None:
    before = history.query(TOTALS).rows
    assert prune(history, "2020-01-01T00:00:00.000Z").invocations == 0
    assert history.query(TOTALS).rows == before


def test_a_dry_run_deletes_nothing(history: Store) -> None:
    before = history.query(TOTALS).rows
    assert prune(history, MONTH, dry_run=True).invocations > 0
    assert history.query(TOTALS).rows == before


def test_everything_may_go(history: Store) -> None:
    assert prune(history, "2026-07-01T00:00:00.000Z").invocations == 2_000
    assert history.drifted() == []
    assert history.query("SELECT * FROM v_realtime_skill_dashboard").rows == []


def test_what_was_deleted_can_be_recorded_again(history: Store) -> None:
    prune(history, MONTH)
    recorded = history.record(many(2_000, days=30))
    assert recorded.added > 300
    assert counted(history, "SELECT count(*) FROM skill_invocation") == 2_000
    assert history.drifted() == []


def test_a_moment_that_is_none_is_refused(history: Store) -> None:
    with pytest.raises(InvalidInput):
        history.prune("June")
    with pytest.raises(InvalidInput):
        history.prunable("2026-06-01")


def test_it_can_be_stopped_and_gone_on_with(history: Store) -> None:
    """An engine that deletes by months does all at once."""
    whole = history.prunable(MONTH)
    first = prune(history, MONTH, go_on=lambda deleted: False).invocations
    assert 0 < first <= whole
    assert history.drifted() == []
    assert first + prune(history, MONTH).invocations == whole


def test_now_is_not_old(history: Store) -> None:
    kept = counted(history, f"SELECT count(*) FROM skill_invocation WHERE invoked_at >= '{NOW}'")
    assert kept > 0
    prune(history, NOW)
    assert counted(history, f"SELECT count(*) FROM skill_invocation WHERE invoked_at >= '{NOW}'") == kept
    assert history.drifted() == []
