"""A server that died within an insert may have lost rows or forgotten tokens: the next call puts all right."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from session_buddy.errors import StoreAway, StoreError
from session_buddy.model import Invocation
from session_buddy.storage import Recorded, Store, open_store
from session_buddy.storage.clickhouse import journal, recovery
from session_buddy.storage.clickhouse.connection import open_client, parse_url
from tests.clickhouse.http_server import ChdbServer
from tests.clickhouse.places import drop, new_database
from tests.making import many, shifted

pytestmark = pytest.mark.long

pytest.importorskip("clickhouse_connect", reason="the extra 'clickhouse' is not installed")

FIRST, SECOND = many(60, seed=1, days=2), many(60, seed=2, days=2)
Damage = Callable[[Path], None]


def a_part_is_lost(table: Path) -> None:
    """As after a kill between the note of a token and the part's move to its place."""
    newest = max(table.glob("*_[0-9]*_[0-9]*_[0-9]*"), key=lambda part: int(part.name.split("_")[2]))
    shutil.rmtree(newest)


def a_token_is_forgotten(table: Path) -> None:
    """As after a power cut: parts are flushed, the notes of tokens are not."""
    logs = sorted(table.glob("deduplication_logs/*.txt"), key=lambda log: int(log.stem.split("_")[-1]))
    newest = [log for log in logs if log.stat().st_size][-1]
    newest.write_text("".join(newest.read_text().splitlines(keepends=True)[:-1]))


def folder_of(store: Store, server: ChdbServer, table: str) -> Path:
    """Return where *table* is kept, and keep its parts apart, so that each holds what one insert brought."""
    store._clients.writer.command(f"SYSTEM STOP MERGES {table}")  # type: ignore[attr-defined]
    ((path,),) = store.query(
        "SELECT data_paths[1] FROM system.tables WHERE database = currentDatabase() AND name = ?", (table,)
    ).rows
    return server.folder / path


def assert_all_once(store: Store, events: list[Invocation]) -> None:
    rows = store.query("SELECT event_id FROM skill_invocation ORDER BY event_id").rows
    assert [event_id for (event_id,) in rows] == sorted(event.event_id for event in events)
    assert store.drifted() == []


@pytest.mark.parametrize("damage", [a_part_is_lost, a_token_is_forgotten])
@pytest.mark.parametrize("table", ["invocation_log", "roll_hour", "roll_session"])
def test_what_a_server_lost_of_a_batch_is_made_good(
    server: ChdbServer, server_url: str, table: str, damage: Damage
) -> None:
    with open_store(server_url) as store:
        store.record(FIRST)
        folder = folder_of(store, server, table)
        server.fault("drop_after", skip=1, times=4)
        with pytest.raises(StoreAway):
            store.record(SECOND)
        server.kill()
        damage(folder)
        server.start()
        assert store.record(SECOND) == Recorded(unchanged=60)
        assert_all_once(store, FIRST + SECOND)


def test_also_where_the_writer_died_with_the_server(server: ChdbServer, server_url: str) -> None:
    with open_store(server_url) as store:
        store.record(FIRST)
        folder = folder_of(store, server, "roll_skill")
        server.fault("drop_after", skip=1, times=4)
        with pytest.raises(StoreAway):
            store.record(SECOND)
    server.kill()
    a_part_is_lost(folder)
    server.start()
    with open_store(server_url) as store:
        assert_all_once(store, FIRST + SECOND)


def test_a_server_that_lived_on_is_not_recounted(
    server: ChdbServer, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_SLACK_SECONDS", 0)
    monkeypatch.setattr(journal, "drifted_roll_ups", lambda *_: pytest.fail("there is no need for a recount"))
    with open_store(server_url) as store:
        server.fault("drop_after", skip=1, times=4)
        with pytest.raises(StoreAway):
            store.record(FIRST)
        server.healthy()
        assert store.record(FIRST) == Recorded(unchanged=60)


def test_a_batch_that_is_found_long_after_counts_once(
    server: ChdbServer, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables remember a thousand tokens; others may have inserted more since."""
    monkeypatch.setattr(recovery, "_BATCHES_REMEMBERED", 1)
    with open_store(server_url) as dies, open_store(server_url) as other:
        server.fault("drop_after", skip=1, times=4)
        with pytest.raises(StoreAway):
            dies.record(FIRST)
        server.healthy()
        other.record(SECOND)
        for window in (0, 1000):
            setting = f"MODIFY SETTING non_replicated_deduplication_window = {window}"
            other._clients.writer.command(f"ALTER TABLE roll_hour {setting}")  # type: ignore[attr-defined]
    monkeypatch.setattr(recovery, "_SLACK_SECONDS", 0)  # the server is not taken for one that died
    with open_store(server_url) as store:
        assert_all_once(store, FIRST + SECOND)


@pytest.mark.parametrize("stage", [0, 1], ids=["put down", "written"])
@pytest.mark.parametrize("dies", [True, False])
def test_what_another_process_told_meanwhile_counts_once(
    server: ChdbServer, server_url: str, monkeypatch: pytest.MonkeyPatch, stage: int, *, dies: bool
) -> None:
    """As where a client, which got no answer, went to another server; half of it with a time on the day before."""
    monkeypatch.setattr(recovery, "_SLACK_SECONDS", 0)  # the server is not taken for one that died
    again = [
        msgspec.structs.replace(event, invoked_at=shifted(event.invoked_at, hours=-12 * (place % 2)))
        for place, event in enumerate(FIRST)
    ]
    with open_store(server_url) as fails, open_store(server_url) as other:
        server.fault("drop_after", skip=stage, times=4)
        with pytest.raises(StoreAway):
            fails.record(FIRST)
        server.healthy()
        if stage == 1:
            empty_of(server_url)
        assert other.record(again).added == 60
        if not dies:
            fails.record(SECOND)
            assert_all_once(other, FIRST + SECOND)
    with open_store(server_url) as third:
        third.record(SECOND)
        assert_all_once(third, FIRST + SECOND)


def empty_of(server_url: str) -> None:
    """Take the batch that has arrived away again: as if it would arrive later."""
    address = parse_url(server_url)
    client = open_client(address, database=address.database)
    tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, '^(roll|invocation)_')"
    for (name,) in client.query(f"{tables} AND engine LIKE '%MergeTree'").result_rows:
        client.command(f"TRUNCATE TABLE {name}")
    client.close()


@pytest.fixture
def url() -> Iterator[str]:
    made = new_database()
    yield made
    drop(made)


def fail(*_: object) -> None:
    raise StoreError("The disk is full.", remedy="Make room.")


def test_a_recount_that_failed_is_done_again_by_the_next_call(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(url) as store:
        store.record(FIRST)
        with monkeypatch.context() as broken:
            broken.setattr(journal, "rebuild_roll_ups", half_a_rebuild)
            with pytest.raises(StoreError):
                store.rebuild()
        store.record(SECOND)
        assert_all_once(store, FIRST + SECOND)


def test_a_recount_that_was_killed_is_done_again_by_the_next_process(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(url) as store, monkeypatch.context() as broken:
        store.record(FIRST)
        broken.setattr(journal, "rebuild_roll_ups", half_a_rebuild)
        with pytest.raises(StoreError):
            store.rebuild()
    with open_store(url) as store:
        assert_all_once(store, FIRST)


def half_a_rebuild(client: object) -> None:
    client.command("TRUNCATE TABLE roll_hour")  # type: ignore[attr-defined]
    fail()


def test_while_one_process_recounts_others_read_and_do_not_record(
    server: ChdbServer, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(server_url) as recounts, open_store(server_url) as other:
        recounts.record(FIRST)

        def meanwhile(_: object) -> None:
            with pytest.raises(StoreAway, match="are being recounted"):
                other.record(SECOND)
            with open_store(server_url) as third:
                assert third.query("SELECT count(*) FROM skill_invocation").rows == [(60,)]

        with monkeypatch.context() as slow:
            slow.setattr(recovery, "_GRACE_SECONDS", 0.01)
            slow.setattr(journal, "rebuild_roll_ups", meanwhile)
            recounts.rebuild()
        other.record(SECOND)
        assert_all_once(other, FIRST + SECOND)
