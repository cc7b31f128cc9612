"""The real transcripts, counted a second time by other means."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.storage import Recorded, Store, open_store


@pytest.fixture(scope="module")
def imported(transcripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('real')}/store.db")
    importer = ClaudeCode(ShellRules.builtin())
    report = import_files(store, [importer], {importer.name: [transcripts]}, user_id="u")
    assert (report.files_found, report.unreadable) == (269, [])
    again = import_files(store, [importer], {importer.name: [transcripts]}, user_id="u")
    assert (again.files_read, again.recorded) == (0, Recorded())
    yield store
    store.close()


@pytest.fixture(scope="module")
def counted(transcripts: Path) -> dict[str, dict[str, str]]:
    """Tool name by tool_use id, by file: every tool_use block of every assistant line, by plain json."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in transcripts.rglob("*.jsonl"):
        for raw in path.read_bytes().split(b"\n"):
            try:
                line = json.loads(raw)
            except ValueError:
                continue
            content = line.get("message", {}).get("content") if line.get("type") == "assistant" else None
            for block in content if isinstance(content, list) else []:
                if block.get("type") == "tool_use":
                    found[str(path)][block["id"]] = block["name"]
    return found


def test_every_distinct_tool_call_is_there_once(imported: Store, counted: dict[str, dict[str, str]]) -> None:
    ids = {i for calls in counted.values() for i in calls}
    assert len(ids) == 11_769
    stored = Counter(i for (i,) in imported.query("SELECT event_id FROM skill_invocation").rows)
    assert max(stored.values()) == 1
    assert ids <= stored.keys()


def test_what_else_is_there_is_told_by_its_id_or_its_trigger(
    imported: Store, counted: dict[str, dict[str, str]]
) -> None:
    ids = {i for calls in counted.values() for i in calls}
    others = [
        row for row in imported.query("SELECT event_id, kind, parent_event_id, triggered_by FROM skill_invocation")
        if row["event_id"] not in ids
    ]  # fmt: skip
    parts = [row for row in others if "#" in row["event_id"]]
    typed = [row for row in others if row["triggered_by"] == "user"]
    of_subagents = [row for row in others if row not in parts and row not in typed]
    assert all(row["event_id"].split("#")[0] in ids | {r["event_id"] for r in of_subagents} for row in parts)
    assert len(of_subagents) == 304, "calls of subagents that stand in progress lines only"
    assert all(row["parent_event_id"] for row in of_subagents)
    assert len(typed) == 109


def test_per_file_and_per_tool_the_counts_agree(imported: Store, counted: dict[str, dict[str, str]]) -> None:
    names = {
        row["event_id"]: (row["skill_name"], row["kind"])
        for row in imported.query("SELECT event_id, skill_name, kind FROM skill_invocation")
    }
    for path, calls in counted.items():
        missing = calls.keys() - names.keys()
        assert not missing, path
    expected: Counter[str] = Counter()
    got: Counter[str] = Counter()
    for event_id, tool in {i: t for calls in counted.values() for i, t in calls.items()}.items():
        skill, kind = names[event_id]
        expected[tool] += 1
        shell, agent = tool in ("Bash", "PowerShell"), tool in ("Agent", "Task")
        same = (
            kind == "shell" or skill == tool if shell
            else kind == "subagent" and skill.startswith("agent:") if agent
            else kind == "skill" or skill == "Skill" if tool == "Skill"
            else kind == "mcp" and skill == tool if tool.startswith("mcp__")
            else kind == "tool" and skill == tool
        )  # fmt: skip
        got[tool] += same
    assert got == expected


def test_the_roll_ups_are_a_true_count_of_the_real_log(imported: Store) -> None:
    assert imported.drifted() == []


def test_no_prompt_command_or_output_is_stored(imported: Store, transcripts: Path) -> None:
    """Long words that stand in inputs, outputs or prompts only must not stand in the database."""
    columns = imported.query("SELECT * FROM skill_invocation LIMIT 0").columns
    texts = [
        c for c in columns if c not in ("id", "rolled_up", "completed", "duration_ms", "duration_seconds", "rating")
    ]
    longest = {c: imported.query(f"SELECT max(length({c})) FROM skill_invocation").rows[0][0] or 0 for c in texts}
    listed = {"alternatives_considered"}
    assert all(length <= 300 for column, length in longest.items() if column not in listed), longest
