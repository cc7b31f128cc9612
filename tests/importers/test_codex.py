"""Rollouts of Codex: what each line becomes, however it arrives, and an independent count of real ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.errors import InvalidInput
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.codex import Codex
from session_buddy.importers.codex.commands import SkillRead, command_of, commands_in_script, skills_named, skills_read
from session_buddy.importers.codex.outputs import Ended, read_output
from session_buddy.model import BadLine, DurationSource, ErrorType, Invocation, Kind, Outcome, Phase, Trigger

SESSIONS = Path(__file__).parents[3] / "shared/data/codex/sessions"
IMPORTER = Codex()


class Rollout:
    """Writes the lines of a rollout, a second apart."""

    def __init__(self, **meta: Any) -> None:
        self._lines: list[str] = []
        self.line("session_meta", session_id="session", id="agent", cwd="/work", cli_version="0.144.0", **meta)
        self.turn("turn-1")

    def line(self, kind: str, **payload: Any) -> Self:
        moment = f"2026-07-01T10:{len(self._lines) // 60:02}:{len(self._lines) % 60:02}.000Z"
        self._lines.append(json.dumps({"timestamp": moment, "type": kind, "payload": payload}))
        return self

    def turn(self, turn: str) -> Self:
        return self.line("turn_context", turn_id=turn, cwd="/work", model="gpt-5")

    def shell(self, call: str, command: str, output: str | None = None, *, exit_code: int = 0) -> Self:
        self.call(call, "exec_command", cmd=command)
        if output is None:
            return self
        return self.result(call, f"Wall time: 0.2500 seconds\nProcess exited with code {exit_code}\nOutput:\n{output}")

    def call(self, call: str, name: str, namespace: str | None = None, **arguments: Any) -> Self:
        return self.line(
            "response_item", type="function_call", call_id=call, name=name, namespace=namespace,
            arguments=json.dumps(arguments),
        )  # fmt: skip

    def script(self, call: str, text: str) -> Self:
        return self.line("response_item", type="custom_tool_call", call_id=call, name="exec", input=text)

    def result(self, call: str, output: Any, kind: str = "function_call_output") -> Self:
        return self.line("response_item", type=kind, call_id=call, output=output)

    def event(self, kind: str, **payload: Any) -> Self:
        return self.line("event_msg", type=kind, **payload)

    @property
    def data(self) -> bytes:
        return "".join(f"{line}\n" for line in self._lines).encode()

    def rows(self) -> dict[str, Invocation]:
        found, bad = read(self.data)
        assert not bad
        return found


def read(
    data: bytes, cuts: tuple[int, ...] = (), *, is_resumed: bool = False
) -> tuple[dict[str, Invocation], list[BadLine]]:
    """Return the last word on each invocation of *data*, which arrives in pieces."""
    edges = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    parser, told, bad = IMPORTER.parser("/x/rollout-1.jsonl", user_id="u"), {}, []
    position = 0
    for end in edges[1:]:
        part = parser.feed(data[position:end])
        told |= {row.event_id: row for row in part.invocations}
        bad += part.bad_lines
        position = end
        if is_resumed:
            shown = parser.pause()
            told |= {row.event_id: row for row in shown.invocations}
            bad += shown.bad_lines
            position = parser.offset
            parser = IMPORTER.parser("/x/rollout-1.jsonl", user_id="u", state=parser.save())
    last = parser.pause()
    return told | {row.event_id: row for row in last.invocations}, bad + last.bad_lines


class TestCalls:
    def test_a_shell_call_is_named_after_its_command_and_ends_with_its_exit_code(self) -> None:
        rows = (
            Rollout().shell("a", "uv run pytest -q", "1 passed").shell("b", "ruff check .", "E501", exit_code=1).rows()
        )
        first, second = rows["a"], rows["b"]
        assert (first.skill_name, first.kind, first.outcome) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED)
        assert (first.duration_ms, first.duration_source) == (250, DurationSource.REPORTED)
        assert (first.session_id, first.project, first.agent_version, first.model) == (
            "session", "/work", "0.144.0", "gpt-5"
        )  # fmt: skip
        assert (first.workflow_step_id, first.trigger, first.source) == ("turn-1", Trigger.MODEL, "codex")
        assert first.follow_up_actions == ("ruff-check",)
        assert (second.skill_name, second.outcome, second.error_type) == (
            "ruff-check", Outcome.FAILED, ErrorType.EXIT_CODE
        )  # fmt: skip

    def test_an_unknown_command_stays_the_agents_own_tool(self) -> None:
        row = Rollout().shell("a", "frobnicate", "no", exit_code=3).rows()["a"]
        assert (row.skill_name, row.kind, row.outcome) == ("exec_command", Kind.TOOL, Outcome.FAILED)

    def test_further_commands_have_rows_of_their_own(self) -> None:
        rows = Rollout().shell("a", "ruff check . && git commit -m x", "done").rows()
        assert {(row.event_id, row.skill_name) for row in rows.values()} == {("a", "git-commit"), ("a#2", "ruff-check")}

    def test_figures_in_json_as_older_versions_wrote_them(self) -> None:
        output = json.dumps({"output": "fatal", "metadata": {"exit_code": 128, "duration_seconds": 1.5}})
        rows = Rollout().call("a", "shell", command=["bash", "-lc", "git status"]).result("a", output).rows()
        assert (rows["a"].skill_name, rows["a"].outcome, rows["a"].duration_ms) == ("git-status", Outcome.FAILED, 1_500)

    def test_work_that_goes_on_ends_where_somebody_looks_after_it(self) -> None:
        going = "Wall time: 1.0000 seconds\nProcess running with session ID 71\nOutput:\n"
        rollout = Rollout().call("a", "exec_command", cmd="npm test").result("a", going)
        assert rollout.rows()["a"].outcome is None
        rollout.call("b", "write_stdin", session_id=71, chars="").result("b", going)
        assert rollout.rows()["a"].outcome is None
        over = "Wall time: 9.0000 seconds\nProcess exited with code 1\nOutput:\nfailed"
        rows = rollout.call("c", "write_stdin", session_id=71, chars="x").result("c", over).rows()
        assert (rows["a"].outcome, rows["a"].duration_source) == (Outcome.FAILED, DurationSource.ELAPSED)

    @pytest.mark.parametrize(
        ("output", "outcome", "error"),
        [
            ("exec_command failed: rejected by user", Outcome.ABANDONED, None),
            ("aborted by user after 3.1s", Outcome.ABANDONED, None),
            ("failed to parse function arguments: missing field", Outcome.FAILED, ErrorType.OTHER),
            ("command timed out after 10000 milliseconds", Outcome.FAILED, ErrorType.TIMEOUT),
            ("Plan updated", Outcome.COMPLETED, None),
        ],
    )
    def test_what_the_text_of_a_result_says(self, output: str, outcome: Outcome, error: ErrorType | None) -> None:
        row = Rollout().call("a", "update_plan").result("a", output).rows()["a"]
        assert (row.outcome, row.error_type) == (outcome, error)

    def test_a_patch_a_search_a_subagent_and_an_mcp_tool(self) -> None:
        rows = (
            Rollout()
            .line("response_item", type="custom_tool_call", call_id="p", name="apply_patch", input="*** Begin Patch")
            .event("patch_apply_end", call_id="p", success=True)
            .result("p", "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nSuccess.", "custom_tool_call_output")
            .line("response_item", type="web_search_call", id="w", status="completed")
            .line("response_item", type="tool_search_call", call_id="f", status="completed", arguments={"query": "x"})
            .line("response_item", type="tool_search_output", call_id="f", status="completed", tools=[])
            .call("s", "spawn_agent", agent_type="explorer")
            .result("s", '{"task_name":"/root/x"}')
            .call("m", "_create_issue", namespace="mcp__apps__github")
            .event("mcp_tool_call_end", call_id="m", duration={"secs": 1, "nanos": 175_000_000}, result={"Ok": {}})
            .result("m", "Wall time: 1.2 seconds\nOutput:\n{}")
            .shell("t", "git status", "clean")
            .rows()
        )
        assert {(row.skill_name, row.kind, row.outcome) for row in rows.values()} == {
            ("apply_patch", Kind.TOOL, Outcome.COMPLETED),
            ("web_search", Kind.TOOL, Outcome.COMPLETED),
            ("tool_search", Kind.TOOL, Outcome.COMPLETED),
            ("agent:explorer", Kind.SUBAGENT, None),  # a launch is no completion
            ("mcp__apps__github__create_issue", Kind.MCP, Outcome.COMPLETED),
            ("git-status", Kind.SHELL, Outcome.COMPLETED),
        }
        assert rows["m"].duration_ms == 1_200
        assert rows["p"].workflow_phase is Phase.EXECUTION

    def test_traits_are_types_of_files_and_what_the_user_said(self) -> None:
        patch = "*** Begin Patch\n*** Update File: /work/src/a.ts\n+x.py\n*** Add File: b.md\n*** End Patch"
        changes = {"/work/c.go": {"type": "update"}}
        rows = (
            Rollout()
            .shell("a", "cat skills/review/SKILL.md", "---")
            .line("response_item", type="custom_tool_call", call_id="p", name="apply_patch", input=patch)
            .result("p", "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nSuccess.", "custom_tool_call_output")
            .event("patch_apply_end", call_id="inner", success=True, changes=changes)
            .event("patch_apply_end", call_id="broken", success=False, changes=changes)
            .shell("t", "pytest tests/test_x.py", "1 failed", exit_code=1)
            .call("no", "update_plan")
            .result("no", "exec command rejected by user")
            .call("stop", "update_plan")
            .result("stop", "aborted by user after 3.1s")
            .call("rule", "update_plan")
            .result("rule", "sandbox denied")
            .call("open", "update_plan")
            .event("turn_aborted", reason="interrupted")
            .rows()
        )
        asked = ("permission_asked", "rejected")
        assert {name: row.traits for name, row in rows.items() if name != "a"} == {
            "p": ("writes:md", "writes:ts"),
            "inner": ("writes:go",),
            "broken": (),
            "t": ("reads:py",),
            "no": asked,
            "stop": ("interrupted",),
            "rule": (),
            "open": ("interrupted",),
            "a#skill-0": ("interrupted", *asked[:1], "reads:py", *asked[1:], "writes:go", "writes:md", "writes:ts"),
        }
        assert Rollout().call("x", "wait").event("turn_aborted", reason="replaced").rows()["x"].traits == ()

    def test_ends_of_what_a_script_called_are_calls_of_their_own(self) -> None:
        rows = (
            Rollout()
            .script("e", "await tools.apply_patch(p); await tools.mcp.x()")
            .event("patch_apply_end", call_id="inner", success=False)
            .event("exec_command_end", call_id="old", exit_code=0, duration={"secs": 0, "nanos": 5_000_000})
            .event("mcp_tool_call_end", call_id="mcp", invocation={"server": "s", "tool": "g.t"}, result={"Err": "no"})
            .rows()
        )
        assert (rows["inner"].skill_name, rows["inner"].outcome) == ("apply_patch", Outcome.FAILED)
        assert (rows["old"].outcome, rows["old"].duration_ms) == (Outcome.COMPLETED, 5)
        assert (rows["mcp"].skill_name, rows["mcp"].outcome) == ("mcp__s__g__t", Outcome.FAILED)

    def test_commands_in_a_script_are_known_and_how_they_ended_is_not(self) -> None:
        text = 'const r = await tools.exec_command({"cmd":"git diff --stat","workdir":"/w"}); text(r.output)'
        done = [{"type": "input_text", "text": "Script completed\nWall time 0.4 seconds\nOutput:\n"}]
        row = Rollout().script("e", text).result("e", done, "custom_tool_call_output").rows()["e"]
        assert (row.skill_name, row.kind, row.outcome, row.duration_ms) == ("git-diff", Kind.SHELL, None, 400)
        broken = [{"type": "input_text", "text": "Script failed\nWall time 0.1 seconds\nOutput:\n"}]
        row = Rollout().script("e", "nonsense").result("e", broken, "custom_tool_call_output").rows()["e"]
        assert (row.skill_name, row.outcome, row.error_type) == ("exec", Outcome.FAILED, ErrorType.OTHER)

    def test_what_has_no_result_when_the_turn_is_over_is_abandoned(self) -> None:
        for end in ("task_complete", "turn_aborted"):
            row = Rollout().shell("a", "git push").event(end, turn_id="turn-1").rows()["a"]
            assert (row.skill_name, row.outcome) == ("git-push", Outcome.ABANDONED)
        assert Rollout().shell("a", "git push").rows()["a"].outcome is None
        assert Rollout().shell("a", "git push").turn("turn-2").rows()["a"].outcome is Outcome.ABANDONED

    def test_calls_of_a_subagent_are_nested_and_belong_to_the_session(self) -> None:
        rows = Rollout(source={"subagent": {"other": "guardian"}}).shell("a", "git log", "").rows()
        assert (rows["a"].trigger, rows["a"].session_id) == (Trigger.NESTED, "session")

    def test_a_copied_history_does_not_change_whose_rollout_it_is(self) -> None:
        rollout = Rollout().line("session_meta", session_id="another", cwd="/else").shell("a", "git log", "")
        assert (rollout.rows()["a"].session_id, rollout.rows()["a"].project) == ("session", "/work")


class TestSkills:
    def test_a_skill_lasts_from_its_instructions_to_the_end_of_the_turn(self) -> None:
        rows = (
            Rollout()
            .shell("a", "cat /h/.codex/plugins/cache/m/github/0.1/skills/yeet/SKILL.md", "---")
            .shell("b", "git push", "ok")
            .event("task_complete", turn_id="turn-1")
            .rows()
        )
        skill = rows["a#skill-0"]
        assert (skill.skill_name, skill.plugin, skill.kind) == ("yeet", "github", Kind.SKILL)
        assert (skill.outcome, skill.duration_source, skill.duration_ms) == (
            Outcome.COMPLETED, DurationSource.SPAN, 3_000
        )  # fmt: skip
        assert (rows["b"].parent_event_id, rows["b"].trigger) == ("a#skill-0", Trigger.NESTED)

    def test_one_that_the_user_breaks_off_is_abandoned_and_one_still_in_use_has_no_end(self) -> None:
        rollout = Rollout().shell("a", "sed -n 1,200p skills/review/SKILL.md", "---")
        assert rollout.rows()["a#skill-0"].outcome is None
        assert rollout.event("turn_aborted").rows()["a#skill-0"].outcome is Outcome.ABANDONED

    def test_of_several_that_are_read_at_once_the_last_is_in_use(self) -> None:
        rollout = Rollout().shell("a", "cat skills/one/SKILL.md skills/two/SKILL.md", "").shell("b", "git log", "")
        rows = rollout.event("task_complete").rows()
        assert [(row.skill_name, row.outcome) for row in (rows["a#skill-0"], rows["a#skill-1"])] == [
            ("one", None),
            ("two", Outcome.COMPLETED),
        ]
        assert rows["b"].parent_event_id == "a#skill-1"

    def test_one_that_the_user_calls_for(self) -> None:
        text = [{"type": "input_text", "text": "<skill>\n<name>commit</name>\n<path>x</path></skill>"}]
        rollout = Rollout().line("response_item", type="message", role="user", id="msg", content=text)
        rows = rollout.shell("a", "git commit", "").event("task_complete").rows()
        skill = rows["msg#skill-0"]
        assert (skill.skill_name, skill.trigger, skill.outcome) == ("commit", Trigger.USER, Outcome.COMPLETED)


class TestText:
    def test_figures_count_only_where_the_tool_writes_them(self) -> None:
        printed = "Wall time: 1.0000 seconds\nProcess exited with code 0\nOutput:\nProcess exited with code 9"
        assert read_output(printed) == Ended(exit_code=0, duration_ms=1_000, printed="Process exited with code 9")
        assert read_output("{not json") == Ended()
        assert read_output("") == Ended()

    @pytest.mark.parametrize(
        ("given", "command"),
        [
            ({"cmd": "ls"}, "ls"),
            ({"command": ["bash", "-lc", "a && b"]}, "a && b"),
            ({"command": ["git", "commit", "-m", "a b"]}, "git commit -m 'a b'"),
            ({"command": []}, None),
            ({"command": [1]}, None),
            ({"cmd": " "}, None),
            ({}, None),
        ],
    )
    def test_the_command_of_a_call(self, given: dict[str, Any], command: str | None) -> None:
        assert command_of(given) == command

    @pytest.mark.parametrize(
        ("script", "commands"),
        [
            ('tools.exec_command({cmd:"git status",workdir:"/w"})', ["git status"]),
            ("tools.exec_command({ workdir: '/w', cmd: 'echo \\'x\\'' })", ["echo 'x'"]),
            ("tools.exec_command({cmd: `git log\\n`})", ["git log\n"]),
            ("tools.exec_command({cmd: `git log ${n}`})", []),
            ('Promise.all([tools.exec_command({cmd:"a"}), tools.exec_command({"cmd":"b \\"c\\""})])', ["a", 'b "c"']),
            ('other.exec_command({cmd:"a"})', []),
            ("tools.exec_command({cmd: command})", []),
        ],
    )
    def test_commands_in_scripts(self, script: str, commands: list[str]) -> None:
        assert commands_in_script(script) == commands

    @pytest.mark.parametrize(
        ("command", "skills"),
        [
            ("cat /a/skills/x-y/SKILL.md", [SkillRead("x-y", None)]),
            ("cd /r && sed -n '1,80p' '/h/.codex/skills/.system/z/SKILL.md'", [SkillRead("z", None)]),
            ("nl -ba skills/a/SKILL.md skills/a/SKILL.md", [SkillRead("a", None)]),
            ("git diff -- skills/a/SKILL.md", []),
            ("rg skills/a/SKILL.md", []),
            ("cat skills/a/README.md", []),
            ("echo cat; ls skills/a/SKILL.md", []),
        ],
    )
    def test_skills_that_are_read(self, command: str, skills: list[SkillRead]) -> None:
        assert list(skills_read(command)) == skills

    def test_skills_that_are_named(self) -> None:
        assert skills_named("<skill>\n<name>a</name></skill> <skill><name> b </name> <skill><name>a</name>") == [
            "a",
            "b",
        ]


class TestArrival:
    DATA = (
        Rollout()
        .shell("a", "cat skills/one/SKILL.md", "x")
        .shell("b", "ruff check . && git commit -m ü", "done")
        .call("c", "exec_command", cmd="npm test")
        .result("c", "Wall time: 1.0000 seconds\nProcess running with session ID 5\nOutput:\n")
        .call("d", "write_stdin", session_id=5)
        .result("d", "Wall time: 1.0000 seconds\nProcess exited with code 0\nOutput:\n")
        .script("e", 'tools.exec_command({cmd:"git log"})')
        .turn("turn-2")
        .shell("f", "git push")
        .data
    )

    @given(st.lists(st.integers(0, len(DATA)), max_size=6), st.booleans())
    def test_however_it_arrives_it_gives_the_same(self, cuts: list[int], is_resumed: bool) -> None:
        assert read(self.DATA, tuple(cuts), is_resumed=is_resumed) == read(self.DATA)

    @pytest.mark.parametrize(
        "line",
        [
            b"{",
            b"[1]",
            b"\xff\xfe",
            b'{"type":3}',
            b'{"type":"response_item","timestamp":"soon","payload":{"type":"function_call","call_id":"x","name":"y"}}',
            b'{"type":"response_item","timestamp":"2026-07-01T10:00:00Z","payload":{"type":"function_call","name":"y"}}',
            b'{"type":"response_item","timestamp":"2026-07-01T10:00:00Z","payload":{"type":"function_call","call_id":"x"}}',
        ],
    )
    def test_a_bad_line_is_set_aside_and_the_rest_is_read(self, line: bytes) -> None:
        first, rest = self.DATA.split(b"\n", 1)
        rows, bad = read(first + b"\n" + line + b"\n" + rest)
        assert rows == read(self.DATA)[0]
        ((number, reason),) = [(one.line, one.reason) for one in bad]
        assert number == 2
        assert reason

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=9),
            lambda part: st.lists(part) | st.dictionaries(st.text(max_size=9), part),
        )
    )
    def test_whatever_a_field_holds_nothing_breaks(self, value: Any) -> None:
        kinds = ("function_call", "function_call_output", "custom_tool_call", "web_search_call", "mcp_tool_call_end",
                 "patch_apply_end", "exec_command_end", "message", "local_shell_call", "tool_search_call",
                 "tool_search_output")  # fmt: skip
        names = ("call_id", "name", "namespace", "arguments", "input", "output", "action", "content", "duration",
                 "invocation", "result", "exit_code", "success", "id", "role")  # fmt: skip
        rollout = Rollout()
        for kind in kinds:
            for name in names:
                payload = {"call_id": f"{kind}-{name}", "name": "exec_command", "role": "user"} | {name: value}
                rollout.line("response_item", type=kind, **payload).line("event_msg", type=kind, **payload)
        read(rollout.data)

    def test_a_state_of_something_else_is_refused(self) -> None:
        for state in (b"", b"nonsense", b"\xc1"):
            with pytest.raises(InvalidInput):
                IMPORTER.parser("/x", user_id="u", state=state)

    def test_no_command_is_kept_while_a_call_is_open(self) -> None:
        parser = IMPORTER.parser("/x", user_id="u")
        parser.feed(Rollout().shell("a", "curl -H 'token: hunter2' https://secret.example/x").data)
        assert b"hunter2" not in parser.save()


def test_each_file_is_read_by_the_importer_of_its_agent(tmp_path: Path) -> None:
    for name in ("rollout-1.jsonl", "session.jsonl", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in Codex().find(tmp_path)] == ["rollout-1.jsonl"]
    assert [path.name for path in ClaudeCode().find(tmp_path)] == ["session.jsonl"]
    assert list(ClaudeCode().find(tmp_path / "rollout-1.jsonl")) == list(Codex().find(tmp_path / "session.jsonl")) == []
    assert Codex().roots({"CODEX_HOME": "/c"}, tmp_path) == [Path("/c/sessions"), Path("/c/archived_sessions")]
    assert Codex().roots({}, tmp_path)[0] == tmp_path / ".codex/sessions"


@pytest.mark.skipif(not SESSIONS.is_dir(), reason="the real rollouts are not beside this repository")
class TestReal:
    """Against an independent count by plain JSON."""

    @staticmethod
    def lines() -> Iterator[tuple[str, dict[str, Any]]]:
        for path in sorted(SESSIONS.rglob("*.jsonl")):
            with path.open(encoding="utf-8") as file:
                yield from ((str(path), json.loads(line)) for line in file)

    def test_every_call_once_with_its_exit_code(self) -> None:
        calls: dict[str, str] = {}
        exits: dict[str, int] = {}
        for _, line in self.lines():
            payload = line["payload"]
            if payload.get("type") in ("function_call", "custom_tool_call", "tool_search_call"):
                calls[payload["call_id"]] = payload.get("name", "tool_search")
            if payload.get("type") == "web_search_call":
                calls[payload["id"]] = "web_search"
            if payload.get("type") == "function_call_output" and isinstance(payload["output"], str):
                for one in payload["output"].split("\nOutput:")[0].split("\n"):
                    if one.startswith("Process exited"):
                        exits[payload["call_id"]] = int(one.split()[-1])
        rows: dict[str, Invocation] = {}
        told = Counter[str]()
        for path in Codex().find(SESSIONS):
            parser = IMPORTER.parser(str(path), user_id="u")
            parts = [parser.feed(path.read_bytes()), parser.pause()]
            assert not [bad for part in parts for bad in part.bad_lines]
            rows |= {row.event_id: row for part in parts for row in part.invocations}
            told.update({row.event_id for part in parts for row in part.invocations})
        assert calls.keys() <= rows.keys()
        again = {name for name, times in told.items() if times > 1}
        own = {name for name, row in rows.items() if "#" not in name} - calls.keys()
        assert {rows[name].skill_name for name in own} == {"apply_patch"}, "patches of scripts"
        assert again <= own, "in copies of a history, under the same ids"
        ended = {
            name: code for name, code in exits.items() if rows[name].kind is Kind.TOOL and calls[name] == "exec_command"
        }
        assert len(ended) > 300
        assert all((rows[name].outcome is Outcome.COMPLETED) == (code == 0) for name, code in ended.items())
        failed = [name for name in exits if rows[name].kind is Kind.SHELL and rows[name].outcome is Outcome.FAILED]
        assert all(exits[name] != 0 or rows[name].error_type is ErrorType.EXIT_CODE for name in failed)
        assert len([row for row in rows.values() if row.kind is Kind.SKILL]) == 32
