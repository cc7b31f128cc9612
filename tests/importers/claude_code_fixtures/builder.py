"""Builds transcripts line by line, without content, and reads them with the importer."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import Interpretation, ShellUse
from session_buddy.model import BadLine, Invocation, Outcome, Phase


class FakeRule(msgspec.Struct):
    phase: Phase | None


class FakeRules:
    """Knows ``test`` (a verification, whose exit code ``test | tail`` hides) and ``commit`` (a cleanup)."""

    def interpret(self, command: str, *, succeeded: bool | None, output: str = "") -> Interpretation:
        known = {None: None, True: Outcome.COMPLETED, False: Outcome.FAILED}[succeeded]
        if command == "test | tail":
            evidence = Outcome.FAILED if "1 failed" in output else None
            return Interpretation(ShellUse("test-run", evidence), ())
        if command == "test && commit":
            if succeeded:
                return Interpretation(ShellUse("commit-it", known), (ShellUse("test-run", known),))
            return Interpretation(ShellUse("commit-it", None), ())
        if command in ("test", "commit"):
            return Interpretation(ShellUse({"test": "test-run", "commit": "commit-it"}[command], known), ())
        return Interpretation(None, ())

    def rule(self, skill_name: str) -> FakeRule | None:
        return {"test-run": FakeRule(Phase.VERIFICATION), "commit-it": FakeRule(None)}.get(skill_name)


IMPORTER = ClaudeCode(FakeRules())  # type: ignore[arg-type]


class Script:
    """A transcript in the making; time goes on by a second with every line."""

    def __init__(self, **common: Any) -> None:
        self.lines: list[bytes] = []
        self.common = {"sessionId": "s-1", "cwd": "/home/dev", "version": "2.1.50", "isSidechain": False} | common
        self.second = 0
        self.message = 0

    def line(self, type: str, **fields: Any) -> Script:
        self.second += 1
        stamp = f"2026-03-01T10:{self.second // 60 % 60:02d}:{self.second % 60:02d}.000Z"
        line = {"type": type, "uuid": f"u{self.second}", "timestamp": stamp} | self.common | fields
        self.lines.append(json.dumps({k: v for k, v in line.items() if v is not None}).encode())
        return self

    def prompt(self, text: str = "please", **fields: Any) -> Script:
        return self.line("user", message={"role": "user", "content": text}, **fields)

    def say(self, *blocks: dict[str, Any], id: str | None = None, stop: str | None = None, **fields: Any) -> Script:
        self.message += 1
        body = {"id": id or f"msg_{self.message}", "model": "m", "content": list(blocks), "stop_reason": stop}
        return self.line("assistant", message=body, **fields)

    def text(self, **fields: Any) -> Script:
        return self.say({"type": "text", "text": "words"}, **fields)

    def call(
        self, id: str, name: str, input: dict[str, Any] | None = None, *, msg: str | None = None, **f: Any
    ) -> Script:
        return self.say({"type": "tool_use", "id": id, "name": name, "input": input or {}}, id=msg, **f)

    def result(
        self, id: str, content: Any = "fine", *, error: bool | None = None, told: Any = None, **f: Any
    ) -> Script:
        block = {"type": "tool_result", "tool_use_id": id, "content": content}
        if error is not None:
            block["is_error"] = error
        return self.line("user", message={"role": "user", "content": [block]}, toolUseResult=told, **f)

    def use(self, id: str, name: str, input: dict[str, Any] | None = None, **f: Any) -> Script:
        return self.call(id, name, input, **f).result(id)

    def skill(self, id: str, name: str, **f: Any) -> Script:
        return self.call(id, "Skill", {"skill": name}, **f).result(id, "Launching skill", told={"success": True})

    @property
    def data(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)

    def rows(self) -> dict[str, Invocation]:
        return read(self.data)[0]


def read(data: bytes, path: str = "s-1.jsonl") -> tuple[dict[str, Invocation], list[BadLine]]:
    """Read *data* at once; return the invocations merged by event id, the latest telling wins, and the bad lines."""
    parser = IMPORTER.parser(path, user_id="someone")
    fed, paused = parser.feed(data), parser.pause()
    rows: dict[str, Invocation] = {}
    for row in fed.invocations + paused.invocations:
        assert row.event_id not in rows, f"{row.event_id} is told of twice"
        rows[row.event_id] = row
    return rows, fed.bad_lines + paused.bad_lines
