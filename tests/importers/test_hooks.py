"""What hooks tell: what each event becomes, told how often and in what order ever, and a count of real ones."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.wrong import with_wrong_values

from session_buddy.errors import InvalidInput
from session_buddy.importers.hooks import Sessions, decode_event
from session_buddy.importers.shell import ShellRules
from session_buddy.model import DurationSource, ErrorType, Invocation, Kind, Outcome, Trigger

RULES = ShellRules.builtin()


class Told:
    """Tells events a second apart, and keeps what became of them."""

    def __init__(self, *, saving: bool = False) -> None:
        self._sessions, self._second, self._saving = self._opened(None), 0, saving
        self.rows: dict[str, Invocation] = {}
        self.problems: list[str] = []

    def __call__(self, name: str, *, session: str = "s1", after: int = 1, **fields: Any) -> Told:
        self._second += after
        at = f"2026-07-01T10:{self._second // 60:02}:{self._second % 60:02}.000Z"
        return self.event({"session_id": session, "hook_event_name": name, **fields}, at)

    def event(self, told: dict[str, Any], at: str) -> Told:
        event = decode_event(json.dumps(told).encode())
        self.problems += self._sessions.read(event, at)
        told = self._sessions.take() + self._sessions.show()
        if self._saving:
            self._sessions = self._opened(self._sessions.save())
        self.rows |= {row.event_id: row for row in told}
        return self

    def shell(self, call: str, command: str, **fields: Any) -> Told:
        return self("PreToolUse", tool_name="Bash", tool_input={"command": command}, tool_use_id=call, **fields)

    def came_back(self, call: str, command: str, printed: str = "", **fields: Any) -> Told:
        return self(
            "PostToolUse", tool_name="Bash", tool_input={"command": command}, tool_use_id=call,
            tool_response={"stdout": printed, "stderr": "", "interrupted": False}, **fields,
        )  # fmt: skip

    def failed(self, call: str, command: str, error: str, **fields: Any) -> Told:
        return self(
            "PostToolUseFailure", tool_name="Bash", tool_input={"command": command}, tool_use_id=call, error=error,
            **fields,
        )  # fmt: skip

    @staticmethod
    def _opened(state: bytes | None) -> Sessions:
        return Sessions(state, user_id="u", rules=RULES)


@pytest.fixture(params=[False, True], ids=["at once", "saved between"])
def told(request: pytest.FixtureRequest) -> Told:
    return Told(saving=request.param)


def test_a_call_is_there_from_its_beginning_and_ends_as_its_result_says(told: Told) -> None:
    told.shell("t1", "pytest -q", cwd="/work", prompt_id="p1")
    assert told.rows["t1"].outcome is None
    told.came_back("t1", "pytest -q", "3 passed", duration_ms=420, cwd="/work", prompt_id="p1")
    row = told.rows["t1"]
    assert (row.skill_name, row.kind, row.outcome, row.source) == ("pytest-run", Kind.SHELL, Outcome.COMPLETED, "hook")
    assert (row.duration_ms, row.duration_source) == (420, DurationSource.REPORTED)
    assert (row.project, row.workflow_step_id, row.invoked_at) == ("/work", "p1", "2026-07-01T10:00:01.000Z")


def test_failures_say_of_which_sort(told: Told) -> None:
    told.shell("t1", "pytest -q").failed("t1", "pytest -q", "Exit code 1\n1 failed", duration_ms=7)
    told.shell("t2", "make").failed("t2", "make", "Command timed out after 2m 0s")
    told("PostToolUseFailure", tool_name="mcp__db__query", tool_input={}, tool_use_id="t3", error="fetch failed")
    assert [told.rows[call].error_type for call in ("t1", "t2", "t3")] == [
        ErrorType.EXIT_CODE, ErrorType.TIMEOUT, ErrorType.API,
    ]  # fmt: skip
    assert told.rows["t3"].kind is Kind.MCP


def test_an_interruption_is_no_failure(told: Told) -> None:
    told.shell("t1", "make").failed("t1", "make", "aborted", is_interrupt=True)
    assert told.rows["t1"].outcome is Outcome.ABANDONED
    assert "interrupted" in told.rows["t1"].traits


def test_an_end_without_a_beginning_is_a_call_that_began_as_much_earlier(told: Told) -> None:
    told.came_back("t1", "ruff check", "All checks passed!", after=10, duration_ms=4_000)
    assert told.rows["t1"].invoked_at == "2026-07-01T10:00:06.000Z"
    assert told.rows["t1"].skill_name == "ruff-check"


def test_events_that_are_told_twice_are_one_call(told: Told) -> None:
    for _ in range(2):
        told("UserPromptExpansion", command_name="deploy", expansion_type="slash_command", prompt_id="p1", after=0)
        told.shell("t1", "pytest", prompt_id="p1", after=0)
    for _ in range(2):
        told.came_back("t1", "pytest", prompt_id="p1", after=0)
    assert sorted(told.rows) == ["p1:typed", "t1"]
    assert told.rows["t1"].follow_up_actions == ()


def test_a_typed_skill_lasts_until_the_agent_rests(told: Told) -> None:
    told("UserPromptSubmit", prompt="/shop:deploy now", prompt_id="p1")
    told("UserPromptExpansion", command_name="shop:deploy", expansion_type="slash_command", prompt_id="p1")
    told.shell("t1", "pytest", prompt_id="p1").came_back("t1", "pytest", prompt_id="p1")
    told("Stop", prompt_id="p1", after=5)
    row = told.rows["p1:typed"]
    assert (row.skill_name, row.plugin, row.kind, row.trigger) == ("deploy", "shop", Kind.SKILL, Trigger.USER)
    assert (row.outcome, row.duration_ms, row.duration_source) == (Outcome.COMPLETED, 7_000, DurationSource.SPAN)
    assert told.rows["t1"].parent_event_id == "p1:typed"


def test_a_skill_of_the_model_is_a_span_and_not_its_launch(told: Told) -> None:
    skill = {"tool_name": "Skill", "tool_input": {"skill": "review"}, "tool_use_id": "t1"}
    told("PreToolUse", **skill)("PostToolUse", **skill, tool_response={"success": True}, duration_ms=20)
    assert told.rows["t1"].outcome is None
    told.shell("t2", "git diff").came_back("t2", "git diff")("Stop", after=9)
    assert (told.rows["t1"].outcome, told.rows["t1"].duration_ms) == (Outcome.COMPLETED, 12_000)


def test_an_error_of_the_api_ends_a_skill_as_failed(told: Told) -> None:
    told("UserPromptExpansion", command_name="deploy", expansion_type="slash_command", prompt_id="p1")
    told("StopFailure", error="overloaded", prompt_id="p1")("SessionEnd", reason="other")
    assert told.rows["p1:typed"].error_type is ErrorType.API


@pytest.mark.parametrize("over", ["SessionEnd", "UserPromptSubmit"])
def test_what_got_no_result_is_abandoned_when_its_turn_is_over(told: Told, over: str) -> None:
    told.shell("t1", "make", prompt_id="p1")("PermissionRequest", tool_name="Bash", tool_input={"command": "make"})
    told(over, prompt="next", prompt_id="p2")
    assert told.rows["t1"].outcome is Outcome.ABANDONED
    assert "permission_asked" in told.rows["t1"].traits


def test_a_result_that_comes_after_its_turn_still_counts(told: Told) -> None:
    told.shell("t1", "make", agent_id="a1")("SessionEnd").came_back("t1", "make", agent_id="a1")
    assert told.rows["t1"].outcome is Outcome.COMPLETED


def test_what_auto_mode_denies_never_ran(told: Told) -> None:
    told.shell("t1", "rm -rf build")
    told("PermissionDenied", tool_name="Bash", tool_input={}, tool_use_id="t1", reason="Blocked by classifier")
    assert told.rows["t1"].outcome is Outcome.ABANDONED


def test_calls_without_an_id_are_paired_in_their_order(told: Told) -> None:
    same = {"tool_name": "Read", "tool_input": {"file_path": "/work/a.py"}}
    told("PreToolUse", **same)("PreToolUse", **same)("PostToolUse", **same, tool_response={})
    assert Counter(row.outcome for row in told.rows.values()) == {Outcome.COMPLETED: 1, None: 1}
    told("PostToolUse", **same, tool_response={})("PostToolUse", **same, tool_response={})
    assert Counter(row.outcome for row in told.rows.values()) == {Outcome.COMPLETED: 3}
    assert {row.traits for row in told.rows.values()} == {("reads:py",)}


def test_sessions_and_agents_do_not_mix(told: Told) -> None:
    told("UserPromptExpansion", command_name="deploy", expansion_type="slash_command", prompt_id="p1")
    told.shell("t1", "pytest", session="s2").shell("t2", "pytest", agent_id="a1").shell("t3", "pytest")
    assert told.rows["t1"].session_id == "s2"
    assert [told.rows[call].parent_event_id for call in ("t1", "t2", "t3")] == [None, None, "p1:typed"]
    assert told.rows["t2"].trigger is Trigger.NESTED


def test_another_agent_spells_them_in_its_own_way() -> None:
    fields = {
        "hookEventName": "post_tool_use", "sessionId": "s1", "toolName": "run_terminal_command", "toolUseId": "t1",
        "toolInput": {"command": "npm test"}, "timestamp": "2026-07-02T14:13:28.190585889+00:00",
    }  # fmt: skip
    event = decode_event(json.dumps(fields).encode())
    sessions = Sessions(None, user_id="u", rules=RULES)
    assert sessions.read(event, "2026-07-01T10:00:00.000Z") == []
    (row,) = sessions.show()
    assert (row.event_id, row.kind, row.invoked_at) == ("t1", Kind.SHELL, "2026-07-02T14:13:28.190Z")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no event of a hook"),
        (b'{"session_id": "s1"', "is no event of a hook"),
        (b"[]", "is no event of a hook"),
        (b'{"session_id": "s1"}', "hook_event_name"),
        (b'{"session_id": "", "hook_event_name": "Stop"}', "must not be empty"),
        (b'{"session_id": 1, "hook_event_name": "Stop"}', "session_id"),
        (b"\xff", "UTF-8"),
        (b'{"session_id": "s1", "hook_event_name": "Stop", "x": ' + b"[" * 100_000, "deeply nested"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        decode_event(data)


@pytest.mark.parametrize(
    "field",
    [
        "cwd", "prompt_id", "agent_id", "tool_name", "tool_use_id", "duration_ms", "prompt", "tool_input",
        "tool_response", "error", "timestamp", "command_name", "model",
    ],
)  # fmt: skip
@pytest.mark.parametrize("strange", [None, 5, -1.5, True, "", "\0", [], {}, [[1]], "x" * 10_000])
def test_a_field_of_a_strange_kind_costs_no_more_than_itself(field: str, strange: Any) -> None:
    told = Told()
    for name in ("UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop", "SessionStart"):
        fields: dict[str, Any] = {"tool_name": "Read", "tool_use_id": "t1", "tool_input": {}} | {field: strange}
        try:
            told(name, **fields)
        except InvalidInput as error:
            assert field == "timestamp", error
    if field not in ("tool_name", "tool_use_id", "timestamp"):
        assert told.rows["t1"].skill_name == "Read"


@pytest.mark.parametrize("name", [None, 5, "", "  ", "a\nb", "<b>", "x" * 201])
def test_what_names_no_command_is_none(name: Any) -> None:
    told = Told()
    told("UserPromptExpansion", command_name=name, expansion_type="slash_command", prompt_id="p1")("Stop")
    assert not told.rows


def test_memory_is_bounded_and_what_makes_room_is_told() -> None:
    told = Told()
    for number in range(200):
        told.shell(f"t{number}", "pytest", session=f"s{number}", after=0)
    assert len(told.rows) == 200
    assert Counter(row.outcome for row in told.rows.values()) == {Outcome.ABANDONED: 136, None: 64}


# -- real ones ----------------------------------------------------------------------------


def _events(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(json.loads((folder / f"{name}.json").read_text()))


def _key(event: dict[str, Any]) -> object:
    own = event.get("tool_use_id") or event.get("toolUseId")
    return own or (event["session_id"], event["tool_name"], json.dumps(event["tool_input"], sort_keys=True))


@pytest.mark.long
def test_every_real_call_is_one_invocation(shared: Path) -> None:
    folders = sorted(path for path in (shared / "data/hooks").iterdir() if path.is_dir())
    assert len(folders) == 6
    for folder in folders:
        before, after = _events(folder, "pre_tool_use"), _events(folder, "post_tool_use")
        expected = Counter(map(_key, before)) | Counter(map(_key, after))
        told = Told()
        for number, event in enumerate(before + after):
            told.event(event, f"2026-07-01T10:{number // 60:02}:{number % 60:02}.000Z")
        calls = {row.event_id for row in told.rows.values() if "#" not in row.event_id}
        assert len(calls) == expected.total(), folder.name
        assert told.problems == []


ANSWERS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "shell": ("Bash", {"command": "pytest -q"}, {"stdout": "1 passed", "interrupted": False, "backgroundTaskId": "b1"}),
    "MCP": ("mcp__k8s__get", {"name": "x"}, {"status": {"phase": "Running"}, "success": True}),
    "subagent": ("Task", {"subagent_type": "explorer"}, {"status": "async_launched", "agentId": "a1"}),
    "skill": ("Skill", {"skill": "review"}, {"success": True, "status": "forked", "commandName": "review"}),
    "watching": ("TaskOutput", {"task_id": "b1"}, {"task": {"task_id": "b1", "status": "completed", "exitCode": 0}}),
    "file": ("Edit", {"file_path": "/w/a.py"}, {"filePath": "/w/a.py", "durationMs": 12}),
}


@pytest.mark.parametrize("name", ["PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionDenied", "Stop"])
@pytest.mark.parametrize(("tool", "given", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_values_of_a_wrong_sort_are_no_fault(name: str, tool: str, given: dict[str, Any], answer: Any) -> None:
    event = {
        "session_id": "s1", "hook_event_name": name, "tool_name": tool, "tool_input": given, "tool_use_id": "t1",
        "tool_response": answer, "duration_ms": 7, "error": "Exit code 1", "timestamp": "2026-07-01T10:00:00.000Z",
        "cwd": "/w", "prompt_id": "p1", "model": "m", "agent_id": "a", "agent_type": "x", "is_interrupt": False,
    }  # fmt: skip
    for wrong in with_wrong_values(event):
        sessions = Sessions(None, user_id="u", rules=RULES)
        with suppress(InvalidInput):
            sessions.read(decode_event(wrong), "2026-07-01T10:00:01.000Z")
        sessions.show()
        sessions.save()


def test_a_duration_that_reaches_beyond_all_years_is_none(told: Told) -> None:
    told("PostToolUse", tool_name="Read", tool_input={}, tool_use_id="t1", duration_ms=999_999_999_999)
    assert told.rows["t1"].invoked_at.startswith(("1994", "2026"))
    told.event(
        {
            "session_id": "s1", "hook_event_name": "PostToolUse", "tool_name": "Read", "tool_use_id": "t2",
            "timestamp": "1970-01-01T00:00:01Z", "duration_ms": 999_999_999_999,
        },
        "2026-07-01T10:00:01.000Z",
    )  # fmt: skip
    assert told.rows["t2"].invoked_at == "1970-01-01T00:00:01.000Z"
