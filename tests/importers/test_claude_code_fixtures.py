"""One hand-made transcript per family of versions, with every row it must give."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from claude_code_fixtures.builder import read

FIXTURES = Path(__file__).parent / "claude_code_fixtures"

A = "abandoned"
C = "completed"

# event_id: (skill, kind, outcome, error, milliseconds, their source, trigger, parent, step, phase, follow-ups)
EXPECTED = {
    "v1_0.jsonl": {
        "u-1": ("tidy", "skill", C, None, 8000, "span", "user", None, "u-1", "execution",
                ("agent:general-purpose", "agent:general-purpose")),
        "toolu_task_a": ("agent:general-purpose", "subagent", C, None, 3500, "reported", "nested", "u-1", "u-1",
                         "execution", ("agent:general-purpose",)),
        "toolu_task_b": ("agent:general-purpose", "subagent", C, None, 4000, "reported", "nested", "u-1", "u-1",
                         "execution", ()),
        "toolu_a_ls": ("LS", "tool", C, None, 250, "elapsed", "nested", "toolu_task_a", "u-1", "setup", ("Read",)),
        "toolu_a_read": ("Read", "tool", "failed", "not_found", 500, "elapsed", "nested", "toolu_task_a", "u-1",
                         "setup", ()),
        "toolu_b_edit": ("MultiEdit", "tool", "failed", "validation", 1000, "elapsed", "nested", "toolu_task_b",
                         "u-1", "execution", ()),
        "u-9": ("/clear", "command", C, None, None, None, "user", None, "u-9", "execution", ()),
    },
    "agent-ab12.jsonl": {
        "toolu_r1": ("Read", "tool", C, None, 200, "elapsed", "nested", None, "g-1", "setup", ()),
    },
    "v2_1_progress.jsonl": {
        "toolu_task": ("agent:Explore", "subagent", C, None, 8800, "reported", "model", None, "p-1", "setup",
                       ("commit", "release", "Glob")),
        "toolu_grep": ("Grep", "tool", C, None, 300, "elapsed", "nested", "toolu_task", "p-1", "setup", ("Bash",)),
        "toolu_find": ("Bash", "tool", "failed", "exit_code", 400, "elapsed", "nested", "toolu_task", "p-1",
                       "setup", ()),
        "toolu_skill_lost": ("commit", "skill", "failed", "not_found", 2, "elapsed", "model", None, "p-1",
                             "execution", ("release", "Glob")),
        "toolu_skill": ("release", "skill", C, None, 8000, "span", "model", None, "p-1", "execution", ("Glob",)),
        "toolu_glob": ("Glob", "tool", C, None, 37, "reported", "nested", "toolu_skill", "p-1", "setup", ()),
    },
    "v2_1_attributed.jsonl": {
        "toolu_go": ("golang", "skill", C, None, 5000, "span", "model", None, "prompt-1", "execution",
                     ("Edit", "commit", "Bash")),
        "toolu_edit": ("Edit", "tool", C, None, 100, "elapsed", "nested", "toolu_go", "prompt-1", "execution",
                       ("commit", "Bash", "agent:general-purpose")),
        "toolu_commit": ("commit", "skill", C, None, 3000, "span", "nested", "toolu_go", "prompt-1", "execution",
                         ("Bash", "agent:general-purpose")),
        "toolu_bg": ("Bash", "tool", "failed", "exit_code", 30_000, "span", "nested", "toolu_commit", "prompt-1",
                     "execution", ("agent:general-purpose",)),
        "toolu_agent": ("agent:general-purpose", "subagent", C, None, 31_000, "reported", "nested", "toolu_commit",
                        "prompt-1", "execution", ()),
        "toolu_mcp": ("mcp__docs__query", "mcp", "failed", "validation", 2000, "elapsed", "model", None, "prompt-2",
                      "execution", ()),
        "prompt-3:typed": ("commit", "skill", A, None, 2000, "span", "user", None, "prompt-3", "execution",
                           ("Skill",)),
        "toolu_echo": ("Skill", "tool", C, None, 10, "elapsed", "nested", "prompt-3:typed", "prompt-3", "execution",
                       ()),
    },
}  # fmt: skip


def told(row):
    """The fields of a row that the table above gives."""
    return (
        row.skill_name, row.kind, row.outcome, row.error_type, row.duration_ms, row.duration_source, row.trigger,
        row.parent_event_id, row.workflow_step_id, row.workflow_phase, row.follow_up_actions,
    )  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_of_a_fixture(name):
    rows, bad = read((FIXTURES / name).read_bytes(), path=name)
    assert bad == []
    assert {event_id: told(row) for event_id, row in rows.items()} == EXPECTED[name]


def test_the_whole_of_one_row():
    rows, _ = read((FIXTURES / "v2_1_attributed.jsonl").read_bytes())
    assert msgspec.structs.asdict(rows["toolu_commit"]) == {
        "event_id": "toolu_commit",
        "session_id": "s-three",
        "skill_name": "commit",
        "kind": "skill",
        "invoked_at": "2026-07-17T05:00:06.000Z",
        "source": "claude_code",
        "user_id": "someone",
        "outcome": "completed",
        "error_type": None,
        "duration_ms": 3000,
        "duration_source": "span",
        "trigger": "nested",
        "plugin": "kit",
        "parent_event_id": "toolu_go",
        "project": "/home/dev/app",
        "agent_version": "2.1.217",
        "model": "claude-f",
        "workflow_phase": "execution",
        "workflow_step_id": "prompt-1",
        "alternatives_considered": ("golang", "markdown"),
        "follow_up_actions": ("Bash", "agent:general-purpose"),
        "traits": (),
        "rating": None,
    }


def test_every_fixture_has_expected_rows():
    assert {path.name for path in FIXTURES.glob("*.jsonl")} == set(EXPECTED)
