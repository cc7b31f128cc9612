"""What any process records, and what grows on disk, reaches the feed; nothing stops it for good."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from watchfiles import Change

from session_buddy.errors import StoreAway
from session_buddy.feed import Feed, Subscriber
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.ingest import import_files
from session_buddy.server.chores import Chore, do_chores
from session_buddy.server.following import Follower
from session_buddy.server.troubles import Troubles
from session_buddy.server.watching import Transcripts, Watcher, changed_paths
from session_buddy.storage import Store, open_store
from tests.cli.conftest import transcript_lines
from tests.making import NOW, FakeClock, invocation, many, shifted

_PATIENCE_SECONDS = 60


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Any:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}", clock=clock) as opened:
        yield opened


class Told:
    """What a subscriber of all topics was told, message by message."""

    def __init__(self, feed: Feed) -> None:
        self._messages: list[dict[str, Any]] = []
        self._subscriber: Subscriber = feed.join(lambda: None)
        self._subscriber.subscribe(["all"], since=feed.position)
        self._subscriber.take(1 << 30)

    def take(self) -> list[dict[str, Any]]:
        self._messages += [json.loads(message.text) for message in self._subscriber.take(1 << 30)]
        return self._messages

    @property
    def needs_snapshot(self) -> bool:
        return self._subscriber.needs_snapshot

    def rows(self, section: str) -> list[dict[str, Any]]:
        return [row for message in self.take() for row in message.get(section, ())]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def following(
    store: Store, scene: Callable[[Feed, Troubles], Awaitable[None]], *, troubles: Troubles | None = None
) -> None:
    """Run *scene* while a follower of *store* runs."""
    noted = troubles or Troubles()

    async def play() -> None:
        feed = Feed("epoch")
        task = asyncio.ensure_future(Follower(store, feed, noted, poll_seconds=0.01).run())
        try:
            await until(lambda: feed.offset)  # its first act is to tell everybody to begin anew
            await scene(feed, noted)
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
            assert task.cancelled()

    asyncio.run(play())


class TestFollower:
    def test_rows_of_another_process_are_told_with_their_skills(self, store: Store, tmp_path: Path) -> None:
        store.record(many(50))

        async def scene(feed: Feed, _: Troubles) -> None:
            told = Told(feed)
            with open_store(store.url, clock=FakeClock()) as other:
                other.record([invocation("a"), invocation("b", skill_name="second", outcome=None)])
                await until(lambda: len(told.rows("invocations")) == 2)
                assert {row["skill_name"] for row in told.rows("skills")} == {"pytest-run", "second"}
                other.record([invocation("b", skill_name="second", duration_ms=7)])
                await until(lambda: len(told.rows("invocations")) == 3)
            assert [row["event_id"] for row in told.rows("invocations")] == ["a", "b", "b"]
            assert told.rows("invocations")[-1]["duration_ms"] == 7
            (second,) = {row["total_invocations"] for row in told.rows("skills") if row["skill_name"] == "second"}
            assert second == 1

        following(store, scene)

    def test_nothing_is_told_where_nothing_happens(self, store: Store) -> None:
        store.record(many(50))

        async def scene(feed: Feed, _: Troubles) -> None:
            before = feed.offset
            await asyncio.sleep(0.3)
            assert feed.offset == before

        following(store, scene)

    def test_too_much_to_follow_leads_to_a_fresh_snapshot(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("session_buddy.storage.sqlite.tail._TOO_MANY", 10)

        async def scene(feed: Feed, _: Troubles) -> None:
            told = Told(feed)
            with open_store(store.url, clock=FakeClock()) as other:
                other.record(many(100))
            await until(lambda: told.needs_snapshot)

        following(store, scene)

    def test_anomalies_are_told_when_they_open_and_when_they_are_resolved(self, store: Store) -> None:
        put = "INSERT INTO skill_anomalies (skill_name, detected_at, anomaly_type) VALUES (?, ?, 'drop')"

        def execute(sql: str, *values: str) -> None:
            with sqlite3.connect(store.url.removeprefix("sqlite:///")) as connection:
                connection.execute(sql, values)
            connection.close()

        execute(put, "known before", NOW)

        async def scene(feed: Feed, _: Troubles) -> None:
            told = Told(feed)
            execute(put, "new", NOW)
            await until(lambda: told.rows("anomalies"))
            assert [(row["skill_name"], row["resolved_at"]) for row in told.rows("anomalies")] == [("new", None)]
            execute("UPDATE skill_anomalies SET resolved_at = ?", shifted(NOW, hours=1))
            await until(lambda: len(told.rows("anomalies")) == 3)
            resolved = told.rows("anomalies")[1:]
            assert {row["skill_name"] for row in resolved} == {"known before", "new"}
            assert {row["resolved_at"] for row in resolved} == {shifted(NOW, hours=1)}

        following(store, scene)

    def test_windows_slide_though_nothing_is_recorded(
        self, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("session_buddy.server.following._WINDOWS_SECONDS", 0.0)
        store.record(
            [
                invocation("a", invoked_at=shifted(NOW, minutes=-30)),
                invocation("b", skill_name="old", invoked_at=shifted(NOW, days=-9)),
            ]
        )

        async def scene(feed: Feed, _: Troubles) -> None:
            told = Told(feed)
            clock.advance(hours=2)
            await until(lambda: told.rows("skills"))
            (row,) = told.rows("skills")
            assert (row["skill_name"], row["invocation_count_1h"], row["invocation_count_24h"]) == ("pytest-run", 0, 1)

        following(store, scene)

    def test_a_store_that_is_away_is_told_of_and_followed_again(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("session_buddy.server.following._RETRY_SECONDS", 0.02)
        asked = store.query

        def away(*_: Any) -> Any:
            raise StoreAway("The server cannot be reached.", remedy="Wait.")

        async def scene(feed: Feed, troubles: Troubles) -> None:
            told = Told(feed)
            monkeypatch.setattr(store, "query", away)
            store.record([invocation("meanwhile")])
            await until(troubles.told)
            assert troubles.told() == ["Following what is recorded fails: The server cannot be reached."]
            monkeypatch.setattr(store, "query", asked)
            await until(lambda: not troubles.told())
            assert told.needs_snapshot  # what happened meanwhile is in there

        following(store, scene)


class Folder:
    """A folder of transcripts that is imported into a store."""

    def __init__(self, store: Store, root: Path) -> None:
        self.root, self.store, self.calls = root, store, 0
        self._importer = ClaudeCode()

    def transcripts(self) -> Transcripts:
        return Transcripts(lambda: [self.root], self.imported, suffixes=frozenset({".jsonl"}))

    def imported(self, paths: Sequence[Path], progress: Callable[[int, int], None]) -> None:
        self.calls += 1
        roots = {self._importer.name: paths}
        import_files(self.store, [self._importer], roots, user_id="u", progress=progress, processes=1)

    def count(self) -> int:
        ((number,),) = self.store.query("SELECT count(*) FROM skill_invocation").rows
        return int(number)


def watching(watcher: Watcher, scene: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        task = asyncio.ensure_future(watcher.run())
        try:
            await scene()
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=_PATIENCE_SECONDS)
            assert task.cancelled()

    asyncio.run(play())


class TestWatcher:
    def test_transcripts_are_imported_as_they_grow(self, store: Store, tmp_path: Path) -> None:
        folder = Folder(store, tmp_path / "projects")
        place = folder.root / "p" / "11111111-2222-3333-4444-555555555555.jsonl"
        place.parent.mkdir(parents=True)
        first, rest = transcript_lines()[:2], transcript_lines()[2:]
        place.write_text("".join(f"{line}\n" for line in first))

        async def scene() -> None:
            await until(lambda: folder.count() == 1)
            with place.open("a") as file:
                file.writelines(f"{line}\n" for line in rest)
            await until(lambda: folder.count() == 3)
            beside = folder.root / "q" / "new.jsonl"
            beside.parent.mkdir()
            beside.write_text(place.read_text().replace("toolu_", "toolu_other_").replace("1111", "2222"))
            await until(lambda: folder.count() == 6)

        watching(Watcher(folder.transcripts(), Troubles()), scene)

    def test_a_folder_that_comes_later_is_found(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("session_buddy.server.watching._NOTHING_SECONDS", 0.02)
        folder = Folder(store, tmp_path / "later")

        async def scene() -> None:
            await asyncio.sleep(0.1)
            assert folder.calls == 0
            folder.root.mkdir()
            (folder.root / "a.jsonl").write_text("".join(f"{line}\n" for line in transcript_lines()))
            await until(lambda: folder.count() == 3)

        watching(Watcher(folder.transcripts(), Troubles()), scene)

    def test_what_the_system_does_not_tell_is_found_by_looking(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refusing(*_: Any, **__: Any) -> Any:
            raise OSError(28, "no more folders can be watched")

        monkeypatch.setattr("session_buddy.server.watching.awatch", refusing)
        monkeypatch.setattr("session_buddy.server.watching._RETRY_SECONDS", 0.02)
        folder = Folder(store, tmp_path / "projects")
        folder.root.mkdir()
        troubles = Troubles()

        async def scene() -> None:
            await until(troubles.told)
            assert "no more folders" in troubles.told()[0]
            (folder.root / "a.jsonl").write_text("".join(f"{line}\n" for line in transcript_lines()))
            await until(lambda: folder.count() == 3)

        watching(Watcher(folder.transcripts(), troubles), scene)

    def test_an_import_that_fails_is_told_of_and_tried_again(self, store: Store, tmp_path: Path) -> None:
        folder = Folder(store, tmp_path / "projects")
        folder.root.mkdir()
        troubles = Troubles()
        works = False

        def sometimes(paths: Sequence[Path], progress: Callable[[int, int], None]) -> None:
            if not works:
                raise StoreAway("The server cannot be reached.", remedy="Wait.")
            folder.imported(paths, progress)

        async def scene() -> None:
            nonlocal works
            await until(troubles.told)
            works = True
            (folder.root / "a.jsonl").write_text("".join(f"{line}\n" for line in transcript_lines()))
            await until(lambda: folder.count() == 3)
            await until(lambda: not troubles.told())

        transcripts = Transcripts(lambda: [folder.root], sometimes, suffixes=frozenset({".jsonl"}))
        watching(Watcher(transcripts, troubles, all_seconds=0.1), scene)

    def test_an_import_under_way_ends_with_the_server(self, tmp_path: Path) -> None:
        (tmp_path / "projects").mkdir()
        ended, steps = [], [0]

        def endless(_: Sequence[Path], progress: Callable[[int, int], None]) -> None:
            try:
                while True:
                    steps[0] += 1
                    progress(0, 1)
            except BaseException as error:
                ended.append(type(error).__name__)
                raise

        async def scene() -> None:
            await until(lambda: steps[0] > 10)

        watching(
            Watcher(Transcripts(lambda: [tmp_path / "projects"], endless, suffixes=frozenset({".jsonl"})), Troubles()),
            scene,
        )
        assert ended == ["Stopped"]

    def test_changes_are_taken_for_what_they_are(self, tmp_path: Path) -> None:
        root, real = tmp_path / "link", tmp_path / "real"
        (real / "folder").mkdir(parents=True)
        (real / "a.jsonl").touch()
        root.symlink_to(real)
        changes = [
            (Change.modified, str(real / "a.jsonl")),
            (Change.added, str(root / "folder")),
            (Change.added, str(real / "notes.txt")),
            (Change.deleted, str(real / "b.jsonl")),
            (Change.modified, str(root / "a.jsonl")),
        ]
        assert changed_paths(changes, [root], suffixes=frozenset({".jsonl"})) == [root / "a.jsonl", root / "folder"]
        every = frozenset({".jsonl", ".txt"})
        assert changed_paths(changes, [root], suffixes=every) == [root / "a.jsonl", root / "folder", root / "notes.txt"]

    @pytest.mark.parametrize("beside", [True, False])
    def test_a_file_is_looked_at_now_and_then_beside_folders_and_alone(self, tmp_path: Path, *, beside: bool) -> None:
        file, folder, seen = tmp_path / "kept.db", tmp_path / "sessions", list[Path]()
        file.touch()
        if beside:
            folder.mkdir()

        def noted(paths: Sequence[Path], _progress: Callable[[int, int], None]) -> None:
            seen.extend(paths)

        async def scene() -> None:
            await until(lambda: seen.count(file) >= 3)

        transcripts = Transcripts(lambda: [folder, file], noted, suffixes=frozenset({".json"}))
        watching(Watcher(transcripts, Troubles(), all_seconds=0.05), scene)
        assert set(seen) == ({file, folder} if beside else {file})


class TestChores:
    def test_each_is_done_again_and_again_whatever_becomes_of_it(self) -> None:
        done: list[str] = []
        troubles = Troubles()

        def failing() -> None:
            done.append("failing")
            if done.count("failing") < 3:
                raise ValueError("not yet")

        async def play() -> None:
            chores = [Chore("Working", 0.01, lambda: done.append("working")), Chore("Failing", 0.01, failing)]
            task = asyncio.ensure_future(do_chores(chores, troubles))
            await until(troubles.told)
            assert troubles.told() == ["Failing fails: ValueError: not yet"]
            await until(lambda: done.count("working") > 3 and done.count("failing") > 3)
            assert troubles.told() == []
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(play())

    def test_the_first_time_may_come_sooner_than_the_next(self) -> None:
        done: list[str] = []

        async def play() -> None:
            chores = [
                Chore("Soon", 3_600.0, lambda: done.append("soon"), first_seconds=0.0),
                Chore("Later", 3_600.0, lambda: done.append("later")),
                Chore("Often", 0.01, lambda: done.append("often")),
            ]
            task = asyncio.ensure_future(do_chores(chores, Troubles()))
            await until(lambda: done.count("often") > 3)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(play())
        assert (done.count("soon"), done.count("later")) == (1, 0)


def test_a_trouble_is_logged_once_and_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    away = StoreAway("Nobody answers.", remedy="Wait.")
    for _ in range(5):
        troubles.note("Looking", away)
    troubles.note("Looking", ValueError("something else"))
    troubles.forget("Looking")
    troubles.forget("Looking")
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "Looking failed and is tried again: Nobody answers.",
        "Looking failed and is tried again: ValueError: something else",
        "Looking works again.",
    ]
    assert [bool(record.exc_info) for record in caplog.records] == [False, True, False]
