"""Recounts while others write, recount too, or have died: everything counts exactly once afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from session_buddy.errors import StoreAway, StoreError
from session_buddy.model import Invocation
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.clickhouse import event_log, journal, lookup, recount_lock, recovery
from session_buddy.storage.clickhouse.upkeep import rebuild_roll_ups
from tests.clickhouse.http_server import ChdbServer
from tests.making import many

pytestmark = pytest.mark.long

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

FIRST, SECOND = many(60, seed=1, days=2), many(60, seed=2, days=2)
RECOUNTED = "are being recounted"


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_GRACE_SECONDS", 0.05)


def writer(store: Store) -> Any:
    return store._clients.writer  # type: ignore[attr-defined]


def rows(store: Store, sql: str) -> list[tuple[Any, ...]]:
    return list(writer(store).query(sql).result_rows)


def assert_all_once(store: Store, events: list[Invocation]) -> None:
    found = store.query("SELECT event_id FROM skill_invocation ORDER BY event_id").rows
    assert [event_id for (event_id,) in found] == sorted(event.event_id for event in events)
    assert store.query("SELECT sum(invocation_count) FROM skill_metrics").rows == [(len(events),)]
    assert store.drifted() == []


def within_the_recount(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have *do* done in the middle of the next recount: roll-ups are empty, and not yet counted."""

    def rebuild(client: Any) -> None:
        monkeypatch.setattr(journal, "rebuild_roll_ups", rebuild_roll_ups)
        for table in ("roll_session_skill", "roll_user_skill"):
            client.command(f"TRUNCATE TABLE {table}")
        do()
        rebuild_roll_ups(client)

    monkeypatch.setattr(journal, "rebuild_roll_ups", rebuild)


def killed() -> None:
    raise StoreError("It was killed.", remedy="None.")


def test_of_two_recounts_one_is_refused(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(server_url) as one, open_store(server_url) as other:
        one.record(FIRST)

        def another() -> None:
            for recount in (other.rebuild, lambda: other.prune("2030-01-01T00:00:00.000Z")):
                with pytest.raises(StoreAway, match=RECOUNTED):
                    recount()

        within_the_recount(monkeypatch, another)
        one.rebuild()
        assert_all_once(one, FIRST)
        other.rebuild()
        assert_all_once(other, FIRST)


def test_recounts_started_at_the_same_moment_count_once(server_url: str) -> None:
    refused: list[str] = []

    def rebuild(store: Store) -> None:
        try:
            store.rebuild()
        except StoreAway as error:
            refused.append(str(error))

    with open_store(server_url) as one, open_store(server_url) as other:
        one.record(FIRST)
        threads = [threading.Thread(target=rebuild, args=(store,)) for store in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(RECOUNTED in problem for problem in refused)
        assert len(refused) < 2
        assert_all_once(one, FIRST)


def test_who_lost_the_lock_stops_before_the_next_statement(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a pause of the process for longer than a lock is respected."""
    with open_store(server_url) as pauses, open_store(server_url) as other:
        pauses.record(FIRST)

        def meanwhile() -> None:
            monkeypatch.setattr(recount_lock, "_SILENT_SECONDS", -1)
            other.rebuild()
            monkeypatch.undo()

        within_the_recount(monkeypatch, meanwhile)
        with pytest.raises(StoreAway, match=RECOUNTED):
            pauses.rebuild()
        assert_all_once(pauses, FIRST)


def test_a_recount_tells_that_it_lives(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount_lock, "_SIGN_SECONDS", 0.05)
    told = threading.Event()
    begin = event_log.begin

    def signs(client: Any, token: str, contents: bytes) -> None:
        begin(client, token, contents)
        if threading.current_thread().name == "signs-of-life":
            told.set()

    monkeypatch.setattr(event_log, "begin", signs)
    with open_store(server_url) as store:
        within_the_recount(monkeypatch, lambda: told.wait(20) or pytest.fail("it gave no sign"))
        store.rebuild()
        assert not recovery.standing(writer(store)).is_recounted


@pytest.mark.parametrize("leaves_lock", [False, True])
def test_a_killed_recount_is_taken_over_by_a_server_that_runs(
    server_url: str, monkeypatch: pytest.MonkeyPatch, *, leaves_lock: bool
) -> None:
    with open_store(server_url) as dies, open_store(server_url) as runs:
        runs.record(FIRST)
        within_the_recount(monkeypatch, killed)
        with pytest.raises(StoreError, match="killed"):
            dies.rebuild()
        if leaves_lock:
            ((token,),) = rows(runs, "SELECT u.token FROM unfinished_batch AS u FINAL WHERE done = 0")
            writer(runs).command(f"CREATE TABLE recount_lock (id UInt8) ENGINE = Null COMMENT '{token}'")
            with pytest.raises(StoreAway, match=RECOUNTED):
                runs.record(SECOND)
            monkeypatch.setattr(recount_lock, "_SILENT_SECONDS", -1)
        runs.record(SECOND)
        assert_all_once(runs, FIRST + SECOND)
        assert not recovery.standing(writer(runs)).is_recounted


def test_a_batch_that_arrived_in_part_before_a_recount_counts_once(
    server: ChdbServer, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(server_url) as sends, open_store(server_url) as recounts:
        sends.record(FIRST)
        server.fault("drop_after", skip=1, times=4)
        with pytest.raises(StoreAway):
            sends.record(SECOND)
        server.healthy()
        recounts.rebuild()
        assert_all_once(recounts, FIRST + SECOND)
        monkeypatch.setattr(recovery, "_SLACK_SECONDS", 0)  # the server is not taken for one that died
        assert sends.record(SECOND) == Recorded(unchanged=60)
        assert_all_once(sends, FIRST + SECOND)


def test_nothing_is_planned_upon_roll_ups_that_are_being_counted(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(server_url) as recounts, open_store(server_url) as other:
        recounts.record(FIRST)

        def refused() -> None:
            with monkeypatch.context() as looked_up:
                looked_up.setattr(lookup, "present", lambda *_: pytest.fail("it was planned"))
                with pytest.raises(StoreAway, match=RECOUNTED):
                    other.record(SECOND)

        within_the_recount(monkeypatch, refused)
        recounts.rebuild()
        other.record(SECOND)
        assert_all_once(other, FIRST + SECOND)


@pytest.mark.parametrize("is_over", [True, False])
def test_a_plan_from_before_a_recount_is_dropped_and_told_again(
    server_url: str, monkeypatch: pytest.MonkeyPatch, *, is_over: bool
) -> None:
    """The same sessions and users go on: a plan from emptied roll-ups would count them as new."""
    more = [change(event, f"more-{event.event_id}") for event in FIRST]
    with open_store(server_url) as recounts, open_store(server_url) as other:
        recounts.record(FIRST)
        present = lookup.present

        def between(client: Any, batch: Any) -> Any:
            monkeypatch.setattr(lookup, "present", present)
            found: list[Any] = []

            def look_up() -> None:
                found.append(present(client, batch))
                if not is_over:
                    killed()

            within_the_recount(monkeypatch, look_up)
            if is_over:
                recounts.rebuild()
            else:
                with pytest.raises(StoreError, match="killed"):
                    recounts.rebuild()
            return found[0]

        monkeypatch.setattr(lookup, "present", between)
        with pytest.raises(StoreAway, match=RECOUNTED):
            other.record(more)
        assert event_log.unfinished(writer(other)) == []
        assert other.record(more).added == 60
        assert_all_once(other, FIRST + more)


def change(event: Invocation, event_id: str) -> Invocation:
    return msgspec.structs.replace(event, event_id=event_id)


@pytest.mark.parametrize("is_over", [True, False])
def test_a_recount_between_two_parts_of_a_batch(
    server_url: str, monkeypatch: pytest.MonkeyPatch, *, is_over: bool
) -> None:
    monkeypatch.setattr(event_log, "_ROWS_AT_ONCE", 10)
    insert, sent = event_log._insert_changes, []
    with open_store(server_url) as sends, open_store(server_url) as recounts:

        def after_two(client: Any, contents: Any, part: int) -> None:
            insert(client, contents, part)
            sent.append(part)
            if part == 1 and is_over:
                recounts.rebuild()
            elif part == 1:
                event_log.begin(writer(recounts), "recount-x", b"")
                monkeypatch.setattr(recount_lock, "is_held", lambda _: True)
                monkeypatch.setattr(recovery, "is_held", lambda _: True)

        monkeypatch.setattr(event_log, "_insert_changes", after_two)
        if is_over:
            assert sends.record(FIRST).added == 60
        else:
            with pytest.raises(StoreAway, match=RECOUNTED):
                sends.record(FIRST)
            monkeypatch.undo()
            recounts.rebuild()
            assert sends.record(FIRST) == Recorded(unchanged=60)
        assert sorted(sent) == [0, 1]
        assert_all_once(sends, FIRST)


def put_down(store: Store, token: str, days_ago: float, *, done: bool) -> None:
    begun = datetime.now(UTC) - timedelta(days=days_ago)
    writer(store).insert(
        "unfinished_batch",
        [[token], [begun], [b"" if done else b"x"], [int(done)]],
        column_names=("token", "begun_at", "contents", "done"),
        column_type_names=("String", "DateTime", "String", "UInt8"),
        column_oriented=True,
    )


def test_old_tokens_go_contents_first(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    delete, deleted = recovery._delete, []

    def noted(client: Any, condition: str) -> None:
        deleted.append(condition[:8])
        delete(client, condition)

    monkeypatch.setattr(recovery, "_delete", noted)
    with open_store(server_url) as store:
        writer(store).command("SYSTEM STOP MERGES unfinished_batch")
        for token, days in (("young", 1.0), ("old", 7.5), ("older", 9.0)):
            put_down(store, token, days, done=False)
            put_down(store, token, days, done=True)
        put_down(store, "open", 9.0, done=False)
        writer(store).command("SYSTEM START MERGES unfinished_batch")  # deletions count as such
        recovery.forget_old(writer(store))
        assert deleted == ["done = 0", "done = 1"]
        left = rows(store, "SELECT u.token, u.done FROM unfinished_batch AS u FINAL ORDER BY u.token")
        assert left == [("old", 1), ("open", 0), ("young", 1)]


def test_the_engine_itself_forgets_no_tokens(server_url: str) -> None:
    with open_store(server_url) as store:
        ((made,),) = rows(store, "SHOW CREATE TABLE unfinished_batch")
        assert "TTL" not in made


def test_what_is_pruned_is_in_no_batch_any_more(server_url: str) -> None:
    with open_store(server_url) as store:
        writer(store).command("SYSTEM STOP MERGES unfinished_batch")
        store.record(FIRST)
        assert rows(store, "SELECT count() FROM unfinished_batch WHERE contents <> ''") == [(1,)]
        writer(store).command("SYSTEM START MERGES unfinished_batch")
        assert store.prune("2030-01-01T00:00:00.000Z") == 60
        assert rows(store, "SELECT count() FROM unfinished_batch WHERE contents <> ''") == [(0,)]
    with open_store(server_url) as store:
        assert_all_once(store, [])
