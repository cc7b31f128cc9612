"""The importer against an independent count of real transcripts, by plain JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from claude_code_fixtures.builder import FakeRules

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Kind, Outcome

PROJECTS = Path(__file__).parents[3] / "shared/data/claude_code/projects"
SHELLS = {"Bash", "PowerShell"}

pytestmark = pytest.mark.skipif(not PROJECTS.is_dir(), reason="the real transcripts are not beside this repository")


def blocks(line, sort):
    content = (line.get("message") or {}).get("content")
    return [b for b in content if isinstance(b, dict) and b.get("type") == sort] if isinstance(content, list) else []


def plain_lines(path):
    """Yield each line of *path* as plain JSON, None for one that is none."""
    with path.open("rb") as file:
        for data in file:
            try:
                yield json.loads(data)
            except ValueError:
                yield None


def count(path):
    """Return {id: tool} of the calls in assistant lines, the same of those in progress lines, and the bad lines."""
    calls, progress, bad = {}, {}, 0
    for line in plain_lines(path):
        if line is None:
            bad += 1
        elif line["type"] == "assistant":
            calls |= {block["id"]: block["name"] for block in blocks(line, "tool_use")}
        elif line["type"] == "progress" and line["data"].get("type") == "agent_progress":
            inner = line["data"]["message"]
            progress |= {block["id"]: block["name"] for block in blocks(inner, "tool_use")}
    return calls, progress, bad


def tool_of(row):
    """The tool whose call *row* is, as far as the row says it."""
    by_kind = {Kind.SUBAGENT: "Agent", Kind.SHELL: "Bash", Kind.SKILL: "Skill"}
    name = by_kind.get(row.kind, row.skill_name)
    return "Bash" if name in SHELLS else name


def same_tool(name):
    return {"Task": "Agent", "PowerShell": "Bash"}.get(name, name)


@pytest.fixture(scope="module")
def imported():
    """{path: (calls, progress, bad line count, rows, bad lines)}."""
    importer, found = ClaudeCode(FakeRules()), {}
    for path in importer.find(PROJECTS):
        parser = importer.parser(str(path), user_id="local")
        parts = []
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                parts.append(parser.feed(data))
        parts.append(parser.pause())
        rows = [row for part in parts for row in part.invocations]
        found[path] = (*count(path), rows, [bad for part in parts for bad in part.bad_lines])
    return found


def test_every_call_of_every_file_once(imported):
    for path, (calls, progress, _, rows, _) in imported.items():
        told = Counter(row.event_id for row in rows if row.event_id.partition("#")[0] in calls | progress)
        assert told == Counter(dict.fromkeys(calls | progress, 1)), path


def test_every_call_of_every_tool_once(imported):
    expected, told = {}, {}
    for calls, progress, _, rows, _ in imported.values():
        expected |= {event_id: same_tool(name) for event_id, name in (calls | progress).items()}
        told |= {row.event_id: tool_of(row) for row in rows if row.event_id in calls or row.event_id in progress}
    assert Counter(told.values()) == Counter(expected.values())
    assert len(expected) == 11_769 + 304


def test_nothing_else_is_told_of_but_what_users_typed(imported):
    typed = [
        row
        for calls, progress, _, rows, _ in imported.values()
        for row in rows
        if row.event_id not in calls and row.event_id not in progress
    ]
    assert {row.trigger for row in typed} == {"user"}
    assert len({row.event_id for row in typed}) == 109


def test_bad_lines_are_those_that_plain_json_refuses(imported):
    for path, (_, _, bad, _, bad_lines) in imported.items():
        assert len(bad_lines) == bad, path


def test_calls_in_a_subagent_s_progress_have_their_parent(imported):
    for calls, progress, _, rows, _ in imported.values():
        only = progress.keys() - calls.keys()
        assert all(row.parent_event_id for row in rows if row.event_id in only)


def test_outcomes_agree_with_a_plain_reading(imported):
    """A result without error is a completion, one with an error is none; skills and launches aside."""
    checked = 0
    for path, (_, _, _, rows, _) in imported.items():
        errors = {}
        for line in plain_lines(path):
            for block in blocks(line, "tool_result") if line is not None and line["type"] == "user" else ():
                errors.setdefault(block["tool_use_id"], bool(block.get("is_error")))
        for row in rows:
            if row.kind in (Kind.TOOL, Kind.MCP) and row.event_id in errors and row.outcome is not None:
                checked += 1
                if row.outcome is Outcome.COMPLETED:
                    assert not errors[row.event_id], row
                elif row.skill_name not in (*SHELLS, "Monitor", "Workflow", "TaskUpdate"):
                    assert errors[row.event_id], row
    assert checked > 11_000


def test_the_built_in_shell_rules_lose_and_double_nothing(imported):
    importer = ClaudeCode(ShellRules.builtin())
    for path, (_, _, _, rows, _) in imported.items():
        parser = importer.parser(str(path), user_id="local")
        told = Counter(r.event_id for r in parser.feed(path.read_bytes()).invocations + parser.pause().invocations)
        assert set(told.values()) <= {1}
        assert {event_id for event_id in told if "#" not in event_id} == {row.event_id for row in rows}
