"""Sessions of every agent, hand-made and content-free: what each keeps of the same short piece of work."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

SKILLS_SCHEMA = """
CREATE TABLE skill_invocation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, skill_name TEXT NOT NULL, invoked_at TEXT NOT NULL, session_id TEXT NOT NULL,
    workflow_path TEXT, completed BOOLEAN NOT NULL DEFAULT 0, duration_seconds REAL, user_query TEXT,
    alternatives_considered TEXT, selection_rank INTEGER, follow_up_actions TEXT, error_type TEXT,
    created_at TEXT NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE skill_metrics (skill_name TEXT PRIMARY KEY, completion_rate REAL NOT NULL DEFAULT 0.0);
"""
LATER_SCHEMA = """
ALTER TABLE skill_invocation ADD COLUMN embedding BLOB;
ALTER TABLE skill_invocation ADD COLUMN workflow_phase TEXT;
ALTER TABLE skill_invocation ADD COLUMN workflow_step_id TEXT;
CREATE TABLE skill_user_interactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, session_id TEXT NOT NULL, skill_name TEXT NOT NULL,
    invoked_at TEXT NOT NULL, completed BOOLEAN NOT NULL, rating REAL, alternatives_considered TEXT
);
"""
OPENCODE_SCHEMA = """
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, directory TEXT NOT NULL,
    title TEXT NOT NULL, version TEXT NOT NULL, time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER NOT NULL,
    time_updated INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL,
    time_created INTEGER NOT NULL, time_updated INTEGER NOT NULL, data TEXT NOT NULL);
"""
EPOCH_MS = 1_780_000_000_000


def stamp(second: int) -> str:
    return f"2026-05-01T10:{second // 60:02}:{second % 60:02}.000Z"


# -- Codex --------------------------------------------------------------------------


def codex_line(second: int, kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": stamp(second), "type": kind, "payload": payload}


CODEX_LINES = [
    codex_line(0, "session_meta", id="x1", cwd="/w", cli_version="0.144.0"),
    codex_line(1, "turn_context", turn_id="t1", cwd="/w", model="gpt-5"),
    codex_line(
        2,
        "response_item",
        type="function_call",
        call_id="call_a",
        name="exec_command",
        arguments='{"cmd": "pytest -q"}',
    ),
    codex_line(
        3,
        "response_item",
        type="function_call_output",
        call_id="call_a",
        output="Wall time: 0.2500 seconds\nProcess exited with code 0\nOutput:\n1 passed",
    ),
]


# -- Gemini CLI ---------------------------------------------------------------------


def gemini_call(
    call: str, name: str, status: str = "success", *, second: int = 5, output: Any = "", **more: Any
) -> dict[str, Any]:
    given, shown = more.pop("args", {}), more.pop("displayName", name)
    said = "error" if status != "success" else "output"
    result = [{"functionResponse": {"id": call, "name": name, "response": {said: output}}}]
    told = {"id": call, "name": name, "args": given, "result": result, "status": status, "timestamp": stamp(second)}
    return told | {"displayName": shown} | more


def gemini_message(number: int, *calls: dict[str, Any], kind: str = "gemini") -> dict[str, Any]:
    told: dict[str, Any] = {"id": f"m{number}", "timestamp": stamp(number), "type": kind, "content": "x"}
    return told | ({"toolCalls": list(calls), "model": "gemini-3"} if kind == "gemini" else {})


def gemini_session(*messages: dict[str, Any], session: str = "g1", **more: Any) -> dict[str, Any]:
    return (
        {"sessionId": session, "projectHash": "abc", "startTime": stamp(0), "lastUpdated": stamp(59)}
        | more
        | {"messages": list(messages)}
    )


def gemini_shell(code: int, output: str = "x") -> str:
    return (
        f"Command: x\nDirectory: (root)\nOutput: {output}\nError: (none)\nExit Code: {code}\nSignal: 0\n"
        "Background PIDs: (none)\nProcess Group PGID: 1"
    )


GEMINI_MESSAGES = [
    gemini_message(0, kind="user"),
    gemini_message(
        1,
        gemini_call(
            "run_shell_command-1777629602000-aa",
            "run_shell_command",
            output=gemini_shell(0),
            args={"command": "pytest -q"},
        ),
    ),
    gemini_message(2, gemini_call("call-b", "read_file", args={"file_path": "/w/a.py"})),
]


# -- Copilot CLI --------------------------------------------------------------------


def copilot_line(number: int, kind: str, /, **data: Any) -> bytes:
    top = {"agentId": data.pop("agentId")} if "agentId" in data else {}
    told = {"type": kind, "data": data, "id": f"e{number}", "timestamp": stamp(number), "parentId": None}
    return json.dumps(told | top).encode() + b"\n"


def copilot_start() -> bytes:
    context = {"cwd": "/w"}
    return copilot_line(
        0, "session.start", sessionId="c1", copilotVersion="1.0.64", selectedModel="gpt-5", context=context
    )


def copilot_session() -> bytes:
    return b"".join(
        [
            copilot_start(),
            copilot_line(1, "user.message", content="x"),
            copilot_line(
                2, "tool.execution_start", toolCallId="toolu_a", toolName="bash", arguments={"command": "pytest -q"}
            ),
            copilot_line(
                3,
                "tool.execution_complete",
                toolCallId="toolu_a",
                success=True,
                result={"content": "1 passed\n<shellId: 0 completed with exit code 0>"},
            ),
            copilot_line(
                4, "tool.execution_start", toolCallId="toolu_b", toolName="view", arguments={"path": "/w/a.py"}
            ),
            copilot_line(
                5,
                "tool.execution_complete",
                toolCallId="toolu_b",
                success=False,
                error={"message": "Path does not exist", "code": "failure"},
            ),
        ]
    )


# -- OpenCode -----------------------------------------------------------------------


def opencode_state(status: str, *, start: int = 0, end: int | None = 250, **more: Any) -> dict[str, Any]:
    time = {"start": EPOCH_MS + start} | ({"end": EPOCH_MS + start + end} if end is not None else {})
    return {"status": status, "input": {}, "time": time} | more


def opencode_part(number: int, tool: str, state: dict[str, Any], call: str | None = None) -> dict[str, Any]:
    return {
        "id": f"prt_{number:03}",
        "sessionID": "ses_1",
        "messageID": "msg_2",
        "type": "tool",
        "callID": call or f"toolu_0000000000000{number}",
        "tool": tool,
        "state": state,
    }


OPENCODE_PARTS = [
    opencode_part(
        1, "bash", opencode_state("completed", input={"command": "pytest -q"}, output="1 passed", metadata={"exit": 0})
    ),
    opencode_part(
        2, "read", opencode_state("error", start=1000, input={"filePath": "/w/a.py"}, error="File not found: /w/a.py")
    ),
]


def opencode_database(path: Path, parts: list[dict[str, Any]], *, session: str = "ses_1") -> None:
    """Write or extend an ``opencode.db`` with a session that has a prompt and one answer with *parts*."""
    with sqlite3.connect(path) as database:
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            database.executescript(OPENCODE_SCHEMA)
        created = EPOCH_MS
        database.execute(
            "INSERT OR REPLACE INTO session VALUES (?, 'p', NULL, '/w', 't', '1.2.0', ?, ?)",
            (session, created, created),
        )
        for number, role in ((1, "user"), (2, "assistant")):
            data = json.dumps({"role": role} | ({"modelID": "claude"} if number == 2 else {}), separators=(",", ":"))
            database.execute(
                "INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?)",
                (f"msg_{number}{session}", session, created + number, created, data),
            )
        for part in parts:
            data = {key: value for key, value in part.items() if key not in ("id", "sessionID", "messageID")}
            updated = max((value for value in part["state"]["time"].values()), default=created)
            database.execute(
                "INSERT OR REPLACE INTO part VALUES (?, ?, ?, ?, ?, ?)",
                (
                    f"{part['id']}{session}",
                    f"msg_2{session}",
                    session,
                    created,
                    updated,
                    json.dumps(data, separators=(",", ":")),
                ),
            )
    database.close()


# -- OpenHands ----------------------------------------------------------------------


def openhands_old(number: int, second: int, source: str = "agent", **more: Any) -> dict[str, Any]:
    return {"id": number, "timestamp": f"2026-05-01T10:00:{second:02}.000000", "source": source, "message": "x"} | more


def openhands_metadata(call: str, function: str) -> dict[str, Any]:
    return {"function_name": function, "tool_call_id": call, "model_response": {}, "total_calls_in_response": 1}


OPENHANDS_OLD = [
    openhands_old(0, 0, "user", action="message", args={"content": "x"}),
    openhands_old(
        1,
        1,
        action="run",
        args={"command": "pytest -q"},
        tool_call_metadata=openhands_metadata("toolu_a", "execute_bash"),
    ),
    openhands_old(
        2,
        3,
        observation="run",
        cause=1,
        content="1 passed",
        extras={"command": "pytest -q", "metadata": {"exit_code": 0}},
        tool_call_metadata=openhands_metadata("toolu_a", "execute_bash"),
    ),
    openhands_old(3, 4, action="read", args={"path": "/w/a.py"}),
    openhands_old(4, 5, observation="error", cause=3, content="File not found: /w/a.py"),
]


def openhands_new(number: int, second: int, kind: str, source: str, **more: Any) -> dict[str, Any]:
    stamped = {"kind": kind, "id": f"0000000{number}-0000", "timestamp": f"2026-05-01T10:00:{second:02}.000000"}
    return stamped | {"source": source} | more


OPENHANDS_NEW = [
    openhands_new(0, 0, "MessageEvent", "user"),
    openhands_new(
        1,
        1,
        "ActionEvent",
        "agent",
        tool_name="terminal",
        tool_call_id="call_a",
        action={"kind": "TerminalAction", "command": "pytest -q"},
    ),
    openhands_new(
        2,
        3,
        "ObservationEvent",
        "environment",
        tool_name="terminal",
        tool_call_id="call_a",
        action_id="x",
        observation={
            "kind": "TerminalObservation",
            "command": "pytest -q",
            "content": [{"type": "text", "text": "1 failed"}],
            "exit_code": 1,
        },
    ),
]


# -- SWE-agent ----------------------------------------------------------------------


def swe_step(action: str, observation: str, seconds: float | None = 0.5) -> dict[str, Any]:
    told = {"action": action, "observation": observation, "response": f"about {action}", "thought": "x", "query": []}
    state = {"working_dir": "/w"}
    return told | {"state": state} | ({"execution_time": seconds} if seconds is not None else {})


SWE_STEPS = [
    swe_step("pytest -q\n", "1 passed"),
    swe_step("edit 1:1\n", "Your proposed edit has introduced new syntax error(s)."),
]


def swe_run(steps: list[dict[str, Any]]) -> dict[str, Any]:
    config = json.dumps({"agent": {"model": {"name": "gpt-4o"}}})
    return {"trajectory": steps, "history": [], "info": {"swe_agent_version": "1.1.0"}, "replay_config": config}


# -- skills.db ----------------------------------------------------------------------


def skills_database(path: Path, rows: list[dict[str, Any]], *, later: bool = True) -> None:
    with sqlite3.connect(path) as database:
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            database.executescript(SKILLS_SCHEMA + (LATER_SCHEMA if later else ""))
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO skill_invocation ({names}) VALUES ({marks})", list(row.values()))
    database.close()


def skills_row(name: str, second: int, completed: int = 1, **more: Any) -> dict[str, Any]:
    at = f"2026-05-01T10:00:{second:02}.123456+00:00"
    return {"skill_name": name, "invoked_at": at, "session_id": "s1", "completed": completed} | more
