"""What hooks told comes into every engine, once, however often it is read and whoever tells the same."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from session_buddy.errors import StoreAway, StoreFull
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import hooks as hooks_module
from session_buddy.ingest import import_files
from session_buddy.ingest import waiting as waiting_module
from session_buddy.ingest.hooks import Drained, drain_hooks
from session_buddy.ingest.waiting import Waiting
from session_buddy.storage import Store

RULES = ShellRules.builtin()
OLD_NS = 3_600 * 10**9
NOW_NS = 1_780_000_000 * 10**9


def event(name: str, **fields: Any) -> bytes:
    return json.dumps({"session_id": "s1", "hook_event_name": name, "prompt_id": "p1", **fields}).encode()


def call(number: int) -> list[bytes]:
    given = {"tool_name": "Bash", "tool_input": {"command": "pytest -q"}, "tool_use_id": f"t{number}"}
    return [event("PreToolUse", **given), event("PostToolUse", **given, tool_response={"stdout": ""}, duration_ms=9)]


@pytest.fixture
def spool(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path / "hooks")


@pytest.fixture
def drain(store: Store, spool: Waiting) -> Callable[[], Drained]:
    return lambda: drain_hooks(store, spool, user_id="u", rules=RULES)


def rows(store: Store) -> list[tuple[Any, ...]]:
    return store.query("SELECT event_id, skill_name, outcome, source FROM skill_invocation ORDER BY event_id").rows


def test_what_waits_is_recorded_once_and_gone(store: Store, spool: Waiting, drain: Callable[[], Drained]) -> None:
    assert drain() == Drained()
    for told in call(1) + call(2):
        spool.put(told)
    assert drain().events == 4
    assert spool.count() == 0
    assert rows(store) == [("t1", "pytest-run", "completed", "hook"), ("t2", "pytest-run", "completed", "hook")]
    assert drain() == Drained()


def test_a_call_may_end_in_a_later_reading(store: Store, spool: Waiting, drain: Callable[[], Drained]) -> None:
    begun, ended = call(1)
    spool.put(begun)
    drain()
    # What it is the command of, its result tells.
    assert rows(store) == [("t1", "Bash", None, "hook")]
    spool.put(ended)
    assert drain().recorded.completed == 1
    assert rows(store) == [("t1", "pytest-run", "completed", "hook")]


@pytest.mark.parametrize("place", ["_save", "_Reading.put_away"])
@pytest.mark.parametrize("has_ids", [True, False])
def test_stopped_before_the_files_are_gone_the_next_reading_changes_nothing(
    store: Store,
    spool: Waiting,
    drain: Callable[[], Drained],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    has_ids: bool,
) -> None:
    def put(number: int, told: bytes) -> None:
        spool.put(told if has_ids else told.replace(b"tool_use_id", b"no_id"))
        newest = max(spool.folder.glob("*.json"), key=lambda path: path.name)
        os.utime(newest, ns=(NOW_NS + number * 10**9, NOW_NS + number * 10**9))

    told = [*call(1), event("Stop"), *call(2)]
    put(0, told[0])
    drain()
    for number, one in enumerate(told[1:], 1):
        put(number, one)
    with monkeypatch.context() as patch:
        patch.setattr(f"session_buddy.ingest.hooks.{place}", stop)
        with pytest.raises(KeyboardInterrupt):
            drain()
    before = rows(store)
    assert [outcome for _, _, outcome, _ in before] == ["completed", "completed"]
    assert spool.count() == 4
    assert drain().recorded.added == 0
    assert (rows(store), spool.count()) == (before, 0)


def test_another_event_in_a_file_of_the_same_name_is_read(
    store: Store, spool: Waiting, drain: Callable[[], Drained]
) -> None:
    spool.folder.mkdir()
    for number, told in enumerate(call(1)):
        path = spool.folder / "77-0.json"
        path.write_bytes(told)
        os.utime(path, ns=(NOW_NS + number, NOW_NS + number))
        assert drain().events == 1
    assert [outcome for _, _, outcome, _ in rows(store)] == ["completed"]


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_while_the_store_is_away_all_waits(
    store: Store, spool: Waiting, drain: Callable[[], Drained], monkeypatch: pytest.MonkeyPatch
) -> None:
    for told in call(1):
        spool.put(told)
    with monkeypatch.context() as patch:
        patch.setattr(store, "record", away)
        with pytest.raises(StoreAway):
            drain()
    assert spool.count() == 2
    assert drain().recorded.added == 1


def away(*_: object, **__: object) -> None:
    raise StoreAway("The store is away.", remedy="Wait.")


def test_what_is_no_event_is_set_aside_and_stops_nothing(
    store: Store, spool: Waiting, drain: Callable[[], Drained]
) -> None:
    spool.put(b'{"hello": 1}')
    for told in call(1):
        spool.put(told)
    spool.put(event("PreToolUse", tool_name='Task" >\n<parameter', tool_input={}, tool_use_id="t9"))
    assert (drain().bad_events, spool.count()) == (1, 0)
    found = dict(store.query("SELECT path, reason FROM import_quarantine").rows)
    assert sorted(reason for reason in found.values()) == [
        "The tool name of t9 is garbage.",
        "is no event of a hook: Object missing required field `hook_event_name`.",
    ]
    kept = [path for path in spool.folder.iterdir() if path.suffix == ".rejected"]
    assert [path.read_bytes() for path in kept] == [b'{"hello": 1}']
    assert str(kept[0]) in found
    assert len(rows(store)) == 1


def test_an_event_that_is_being_written_is_left_until_it_is_whole(
    store: Store, spool: Waiting, drain: Callable[[], Drained]
) -> None:
    begun, ended = call(1)
    spool.put(begun)
    (path,) = spool.folder.glob("*.json")
    for part in (b"", begun[:40]):
        path.write_bytes(part)
        assert drain() == Drained()
        assert spool.count() == 1
    path.write_bytes(begun)
    assert drain().events == 1
    spool.put(ended[:40])
    (path,) = spool.folder.glob("*.json")
    long_ago = time.time_ns() - OLD_NS
    os.utime(path, ns=(long_ago, long_ago))  # whoever wrote it is gone
    assert drain().bad_events == 1


def test_events_are_read_in_the_order_in_which_they_were_written(
    store: Store, spool: Waiting, drain: Callable[[], Drained]
) -> None:
    spool.folder.mkdir()
    names = ("9-0", "10-0", "11-0", "2-0")  # as numbers of processes come
    for order, (name, told) in enumerate(zip(names, [*call(1), *call(2)], strict=True)):
        path = spool.folder / f"{name}.json"
        path.write_bytes(told)
        moment = time.time_ns() + (order // 3) * 10**9
        os.utime(path, ns=(moment, moment))
    assert drain().events == 4
    assert [outcome for _, _, outcome, _ in rows(store)] == ["completed", "completed"]


def test_a_folder_that_is_full_says_so(spool: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_module, "_MOST_WAITING", 2)
    spool.put(b"{}")
    spool.require_room()
    spool.put(b"{}")
    with pytest.raises(StoreFull, match="session-buddy import"):
        spool.require_room()


def test_only_one_reads_at_a_time(store: Store, spool: Waiting, drain: Callable[[], Drained]) -> None:
    spool.put(call(1)[0])
    with hooks_module.exclusive(spool.folder / "lock", timeout=0):
        assert drain() == Drained()
    assert drain().events == 1


@pytest.mark.parametrize("transcript_first", [True, False])
def test_a_transcript_tells_of_the_same_calls(
    store: Store, spool: Waiting, drain: Callable[[], Drained], tmp_path: Path, transcript_first: bool
) -> None:
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "s1.jsonl").write_text("\n".join(map(json.dumps, LINES)) + "\n")

    def import_it() -> None:
        importer = ClaudeCode(RULES)
        import_files(store, [importer], {importer.name: [tmp_path / "projects"]}, user_id="u", processes=1)

    spool.put(event("UserPromptExpansion", command_name="deploy", expansion_type="slash_command"))
    for told in [*call(1), event("Stop")]:
        spool.put(told)
    for act in (import_it, drain) if transcript_first else (drain, import_it):
        act()
    assert [row[:3] for row in rows(store)] == [("p1:typed", "deploy", "completed"), ("t1", "pytest-run", "completed")]
    found = store.query("SELECT duration_ms, duration_source, model FROM skill_invocation WHERE event_id = 't1'").rows
    assert found == [(9, "reported", "claude-f")]  # how long it took says the hook, the model says the transcript


def _line(kind: str, second: int, content: Any, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind, "uuid": f"u{second}", "sessionId": "s1", "promptId": "p1", "cwd": "/work",
        "timestamp": (NOW + timedelta(seconds=second)).isoformat(), "message": {"content": content, **fields},
    }  # fmt: skip


NOW = datetime.now(UTC)
LINES = [
    _line("user", 1, "<command-message>deploy</command-message>\n<command-name>/deploy</command-name>"),
    _line("assistant", 2, [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest -q"}}],
          id="m1", model="claude-f"),
    _line("user", 4, [{"type": "tool_result", "tool_use_id": "t1", "content": ""}]),
    _line("assistant", 5, [{"type": "text", "text": "done"}], id="m2", model="claude-f", stop_reason="end_turn"),
]  # fmt: skip
