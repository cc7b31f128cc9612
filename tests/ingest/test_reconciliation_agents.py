"""The real sessions of Codex, Copilot CLI and Gemini CLI, counted again by other means: none lost, none twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.importers.every import every_importer
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.storage import Recorded, Store, open_store

AGENTS = ("codex", "copilot", "gemini")


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    folder = shared / "data"
    if missing := [name for name in AGENTS if not (folder / name).is_dir()]:
        pytest.skip(f"no sessions of {', '.join(missing)} at {folder}")
    return folder


@pytest.fixture(scope="module")
def imported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """All importers over all folders at once: which reads which file is for them to know."""
    importers = every_importer(ShellRules.builtin())
    roots = {importer.name: [data / name for name in AGENTS] for importer in importers}
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('real')}/store.db") as store:
        report = import_files(store, importers, roots, user_id="u")
        assert (report.files_found, report.bad_lines, report.unreadable) == (98, 0, [])
        again = import_files(store, importers, roots, user_id="u")
        assert (again.files_read, again.recorded) == (0, Recorded())
        yield store


def stored(store: Store, source: str) -> list[str]:
    """Return the ids of calls; further tools of one shell call, and skills in it, are told by ``#`` and left out."""
    rows = store.query(f"SELECT event_id FROM skill_invocation WHERE source = '{source}'").rows
    return [name for (name,) in rows if "#" not in name]


def copilot_calls(data: Path) -> dict[str, str]:
    found = {}
    for path in sorted((data / "copilot").rglob("*.jsonl")):
        for raw in path.read_text().splitlines():
            told = json.loads(raw)
            if told["type"] == "assistant.message":
                for request in told["data"].get("toolRequests", []):
                    found[request["toolCallId"]] = request["name"]
    return found


def gemini_calls(data: Path) -> dict[str, str]:
    found = {}
    for path in (data / "gemini").glob("*.json"):
        stack = [json.loads(path.read_text())]
        while stack:
            one = stack.pop()
            if isinstance(one, dict):
                answer = one.get("functionResponse")
                if isinstance(answer, dict):
                    found[answer["id"]] = answer["name"]
                stack += one.values()
            elif isinstance(one, list):
                stack += one
    return found


def codex_calls(data: Path) -> set[str]:
    calls, ended = set(), set()
    for path in (data / "codex").rglob("rollout-*.jsonl"):
        for raw in path.read_bytes().split(b"\n"):
            try:
                told = json.loads(raw)
            except ValueError:
                continue
            payload = told.get("payload") or {}
            kind = payload.get("type")
            if told.get("type") == "response_item" and str(kind).endswith("_call") and payload.get("call_id"):
                # Of whatever kind: what the importer knows is not asked.
                calls.add(payload["call_id"])
            elif kind == "web_search_call" and payload.get("id"):
                calls.add(payload["id"])
            elif kind in ("exec_command_end", "patch_apply_end", "mcp_tool_call_end"):
                ended.add(payload["call_id"])
    return calls | ended


def test_copilot_requests_are_there_once(imported: Store, data: Path) -> None:
    """Counted from the requests in the model's messages; imported from the events of their execution."""
    requested = copilot_calls(data)
    assert len(requested) == 129
    assert Counter(stored(imported, "copilot")) == Counter(requested.keys())


def test_copilot_exit_codes_are_those_of_the_text(imported: Store, data: Path) -> None:
    failing = set()
    for path in (data / "copilot").rglob("*.jsonl"):
        for raw in path.read_text().splitlines():
            told = json.loads(raw)
            if told["type"] == "tool.execution_complete":
                last = (told["data"].get("result") or {}).get("content", "").rsplit("\n", 1)[-1]
                if "completed with exit code" in last and "exit code 0>" not in last:
                    failing.add(told["data"]["toolCallId"])
    assert failing
    rows = imported.query("SELECT event_id, outcome, kind FROM skill_invocation WHERE source = 'copilot'").rows
    for event_id, outcome, kind in rows:
        if event_id in failing:
            # Of several commands in one call the exit code is the last one's: the one it is named after may be another.
            assert outcome == "failed" or (kind == "shell" and outcome is None), event_id


def test_gemini_answers_are_there_once(imported: Store, data: Path) -> None:
    """Counted from the answers that the model was given; sessions were copied while they grew, and share calls."""
    answered = gemini_calls(data)
    assert len(answered) == 12
    assert Counter(stored(imported, "gemini")) == Counter(answered.keys())
    names = dict(imported.query("SELECT event_id, skill_name FROM skill_invocation WHERE source = 'gemini'").rows)
    assert all(names[name] == tool for name, tool in answered.items() if tool != "run_shell_command")


def test_codex_calls_are_there_once(imported: Store, data: Path) -> None:
    found = Counter(stored(imported, "codex"))
    assert max(found.values()) == 1
    called = codex_calls(data)
    assert called - found.keys() == set()
    others = found.keys() - called
    named = imported.query("SELECT event_id FROM skill_invocation WHERE source = 'codex' AND kind = 'skill'").rows
    assert others <= {name for (name,) in named}


def test_the_roll_ups_are_a_true_count(imported: Store) -> None:
    assert imported.drifted() == []
