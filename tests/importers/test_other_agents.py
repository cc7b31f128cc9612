"""Gemini CLI, Copilot CLI, OpenCode, OpenHands and SWE-agent: what each of their calls becomes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, cast

import pytest
from tests import agents
from tests.agents import copilot_line as event
from tests.agents import gemini_call as call
from tests.agents import gemini_message as message
from tests.agents import opencode_part as part
from tests.agents import opencode_state as state

from session_buddy.importers.base import FileParser, Importer
from session_buddy.importers.copilot import Copilot
from session_buddy.importers.gemini import Gemini
from session_buddy.importers.opencode import OpenCode
from session_buddy.importers.openhands import OpenHands
from session_buddy.importers.swe_agent import SweAgent
from session_buddy.model import BadLine, DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

WRITTEN = "2026-05-01T11:00:00.000Z"


def read(importer: Importer, path: str, data: object) -> tuple[dict[str, Invocation], list[BadLine]]:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    parser = importer.parser(path, user_id="u", written_at=WRITTEN)
    assert not isinstance(parser, FileParser)
    fed, last = parser.feed(raw), parser.pause()
    rows = {row.event_id: row for row in [*fed.invocations, *last.invocations]}
    return rows, fed.bad_lines + last.bad_lines


def ended(row: Invocation) -> tuple[str, Kind, Outcome | None, ErrorType | None]:
    return row.skill_name, row.kind, row.outcome, row.error_type


class TestGemini:
    def rows(self, *messages: dict[str, Any], **more: Any) -> dict[str, Invocation]:
        rows, bad = read(Gemini(), "/x/chats/session-1.json", agents.gemini_session(*messages, **more))
        assert not bad
        return rows

    def test_a_call_begins_when_its_id_says_and_ends_when_it_was_written_down(self) -> None:
        rows = self.rows(*agents.GEMINI_MESSAGES)
        first, second = rows["run_shell_command-1777629602000-aa"], rows["call-b"]
        assert ended(first) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED, None)
        assert (first.invoked_at, first.duration_ms) == ("2026-05-01T10:00:02.000Z", 3_000)
        assert (first.session_id, first.workflow_step_id, first.follow_up_actions) == ("g1", "m0", ("read_file",))
        assert ended(second) == ("read_file", Kind.TOOL, Outcome.COMPLETED, None)
        # An id that tells no time: then the message's.
        assert (second.invoked_at, second.traits, second.model) == (agents.stamp(2), ("reads:py",), "gemini-3")
        assert (second.workflow_phase, second.duration_source) == (Phase.SETUP, DurationSource.ELAPSED)

    @pytest.mark.parametrize(
        ("output", "expected"),
        [
            (agents.gemini_shell(1), (Outcome.FAILED, ErrorType.EXIT_CODE)),
            (agents.gemini_shell(1, "y\nExit Code: 0\nx"), (Outcome.FAILED, ErrorType.EXIT_CODE)),
            ("Output: x\nProcess Group PGID: 7", (Outcome.COMPLETED, None)),
            ("Output: x\nExit Code: 2\nProcess Group PGID: 7", (Outcome.FAILED, ErrorType.EXIT_CODE)),
            ("Output: x\nSignal: SIGKILL\nProcess Group PGID: 7", (None, None)),
            ("Command moved to background (PID: 7). Output hidden.", (None, None)),
            ("a summary of what it printed", (None, None)),
            ("Command was cancelled by user before it could complete.", (Outcome.ABANDONED, None)),
            (
                "Command was automatically cancelled because it exceeded the timeout of 5.0 minutes without output.",
                (Outcome.FAILED, ErrorType.TIMEOUT),
            ),
        ],
    )
    def test_the_exit_code_stands_in_the_text(
        self, output: str, expected: tuple[Outcome | None, ErrorType | None]
    ) -> None:
        row = self.rows(message(1, call("a", "run_shell_command", output=output, args={"command": "frob"})))["a"]
        assert ended(row) == ("run_shell_command", Kind.TOOL, *expected)

    def test_skills_agents_and_servers(self) -> None:
        rows = self.rows(
            message(0, kind="user"),
            message(1, call("s", "activate_skill", args={"name": "pdf"}), call("r", "read_file", second=7)),
            message(8, call("m", "search", second=9, displayName="search (docs MCP Server)")),
            message(10, call("g", "invoke_agent", second=11, args={"agent_name": "codebase_investigator"})),
            message(12, call("o", "mcp_docs__fetch", second=13)),
            message(20, kind="user"),
            message(21, call("n", "activate_skill", "error", output='Skill "nope" not found.', args={"name": "nope"})),
        )
        skill = rows["s"]
        assert ended(skill) == ("pdf", Kind.SKILL, Outcome.COMPLETED, None)
        assert (skill.duration_ms, skill.duration_source) == (12_000, DurationSource.SPAN)
        assert [rows[name].parent_event_id for name in "rmgo"] == ["s"] * 4
        assert {rows[name].trigger for name in "rmgo"} == {Trigger.NESTED}
        assert ended(rows["m"])[:2] == ("mcp__docs__search", Kind.MCP)
        assert ended(rows["o"])[:2] == ("mcp__docs__fetch", Kind.MCP)
        assert ended(rows["g"])[:2] == ("agent:codebase_investigator", Kind.SUBAGENT)
        assert ended(rows["n"]) == ("nope", Kind.SKILL, Outcome.FAILED, ErrorType.NOT_FOUND)

    def test_what_was_refused_or_goes_on(self) -> None:
        refused = "[Operation Cancelled] Reason: User did not allow tool call"
        rows = self.rows(
            message(1, call("a", "write_file", "cancelled", output=refused, args={"file_path": "/w/a.md"})),
            message(2, call("b", "glob", "executing")),
            message(3, call("c", "replace", "error", output="Failed to edit, could not find the string to replace.")),
        )
        assert (ended(rows["a"])[2], rows["a"].traits) == (Outcome.ABANDONED, ("permission_asked", "rejected"))
        assert rows["a"].duration_ms is None
        assert ended(rows["b"])[2:] == (None, None)
        assert ended(rows["c"])[2:] == (Outcome.FAILED, ErrorType.VALIDATION)

    def test_a_session_that_grew_keeps_its_ids(self) -> None:
        before = self.rows(*agents.GEMINI_MESSAGES[:2])
        assert before.items() <= (self.rows(*agents.GEMINI_MESSAGES[:2])).items()
        assert before.keys() < self.rows(*agents.GEMINI_MESSAGES).keys()

    def test_lines_tell_a_message_again_when_a_call_has_come_further(self) -> None:
        start = {"sessionId": "g1", "projectHash": "abc", "startTime": agents.stamp(0)}
        running = message(1, call("a", "run_shell_command", "executing", args={"command": "pytest -q"}))
        done = message(1, call("a", "run_shell_command", output=agents.gemini_shell(1), args={"command": "pytest -q"}))
        records = [
            start,
            message(0, kind="user"),
            running,
            {"$set": {"lastUpdated": agents.stamp(4)}},
            done,
            {"$rewindTo": "m0"},
            {"$set": {"messages": [done]}},
        ]
        data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        rows, bad = read(Gemini(), "/x/chats/session-1.jsonl", data)
        assert not bad
        assert {name: ended(row) for name, row in rows.items()} == {
            "a": ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        }

    def test_the_first_result_of_a_call_stands(self) -> None:
        start = {"sessionId": "g1", "projectHash": "abc", "startTime": agents.stamp(0)}
        told = [start, message(1, call("a", "glob")), message(1, call("a", "glob", "error", output="not found"))]
        rows, _ = read(Gemini(), "/x/chats/session-1.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in told))
        assert ended(rows["a"]) == ("glob", Kind.TOOL, Outcome.COMPLETED, None)

    def test_a_subagents_session_is_part_of_that_of_its_folder(self) -> None:
        start = agents.gemini_session(session="sub-1", kind="subagent", directories=["/w"]) | {"messages": []}
        data = b"".join(json.dumps(one).encode() + b"\n" for one in (start, message(1, call("a", "glob"))))
        row = read(Gemini(), "/h/.gemini/tmp/p/chats/g1/sub-1.jsonl", data)[0]["a"]
        assert (row.session_id, row.trigger, row.project) == ("g1", Trigger.NESTED, "/w")

    def test_one_bad_message_costs_itself_only(self) -> None:
        session = agents.gemini_session(*agents.GEMINI_MESSAGES)
        session["messages"] += [
            7,
            {"type": "gemini", "toolCalls": [call("x", "glob") | {"name": "<bad>"}]},
            {"type": "gemini", "timestamp": "someday", "toolCalls": [call("y", "glob")]},
        ]
        rows, bad = read(Gemini(), "/x/chats/session-1.json", session)
        assert len(rows) == 2
        assert len(bad) == 1
        assert "Message 4 makes no sense." in bad[0].reason
        assert "The call x names no tool." in bad[0].reason


class TestCopilot:
    def rows(self, *lines: bytes) -> dict[str, Invocation]:
        rows, bad = read(Copilot(), "/x/session-state/c1/events.jsonl", b"".join((agents.copilot_start(), *lines)))
        assert not bad
        return rows

    def started(self, second: int, name: str, tool: str, **more: Any) -> bytes:
        return event(second, "tool.execution_start", toolCallId=name, toolName=tool, **more)

    def done(self, second: int, name: str, content: str = "x", **more: Any) -> bytes:
        told = {"success": True, "result": {"content": content}} | more
        return event(second, "tool.execution_complete", toolCallId=name, **told)

    def test_a_session(self) -> None:
        rows, _ = read(Copilot(), "/x/events.jsonl", agents.copilot_session())
        shell, view = rows["toolu_a"], rows["toolu_b"]
        assert ended(shell) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED, None)
        assert (shell.session_id, shell.project, shell.agent_version) == ("c1", "/w", "1.0.64")
        assert (shell.duration_ms, shell.workflow_step_id, shell.follow_up_actions) == (1_000, "e1", ("view",))
        assert ended(view) == ("view", Kind.TOOL, Outcome.FAILED, ErrorType.NOT_FOUND)
        assert view.traits == ()

    def test_a_command_that_goes_on_ends_where_it_is_looked_at_or_told_of(self) -> None:
        going = "x\n<command with shellId: {} is still running after 30 seconds. The command is still running.>"
        rows = self.rows(
            self.started(1, "a", "bash", arguments={"command": "npm test"}),
            self.done(2, "a", going.format(7)),
            self.started(3, "b", "bash", arguments={"command": "pytest -q"}),
            self.done(4, "b", going.format(8)),
            self.started(5, "c", "bash", arguments={"command": "tail -f x"}),
            self.done(6, "c", going.format(9)),
            self.started(7, "ra", "read_bash", arguments={"shellId": "7"}),
            self.done(8, "ra", "x\n<shellId: 7 completed with exit code 1>"),
            event(9, "system.notification", kind={"type": "shell_completed", "shellId": "8", "exitCode": 0}),
            self.started(10, "sc", "stop_bash", arguments={"shellId": "9"}),
            self.done(11, "sc", "<command with id: 9 stopped>"),
        )
        assert ended(rows["a"]) == ("npm-test", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert ended(rows["b"]) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED, None)
        assert rows["b"].duration_ms == 6_000
        assert ended(rows["c"])[2] is Outcome.ABANDONED
        assert ended(rows["ra"]) == ("read_bash", Kind.TOOL, Outcome.COMPLETED, None)

    def test_an_exit_code_is_that_of_the_command(self) -> None:
        rows = self.rows(
            self.started(1, "a", "bash", arguments={"command": "pytest -q"}),
            self.done(2, "a", "1 failed\n<shellId: 3 completed with exit code 1>"),
            self.started(3, "b", "bash", arguments={"command": "frobnicate"}),
            self.done(4, "b", "<shellId: 4 completed with exit code 0>\n<shellId: 4 completed with exit code 2>"),
        )
        assert ended(rows["a"]) == ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert ended(rows["b"]) == ("bash", Kind.TOOL, Outcome.FAILED, ErrorType.EXIT_CODE)

    def test_skills_servers_and_subagents(self) -> None:
        rows = self.rows(
            event(1, "user.message"),
            event(2, "skill.invoked", name="review", pluginName="team"),
            self.started(3, "k", "skill", arguments={"skill": "team:pdf"}),
            event(4, "skill.invoked", name="pdf"),
            self.done(5, "k"),
            self.started(6, "m", "docs-search", mcpServerName="docs", mcpToolName="search"),
            self.done(7, "m"),
            self.started(8, "t", "task", arguments={"agent_type": "explore"}),
            self.started(9, "v", "view", arguments={"path": "/w/a.py"}, agentId="t"),
            self.done(10, "v"),
            self.done(11, "t"),
            event(12, "session.shutdown", shutdownType="routine"),
        )
        assert set(rows) == {"e2", "k", "m", "t", "v"}
        assert (*ended(rows["e2"]), rows["e2"].plugin) == ("review", Kind.SKILL, Outcome.COMPLETED, None, "team")
        assert rows["e2"].trigger is Trigger.USER
        assert (*ended(rows["k"]), rows["k"].plugin) == ("pdf", Kind.SKILL, Outcome.COMPLETED, None, "team")
        assert ended(rows["m"])[:3] == ("mcp__docs__search", Kind.MCP, Outcome.COMPLETED)
        assert ended(rows["t"])[:3] == ("agent:explore", Kind.SUBAGENT, Outcome.COMPLETED)
        assert rows["v"].parent_event_id == "t"

    def test_what_the_user_refused_and_what_was_cut_short(self) -> None:
        rows = self.rows(
            event(1, "user.message"),
            self.started(2, "a", "bash", arguments={"command": "rm x"}),
            event(3, "permission.completed", toolCallId="a", result={"kind": "denied-interactively-by-user"}),
            self.done(4, "a", success=False, result=None, error={"message": "no", "code": "denied"}),
            self.started(5, "b", "bash", arguments={"command": "pytest"}),
            event(6, "abort", reason="user_initiated"),
        )
        assert (ended(rows["a"])[2], rows["a"].traits) == (Outcome.ABANDONED, ("permission_asked", "rejected"))
        assert (ended(rows["b"])[2], rows["b"].traits) == (Outcome.ABANDONED, ("interrupted",))

    def test_calls_that_the_model_only_counts_are_of_one_session(self) -> None:
        def session(name: str) -> dict[str, Invocation]:
            lines = [
                event(0, "session.start", sessionId=name),
                event(1, "user.message"),
                self.started(2, "call_0", "task", arguments={"agent_type": "explore"}),
                self.started(3, "call_1", "bash", arguments={"command": "pytest"}, parentToolCallId="call_0"),
                self.done(5, "call_1", "<shellId: 0 completed with exit code 1>"),
                self.done(6, "call_0"),
            ]
            return read(Copilot(), "/x/events.jsonl", b"".join(lines))[0]

        one, other = session("c1"), session("c2")
        assert (len(one), len(other), len(one.keys() & other.keys())) == (2, 2, 0)
        agent, shell = one.values()
        assert ended(shell) == ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert shell.parent_event_id == agent.event_id
        assert session("c1").keys() == one.keys()


class TestOpenCode:
    def one(self, tool: str, told: dict[str, Any], **more: Any) -> Invocation:
        rows, bad = read(OpenCode(), "/x/storage/part/msg_2/prt_001.json", part(1, tool, told, **more))
        assert not bad
        return next(iter(rows.values()))

    def test_a_part_in_a_file(self) -> None:
        row = self.one("bash", state("completed", input={"command": "pytest -q"}, output="x", metadata={"exit": 1}))
        assert ended(row) == ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert (row.duration_ms, row.duration_source, row.session_id) == (250, DurationSource.REPORTED, "ses_1")

    @pytest.mark.parametrize(
        ("tool", "told", "expected"),
        [
            ("skill", state("completed", input={"name": "pdf"}), ("pdf", Kind.SKILL, None, None)),
            (
                "skill",
                state("error", input={"name": "no"}, error='Skill "no" not found.'),
                ("no", Kind.SKILL, Outcome.FAILED, ErrorType.NOT_FOUND),
            ),
            (
                "task",
                state("completed", input={"subagent_type": "explore"}),
                ("agent:explore", Kind.SUBAGENT, Outcome.COMPLETED, None),
            ),
            ("docs_search", state("completed"), ("mcp__docs__search", Kind.MCP, Outcome.COMPLETED, None)),
            ("plan_exit", state("completed"), ("plan_exit", Kind.TOOL, Outcome.COMPLETED, None)),
            (
                "edit",
                state("error", error="The user rejected permission to use this specific tool call."),
                ("edit", Kind.TOOL, Outcome.ABANDONED, None),
            ),
            ("read", state("error", error="Tool execution aborted"), ("read", Kind.TOOL, Outcome.ABANDONED, None)),
            ("read", state("error", error="ENOENT: x"), ("read", Kind.TOOL, Outcome.FAILED, ErrorType.NOT_FOUND)),
            (
                "bash",
                state(
                    "completed",
                    input={"command": "x"},
                    output="(Command timed out after 60000 ms)",
                    metadata={"exit": None},
                ),
                ("bash", Kind.TOOL, Outcome.FAILED, ErrorType.TIMEOUT),
            ),
            (
                "bash",
                state("completed", input={"command": "x"}, output="x", metadata={}),
                ("bash", Kind.TOOL, None, None),
            ),
            ("glob", state("running", end=None), ("glob", Kind.TOOL, None, None)),
        ],
    )
    def test_tools(self, tool: str, told: dict[str, Any], expected: tuple[object, ...]) -> None:
        row = self.one(tool, told)
        skipped = 2 if expected[1] is Kind.SKILL and expected[2] is None else 4
        assert ended(row)[:skipped] == expected[:skipped]

    @pytest.mark.parametrize(
        ("error", "traits"),
        [
            ("The user rejected permission to use this specific tool call.", ("permission_asked", "rejected")),
            ("The user has specified a rule which prevents you from using this specific tool call.", ()),
            ("Tool execution aborted", ("interrupted",)),
        ],
    )
    def test_a_rule_is_nobodys_answer(self, error: str, traits: tuple[str, ...]) -> None:
        assert self.one("edit", state("error", error=error)).traits == traits

    def test_the_database_may_have_another_name_or_place(self) -> None:
        home = Path("/home/me")
        data = home / ".local/share/opencode"
        assert OpenCode().roots({}, home) == [data / "storage/part", data / "opencode.db"]
        assert OpenCode().roots({"OPENCODE_DB": "mine.db"}, home)[1] == data / "mine.db"
        assert OpenCode().roots({"OPENCODE_DB": "/d/mine.db"}, home)[1] == Path("/d/mine.db")
        assert OpenCode().roots({"XDG_DATA_HOME": "/x"}, home)[0] == Path("/x/opencode/storage/part")

    def test_a_call_has_the_models_id_unless_that_only_counts(self) -> None:
        assert self.one("glob", state("completed"), call="call_abcdefghij0123").event_id == "call_abcdefghij0123"
        assert self.one("glob", state("completed"), call="functions.bash:0").event_id == "prt_001"

    def test_what_has_not_begun_is_not_told(self) -> None:
        told = part(1, "bash", {"status": "pending", "input": {}, "raw": ""})
        assert read(OpenCode(), "/x/storage/part/msg_2/prt_001.json", told) == ({}, [])
        text = part(1, "x", {}) | {"type": "text"}
        assert read(OpenCode(), "/x/storage/part/msg_2/prt_001.json", text) == ({}, [])
        _, bad = read(OpenCode(), "/x/prt_001.json", part(1, "bash", {"status": "completed"}))
        assert "has no time" in bad[0].reason

    def test_the_database_tells_more_of_the_same_calls_and_only_what_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "opencode.db"
        agents.opencode_database(path, agents.OPENCODE_PARTS)
        agents.opencode_database(path, [part(5, "glob", state("completed", start=500))], session="ses_2")
        agents.opencode_database(path, [part(9, "glob", state("completed", start=100))], session="ses_3")
        importer = OpenCode()
        parser = importer.parser(str(path), user_id="u")
        assert isinstance(parser, FileParser)
        told = parser.read()
        assert (len(told.invocations), told.bad_lines, parser.is_done) == (4, [], True)
        row = next(one for one in told.invocations if one.session_id == "ses_1")
        assert (row.project, row.agent_version, row.model) == ("/w", "1.2.0", "claude")
        assert (row.workflow_step_id, row.follow_up_actions) == ("msg_1ses_1", ("read",))
        file = read(importer, "/x/storage/part/msg_2/prt_001.json", agents.OPENCODE_PARTS[0])[0]
        assert row.event_id in file
        later = part(6, "webfetch", state("error", start=9_000, error="status code 503"))
        agents.opencode_database(path, [later], session="ses_2")
        again = importer.parser(str(path), user_id="u", state=parser.save())
        assert isinstance(again, FileParser)
        # Those of the moment up to which it was read come again, and change nothing.
        assert {one.session_id for one in again.read().invocations} == {"ses_1", "ses_2"}

    def test_a_database_is_read_in_pieces(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("session_buddy.importers.opencode.database._ENOUGH", 1)
        path = tmp_path / "opencode.db"
        for number in range(4):
            one = part(number, "glob", state("completed"), call=f"toolu_{number:020}")
            agents.opencode_database(path, [one], session=f"ses_{number}")
        told, kept = [], None
        for _ in range(9):
            parser = OpenCode().parser(str(path), user_id="u", state=kept)
            assert isinstance(parser, FileParser)
            told += [row.event_id for row in parser.read().invocations]
            kept = parser.save()
            if parser.is_done:
                break
        assert sorted(told) == sorted(f"toolu_{number:020}" for number in range(4))

    def test_another_database_in_its_place_is_read_from_the_start(self, tmp_path: Path) -> None:
        path = tmp_path / "opencode.db"
        agents.opencode_database(path, [part(1, "glob", state("completed", start=10**9))])
        parser = OpenCode().parser(str(path), user_id="u")
        assert isinstance(parser, FileParser)
        parser.read()
        path.unlink()
        agents.opencode_database(path, [part(2, "glob", state("completed"))], session="ses_9")
        again = OpenCode().parser(str(path), user_id="u", state=parser.save())
        assert isinstance(again, FileParser)
        assert [row.session_id for row in again.read().invocations] == ["ses_9"]

    def test_locked_damaged_and_foreign_databases(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("session_buddy.importers.databases._PATIENCE_SECONDS", 0.05)
        path = tmp_path / "opencode.db"

        def reading() -> object:
            parser = OpenCode().parser(str(path), user_id="u")
            assert isinstance(parser, FileParser)
            return parser.read()

        path.write_bytes(b"no database at all")
        with pytest.raises(OSError, match="is no SQLite database"):
            reading()
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE something (x)")
        database.close()
        told = reading()
        assert "has no table part" in told.bad_lines[0].reason  # type: ignore[attr-defined]
        path.unlink()
        agents.opencode_database(path, agents.OPENCODE_PARTS)
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE session SET title = 'x'")
        with pytest.raises(OSError, match="is locked by another program"):
            reading()
        writer.close()
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        with pytest.raises(OSError, match="is damaged"):
            reading()


class TestOpenHands:
    def test_a_trajectory_before_version_1(self) -> None:
        rows, bad = read(OpenHands(), "/x/h1.json", agents.OPENHANDS_OLD)
        assert not bad
        shell = rows.pop("toolu_a")
        assert ended(shell) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED, None)
        assert (shell.invoked_at, shell.duration_ms) == ("2026-05-01T10:00:01.000Z", 2_000)
        (reading,) = rows.values()
        assert ended(reading) == ("str_replace_editor", Kind.TOOL, Outcome.FAILED, ErrorType.NOT_FOUND)
        assert reading.session_id == "h1"

    def test_events_in_files_of_their_own_tell_of_one_call(self) -> None:
        told = [read(OpenHands(), f"/x/sessions/h1/events/{one['id']}.json", one)[0] for one in agents.OPENHANDS_OLD]
        assert told[0] == {}
        assert list(told[1]) == list(told[2]) == ["toolu_a"]
        assert told[2]["toolu_a"].outcome is Outcome.COMPLETED
        assert told[2]["toolu_a"].duration_ms is None, "when it was called is not in this file"
        assert list(told[3]) == list(read(OpenHands(), "/x/h1.json", agents.OPENHANDS_OLD)[0])[1:]

    def test_since_version_1(self) -> None:
        new = agents.openhands_new
        rows, bad = read(
            OpenHands(),
            "/x/h2.json",
            [
                *agents.OPENHANDS_NEW,
                new(3, 4, "ActionEvent", "agent", tool_name="invoke_skill", tool_call_id="s", action={"name": "pdf"}),
                new(
                    4, 5, "ObservationEvent", "environment", tool_name="invoke_skill", tool_call_id="s", observation={}
                ),
                new(
                    5, 6, "ActionEvent", "agent", tool_name="fetch", tool_call_id="m", action={"kind": "MCPToolAction"}
                ),
                new(
                    6,
                    7,
                    "ObservationEvent",
                    "environment",
                    tool_name="fetch",
                    tool_call_id="m",
                    observation={"kind": "MCPToolObservation", "is_error": True, "content": [{"text": "timed out"}]},
                ),
                new(
                    7,
                    8,
                    "ActionEvent",
                    "agent",
                    tool_name="file_editor",
                    tool_call_id="e",
                    action={"command": "create", "path": "/w/a.md"},
                ),
                new(
                    8,
                    9,
                    "UserRejectObservation",
                    "environment",
                    tool_name="file_editor",
                    tool_call_id="e",
                    rejection_source="user",
                ),
                new(9, 9, "ActionEvent", "agent", tool_name="frob", tool_call_id="f", action=None),
                new(
                    9, 9, "AgentErrorEvent", "agent", tool_name="frob", tool_call_id="f", error="Tool 'frob' not found."
                ),
            ],
        )
        assert not bad
        assert ended(rows["call_a"]) == ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert ended(rows["s"])[:2] == ("pdf", Kind.SKILL)
        assert ended(rows["m"]) == ("fetch", Kind.MCP, Outcome.FAILED, ErrorType.TIMEOUT)
        assert (ended(rows["e"])[2], rows["e"].traits) == (Outcome.ABANDONED, ("permission_asked", "rejected"))
        assert ended(rows["f"]) == ("frob", Kind.TOOL, Outcome.FAILED, ErrorType.NOT_FOUND)

    def test_subagents_are_called_by_what_they_are(self) -> None:
        new = agents.openhands_new
        called = [
            new(number, number, "ActionEvent", "agent", tool_name=tool, tool_call_id=f"c{number}", action=action)
            for number, (tool, action) in enumerate(
                [("task", {"subagent_type": "explore"}), ("delegate", {"subagent_type": "review"}), ("delegate", {})]
            )
        ]
        rows, bad = read(OpenHands(), "/x/h2.json", called)
        assert not bad
        assert [ended(row)[:2] for row in rows.values()] == [
            ("agent:explore", Kind.SUBAGENT),
            ("agent:review", Kind.SUBAGENT),
            ("delegate", Kind.TOOL),
        ]

    def test_what_the_user_said_last_is_what_a_call_serves(self) -> None:
        new_rows, _ = read(OpenHands(), "/x/h2.json", agents.OPENHANDS_NEW)
        assert new_rows["call_a"].workflow_step_id == "00000000-0000"
        old_rows, _ = read(OpenHands(), "/x/h1.json", agents.OPENHANDS_OLD)
        (step,) = {row.workflow_step_id for row in old_rows.values()}
        assert step is not None
        unasked, _ = read(OpenHands(), "/x/h1.json", agents.OPENHANDS_OLD[1:])
        assert {row.workflow_step_id for row in unasked.values()} == {None}
        assert {row.trigger for row in old_rows.values()} == {Trigger.MODEL}
        by_hand = agents.openhands_old(5, 5, "user", action="run", args={"command": "cargo test"})
        rows, _ = read(OpenHands(), "/x/h1.json", [*agents.OPENHANDS_OLD, by_hand])
        assert [row.skill_name for row in rows.values() if row.trigger is Trigger.USER] == ["execute_bash"]

    @pytest.mark.parametrize(
        ("observation", "content", "expected"),
        [
            ("mcp", '{"isError": true, "content": []}', (Outcome.FAILED, ErrorType.OTHER)),
            ("mcp", '{"isError": false}', (Outcome.COMPLETED, None)),
            ("mcp", "no JSON", (Outcome.COMPLETED, None)),
            ("run_ipython", "Traceback", (None, None)),
            ("browse", "Traceback", (Outcome.COMPLETED, None)),
            ("user_rejected", "x", (Outcome.ABANDONED, None)),
        ],
    )
    def test_ends_before_version_1(
        self, observation: str, content: str, expected: tuple[Outcome | None, ErrorType | None]
    ) -> None:
        old, action = agents.openhands_old, "call_tool_mcp" if observation == "mcp" else observation
        action = "read" if observation == "user_rejected" else action
        metadata = agents.openhands_metadata("toolu_m", "search")
        rows, bad = read(
            OpenHands(),
            "/x/h1.json",
            [
                old(1, 1, action=action, args={"name": "search"}, tool_call_metadata=metadata),
                old(2, 2, observation=observation, cause=1, content=content, tool_call_metadata=metadata),
            ],
        )
        assert not bad
        assert (rows["toolu_m"].outcome, rows["toolu_m"].error_type) == expected

    def test_a_result_alone_tells_not_when_its_call_began(self) -> None:
        alone, _ = read(OpenHands(), "/x/sessions/h2/events/2.json", agents.OPENHANDS_NEW[2])
        assert (alone["call_a"].outcome, alone["call_a"].duration_ms) == (Outcome.FAILED, None)
        whole, _ = read(OpenHands(), "/x/h2.json", agents.OPENHANDS_NEW)
        assert whole["call_a"].duration_ms == 2_000

    @pytest.mark.parametrize("code", [None, "0", True, False, 0.0])
    def test_an_exit_code_that_is_no_number_says_nothing(self, code: Any) -> None:
        result = agents.OPENHANDS_NEW[2]
        strange = result | {"observation": result["observation"] | {"exit_code": code}}
        rows, _ = read(OpenHands(), "/x/h2.json", [*agents.OPENHANDS_NEW[:2], strange])
        assert ended(rows["call_a"]) == ("pytest-run", Kind.SHELL, None, None)

    def test_an_error_alone_in_its_file_takes_no_name_from_the_call(self) -> None:
        old, new = agents.openhands_old, agents.openhands_new
        shell = agents.openhands_metadata("toolu_a", "execute_bash")
        editor = agents.openhands_metadata("toolu_b", "str_replace_editor")
        alone = {
            "nothing told": old(4, 5, observation="error", cause=3, content="x"),
            "a shell": old(4, 5, observation="error", cause=3, content="x", tool_call_metadata=shell),
            "a shell since 1": new(4, 5, "UserRejectObservation", "user", tool_name="terminal", tool_call_id="c"),
            "a server's tool": new(4, 5, "AgentErrorEvent", "agent", tool_name="fetch", tool_call_id="c", error="x"),
        }
        for what, one in alone.items():
            assert read(OpenHands(), "/x/sessions/h1/events/4.json", one) == ({}, []), what
        told = old(4, 5, observation="error", cause=3, content="File not found", tool_call_metadata=editor)
        rows, _ = read(OpenHands(), "/x/sessions/h1/events/4.json", told)
        assert ended(rows["toolu_b"]) == ("str_replace_editor", Kind.TOOL, Outcome.FAILED, ErrorType.NOT_FOUND)

    def test_a_command_that_goes_on_has_no_outcome(self) -> None:
        going = agents.openhands_new(
            2,
            3,
            "ObservationEvent",
            "environment",
            tool_name="terminal",
            tool_call_id="call_a",
            observation={"command": "pytest -q", "exit_code": -1},
        )
        rows, _ = read(OpenHands(), "/x/h2.json", [*agents.OPENHANDS_NEW[:2], going])
        assert ended(rows["call_a"]) == ("pytest-run", Kind.SHELL, None, None)

    def test_calls_that_the_model_only_counts_are_known_by_their_events(self) -> None:
        def counted(one: dict[str, Any]) -> dict[str, Any]:
            told = json.dumps(one).replace("call_a", "call_0").replace("toolu_a", "functions.execute_bash:0")
            return cast("dict[str, Any]", json.loads(told.replace('"action_id": "x"', '"action_id": "00000001-0000"')))

        old = [counted(one) for one in agents.OPENHANDS_OLD]
        ids = [set(read(OpenHands(), f"/x/{name}.json", old)[0]) for name in ("h1", "h3")]
        assert (len(ids[0]), len(ids[1]), ids[0] & ids[1]) == (2, 2, set())
        alone = [set(read(OpenHands(), f"/x/sessions/h1/events/{one['id']}.json", one)[0]) for one in old]
        assert set().union(*alone) == ids[0]
        new = [counted(one) for one in agents.OPENHANDS_NEW]
        rows, _ = read(OpenHands(), "/x/h2.json", new)
        assert ended(rows.pop("00000001-0000")) == ("pytest-run", Kind.SHELL, Outcome.FAILED, ErrorType.EXIT_CODE)
        assert not rows
        error = agents.openhands_new(
            2, 3, "AgentErrorEvent", "agent", tool_name="terminal", tool_call_id="call_0", error="timed out"
        )
        rows, bad = read(OpenHands(), "/x/h2.json", [*new[:2], error])
        assert (list(rows), rows["00000001-0000"].outcome, bad) == (["00000001-0000"], Outcome.FAILED, [])
        assert read(OpenHands(), "/x/h2.json", [error]) == ({}, []), "of which call it is, it does not say"
        nameless = new[1] | {"id": None}
        assert "has no id" in read(OpenHands(), "/x/h2.json", [nameless])[1][0].reason

    def test_bad_events_are_told(self) -> None:
        rows, bad = read(
            OpenHands(),
            "/x/h1.json",
            [*agents.OPENHANDS_OLD, 7, agents.openhands_old(9, 9, action="run", args={}) | {"timestamp": "x"}],
        )
        assert len(rows) == 2
        assert "Event 6 makes no sense." in bad[0].reason
        assert "Event 7:" in bad[0].reason


class TestSweAgent:
    def test_steps_end_when_the_file_was_written(self) -> None:
        rows, bad = read(SweAgent(), "/x/i1.traj", agents.swe_run(agents.SWE_STEPS))
        assert not bad
        shell, edit = rows.values()
        assert ended(shell) == ("pytest-run", Kind.SHELL, None, None)
        assert (shell.invoked_at, shell.duration_ms, shell.duration_source) == (
            "2026-05-01T10:59:59.000Z",
            500,
            DurationSource.REPORTED,
        )
        assert ended(edit) == ("edit", Kind.TOOL, Outcome.FAILED, ErrorType.VALIDATION)
        assert edit.invoked_at == "2026-05-01T10:59:59.500Z"
        assert (edit.session_id, edit.project, edit.agent_version, edit.model) == ("i1", "/w", "1.1.0", "gpt-4o")

    def test_ids_stay_when_the_run_goes_on_and_differ_between_runs(self) -> None:
        step = agents.swe_step
        first = read(SweAgent(), "/x/i1.traj", agents.swe_run(agents.SWE_STEPS[:1]))[0]
        more = read(SweAgent(), "/y/i1.traj", agents.swe_run(agents.SWE_STEPS))[0]
        other = read(SweAgent(), "/x/i1.traj", agents.swe_run([step("pytest -q\n", "1 passed", 0.75)]))[0]
        twice = read(SweAgent(), "/x/i1.traj", agents.swe_run([agents.SWE_STEPS[0]] * 2))[0]
        assert first.keys() < more.keys()
        assert not first.keys() & other.keys()
        assert len(twice) == 2

    @pytest.mark.parametrize(
        ("action", "observation", "expected"),
        [
            ("sleep 99", "\nEXECUTION TIMED OUT", (Outcome.FAILED, ErrorType.TIMEOUT)),
            ("ls", "a.py", (None, None)),
            ("submit", "diff", (Outcome.COMPLETED, None)),
            (
                "str_replace_editor str_replace /w/a.py x",
                "The file /w/a.py has been edited.",
                (Outcome.COMPLETED, None),
            ),
            (
                "str_replace_editor str_replace /w/a.py x",
                "No replacement was performed",
                (Outcome.FAILED, ErrorType.VALIDATION),
            ),
            ("open a.py", "File a.py not found", (None, None)),
        ],
    )
    def test_only_what_the_text_says_for_certain_is_told(
        self, action: str, observation: str, expected: tuple[Outcome | None, ErrorType | None]
    ) -> None:
        rows, _ = read(SweAgent(), "/x/i1.traj", agents.swe_run([agents.swe_step(action, observation, None)]))
        (row,) = rows.values()
        assert (row.outcome, row.error_type, row.duration_ms) == (*expected, None)

    def test_without_a_time_nothing_is_invented(self) -> None:
        parser = SweAgent().parser("/x/i1.traj", user_id="u")
        parser.feed(json.dumps(agents.swe_run(agents.SWE_STEPS)).encode())
        told = parser.pause()
        assert told.invocations == []
        assert "tells no times" in told.bad_lines[0].reason
