"""The importer's rules, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from claude_code_fixtures.builder import IMPORTER, Script, read

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls import ledger
from session_buddy.importers.calls.phases import phase_of
from session_buddy.importers.claude_code.naming import name_typed, offered_names
from session_buddy.importers.claude_code.outcomes import judge_error
from session_buddy.model import Phase


def brief(row):
    return row.outcome, row.error_type, row.duration_ms, row.duration_source


# -- where files are --------------------------------------------------------------------


def test_roots_are_the_two_default_folders():
    home = Path("/home/dev")
    assert IMPORTER.roots({}, home) == [home / ".claude/projects", home / ".config/claude/projects"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/a", ["/a/projects"]),
        ("/a, ~/b ,", ["/a/projects", "/home/dev/b/projects"]),
        ("/a/projects", ["/a/projects"]),
        (" ", ["/home/dev/.claude/projects", "/home/dev/.config/claude/projects"]),
    ],
)
def test_roots_follow_the_environment(given, expected):
    roots = IMPORTER.roots({"CLAUDE_CONFIG_DIR": given}, Path("/home/dev"))
    assert [root.as_posix() for root in roots] == expected


def test_find_gives_transcripts_below_a_folder_in_order_or_the_file_itself(tmp_path):
    for name in ("b/s.jsonl", "a/s/subagents/agent-1.jsonl", "a/s.jsonl", "a/s.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jsonl").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in IMPORTER.find(tmp_path)]
    assert found == ["a/s/subagents/agent-1.jsonl", "a/s.jsonl", "b/s.jsonl"]
    assert list(IMPORTER.find(tmp_path / "a/s.jsonl")) == [tmp_path / "a/s.jsonl"]
    assert list(IMPORTER.find(tmp_path / "absent")) == []


# -- names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "given", "skill", "kind", "plugin"),
    [
        ("Read", {}, "Read", "tool", None),
        ("mcp__docs__query", {}, "mcp__docs__query", "mcp", None),
        ("Task", {"subagent_type": "Plan"}, "agent:Plan", "subagent", None),
        ("Agent", {"subagent_type": "kit:coder"}, "agent:coder", "subagent", "kit"),
        ("Agent", {}, "agent:general-purpose", "subagent", None),
        ("Agent", {"subagent_type": 7}, "agent:general-purpose", "subagent", None),
        ("Skill", {"skill": "kit:commit"}, "commit", "skill", "kit"),
        ("Skill", {"skill": "/commit"}, "commit", "skill", None),
        ("Skill", {"skill": ":"}, ":", "skill", None),
        ("Skill", {"skill": " \n"}, "Skill", "tool", None),
        ("Skill", {}, "Skill", "tool", None),
        ("SlashCommand", {"command": "/kit:commit now"}, "commit", "skill", "kit"),
        ("SlashCommand", {"command": ""}, "SlashCommand", "tool", None),
        ("Bash", {"command": "test"}, "test-run", "shell", None),
        ("PowerShell", {"command": "commit"}, "commit-it", "shell", None),
        ("Bash", {"command": "ls"}, "Bash", "tool", None),
        ("Bash", {}, "Bash", "tool", None),
        ("PowerShell", {"command": ["odd"]}, "PowerShell", "tool", None),
    ],
)
def test_names(tool, given, skill, kind, plugin):
    row = Script().prompt().use("t1", tool, given).rows()["t1"]
    assert (row.skill_name, row.kind, row.plugin) == (skill, kind, plugin)


def test_a_garbage_tool_name_is_kept_aside_and_nothing_else_is_lost():
    script = Script().prompt()
    script.say(
        {"type": "tool_use", "id": "bad", "name": 'Task" >\n<parameter name="description', "input": {}},
        {"type": "tool_use", "id": "good", "name": "Read", "input": {}},
        {"type": "tool_use", "name": "Read", "input": {}},
    )
    rows, bad = read(script.data)
    assert list(rows) == ["good"]
    start = len(script.lines[0]) + 1
    assert [(line.line, line.offset, line.length, line.reason) for line in bad] == [
        (2, start, len(script.lines[1]), "The tool name of bad is garbage."),
        (2, start, len(script.lines[1]), "A tool call has no id."),
    ]


@pytest.mark.parametrize(
    ("text", "skill", "kind", "plugin"),
    [
        ("<command-message>x</command-message>\n<command-name>/kit:x</command-name>", "x", "skill", "kit"),
        ("<command-message>x is…</command-message>\n   <command-name>x</command-name>", "x", "skill", None),
        ("<command-name>/clear</command-name>\n  <command-message>clear</command-message>", "/clear", "command", None),
    ],
)
def test_typed_commands(text, skill, kind, plugin):
    named = name_typed(text)
    assert named is not None
    assert (named.skill_name, named.kind, named.plugin) == (skill, kind, plugin)


@pytest.mark.parametrize(
    "text",
    ["run /clear", "say <command-name>/x</command-name>", "<command-name></command-name>", "<command-message>x", ""],
)
def test_what_is_no_typed_command(text):
    assert name_typed(text) is None


def test_offers_are_read_from_names_or_from_the_listing():
    assert offered_names(["a", "kit:b", 3], "- c: x") == ["a", "b"]
    assert offered_names(None, "- a: does: x\n- kit:b: y\nmore of it\n - no\n- c") == ["a", "b", "c"]


def test_a_new_listing_replaces_the_offer_an_addition_adds_to_it():
    def listing(initial, *names):
        return {"type": "skill_listing", "names": list(names), "isInitial": initial, "content": ""}

    script = Script().prompt().line("attachment", attachment=listing(True, "old"))
    script.line("attachment", attachment=listing(True, "a", "kit:b")).line("attachment", attachment=listing(False, "c"))
    script.skill("t1", "b").use("t2", "Read")
    rows = script.rows()
    assert rows["t1"].alternatives_considered == ("a", "c")
    assert rows["t2"].alternatives_considered == ()


# -- outcomes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "text", "outcome", "error"),
    [
        ("Bash", "Exit code 1\nboom", "failed", "exit_code"),
        ("Bash", "Exit code 143\nCommand timed out after 2m 0s", "failed", "timeout"),
        ("Bash", "Command timed out after 2m 0s", "failed", "timeout"),
        ("Bash", "Exit code 143\nterminated", "failed", "exit_code"),
        ("Bash", "Exit code 1\nthe request timed out", "failed", "exit_code"),
        ("Bash", "ls: no such file", "failed", "exit_code"),
        ("Bash", "ERROR: The user doesn't want to", "failed", "exit_code"),
        ("Bash", "ENOSPC: no space left on device", "failed", "other"),
        ("Bash", "Command failed: cygpath -u", "failed", "other"),
        ("Bash", "<tool_use_error>Blocked: sleep 30", "failed", "validation"),
        ("Bash", "<tool_use_error>Error: No such tool available: Bash</tool_use_error>", "failed", "not_found"),
        ("Bash", "This command requires approval", "abandoned", None),
        ("Bash", "Permission to use Bash has been auto-denied in dontAsk mode.", "abandoned", None),
        ("Bash", "mkdir in '/x' was blocked. For security, only", "abandoned", None),
        ("Agent", "m is temporarily unavailable, so auto mode cannot determine the safety of Agent", "abandoned", None),
        ("Edit", "The user doesn't want to proceed with this tool use.", "abandoned", None),
        ("Edit", "[Request interrupted by user for tool use]", "abandoned", None),
        ("Edit", "<tool_use_error>Sibling tool call errored</tool_use_error>", "abandoned", None),
        ("Read", "<tool_use_error>Cancelled: parallel tool call Bash(x) errored</tool_use_error>", "abandoned", None),
        ("Write", "Claude requested permissions to write to /x, but you haven't granted it yet.", "abandoned", None),
        ("Edit", "<tool_use_error>String to replace not found in file.", "failed", "validation"),
        ("Read", "<tool_use_error>InputValidationError: Read failed", "failed", "validation"),
        ("Read", "File content (9 tokens) exceeds maximum allowed tokens", "failed", "validation"),
        ("Read", "<tool_use_error>File does not exist.</tool_use_error>", "failed", "not_found"),
        ("Task", "Agent type 'x' not found. Available agents: y", "failed", "not_found"),
        ("Foo", "<tool_use_error>Error: No such tool available: Foo</tool_use_error>", "failed", "not_found"),
        ("WebFetch", "Request failed with status code 403", "failed", "api"),
        ("WebFetch", "getaddrinfo ENOTFOUND example.org", "failed", "api"),
        ("Agent", "API Error: 529 overloaded", "failed", "api"),
        ("mcp__b__shot", "Screenshot timed out after 5s", "failed", "timeout"),
        ("mcp__b__js", "SyntaxError: x", "failed", "other"),
        ("Read", "", "failed", "other"),
    ],
)
def test_error_texts(tool, text, outcome, error):
    verdict = judge_error(tool, text)
    assert (verdict.outcome, verdict.error_type) == (outcome, error)


def test_error_text_may_be_a_list_of_blocks():
    blocks = [{"type": "text", "text": "Exit code 3"}, {"type": "image"}]
    row = Script().prompt().call("t1", "Bash").result("t1", blocks, error=True).rows()["t1"]
    assert brief(row) == ("failed", "exit_code", 1000, "elapsed")


def test_explicit_signs_beat_the_text():
    rows = (
        Script().prompt()
        .call("denied", "Bash").result("denied", "Exit code 1", error=True, toolDenialKind="user-rejected")
        .call("stopped", "Bash").result("stopped", "", error=False, told={"interrupted": True})
        .call("unsuccessful", "TaskUpdate").result("unsuccessful", "Task not found", told={"success": False})
        .rows()
    )  # fmt: skip
    assert [(row.outcome, row.error_type) for row in rows.values()] == [
        ("abandoned", None),
        ("abandoned", None),
        ("failed", "not_found"),
    ]


@pytest.mark.parametrize(
    ("tool", "told", "duration", "source"),
    [
        ("Glob", {"durationMs": 37}, 37, "reported"),
        ("WebSearch", {"durationSeconds": 1.2345}, 1234, "reported"),
        ("Agent", {"totalDurationMs": 900, "durationMs": 5}, 900, "reported"),
        ("Glob", {"durationMs": -1}, 1000, "elapsed"),
        ("Glob", {"durationMs": True}, 1000, "elapsed"),
        ("Glob", {"durationMs": "9"}, 1000, "elapsed"),
        ("Glob", "text", 1000, "elapsed"),
        ("Glob", [{"type": "text"}], 1000, "elapsed"),
        ("mcp__x__y", {"durationMs": 37}, 1000, "elapsed"),
    ],
)
def test_durations(tool, told, duration, source):
    row = Script().prompt().call("t1", tool).result("t1", told=told).rows()["t1"]
    assert (row.duration_ms, row.duration_source) == (duration, source)


def test_no_duration_where_clocks_disagree():
    script = Script().prompt().call("t1", "Read").result("t1", timestamp="2026-03-01T09:00:00.000Z")
    assert brief(script.rows()["t1"]) == ("completed", None, None, None)


def test_times_with_an_offset_become_canonical():
    script = Script().prompt().call("t1", "Read", timestamp="2026-03-01T11:00:00+01:00")
    assert script.rows()["t1"].invoked_at == "2026-03-01T10:00:00.000Z"


# -- calls without a result ---------------------------------------------------------------


def test_a_call_without_result_is_open_until_the_conversation_moves_on():
    script = Script().prompt().call("t1", "Read", msg="m1")
    assert script.rows()["t1"].outcome is None
    script.call("t2", "Read", msg="m1").result("t2")
    assert script.rows()["t1"].outcome is None, "parallel calls of one message may answer in any order"
    script.text()
    assert script.rows()["t1"].outcome == "abandoned"
    script.result("t1")
    assert script.rows()["t1"].outcome == "completed", "a late result still counts"


def test_a_new_prompt_abandons_for_good():
    rows = Script().prompt().call("t1", "Read").prompt("next").result("t1").rows()
    assert brief(rows["t1"]) == ("abandoned", None, None, None)


def test_an_interruption_abandons_at_once():
    script = Script().prompt().call("t1", "Read").prompt("[Request interrupted by user]")
    assert script.rows()["t1"].outcome == "abandoned"


def test_a_command_that_the_user_interrupted_is_abandoned_whatever_its_exit_code():
    verdict = judge_error("Bash", "Exit code 137\n[Request interrupted by user for tool use]")
    assert (verdict.outcome, verdict.error_type) == ("abandoned", None)


def test_what_never_ran_has_no_duration():
    script = Script().prompt().call("t1", "Edit").result("t1", "The user doesn't want to proceed", error=True)
    assert brief(script.rows()["t1"]) == ("abandoned", None, None, None)


def test_an_interruption_beside_a_result():
    script = Script().prompt().call("t1", "Read", msg="m").call("t2", "Read", msg="m")
    script.line(
        "user",
        message={
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": ""},
                {"type": "text", "text": "[Request interrupted by user for tool use]"},
            ]
        },
    )
    assert [row.outcome for row in script.rows().values()] == ["completed", "abandoned"]


def test_a_result_of_an_unknown_call_and_a_second_result_change_nothing():
    script = Script().prompt().result("ghost").use("t1", "Read").result("t1", "Exit code 1", error=True)
    assert {event_id: row.outcome for event_id, row in script.rows().items()} == {"t1": "completed"}


def test_a_repeated_call_is_one():
    rows = Script().prompt().use("t1", "Read").use("t1", "Grep").use("t2", "Glob").prompt("next").rows()
    assert {event_id: row.skill_name for event_id, row in rows.items()} == {"t1": "Read", "t2": "Glob"}
    assert rows["t1"].follow_up_actions == ("Glob",)


def test_a_call_repeated_while_it_is_open_is_one_however_long_ago_it_was():
    script = Script().prompt()
    for number in [*range(600), 0]:
        script.call(f"t{number}", "Read", msg="one")
    assert len(script.prompt("next").rows()) == 600


def test_an_id_that_looks_like_that_of_a_further_command_does_no_harm():
    script = Script().prompt().call("t1#2", "Read", msg="m").call("t1", "Bash", {"command": "test && commit"}, msg="m")
    rows = script.result("t1", error=False).result("t1#2").prompt("next").rows()
    assert {event_id: row.skill_name for event_id, row in rows.items()} == {"t1#2": "Read", "t1": "commit-it"}


def test_a_launch_that_answers_late_is_running_not_abandoned():
    script = Script().prompt().call("t1", "Bash").text()
    assert script.rows()["t1"].outcome == "abandoned"
    assert script.result("t1", told={"backgroundTaskId": "b1"}).rows()["t1"].outcome is None


# -- prompts and what follows -------------------------------------------------------------


def test_follow_ups_stay_within_the_prompt_and_are_three_at_most():
    script = Script().prompt()
    for number in range(5):
        script.use(f"t{number}", f"Tool{number}")
    script.prompt("more").use("u1", "Other")
    rows = script.rows()
    assert rows["t0"].follow_up_actions == ("Tool1", "Tool2", "Tool3")
    assert rows["t3"].follow_up_actions == ("Tool4",)
    assert rows["t4"].follow_up_actions == ()
    assert [row.workflow_step_id for row in rows.values()] == ["u1"] * 5 + ["u12"]


def test_the_prompt_id_of_a_line_opens_turns_where_there_is_one():
    script = (
        Script(promptId="p1").prompt().use("t1", "Read").prompt("<system-reminder>x", isMeta=True).use("t2", "Read")
    )
    script.prompt("next", promptId="p2").call("t3", "Read", promptId=None).result("t3", promptId="p2")
    rows = script.rows()
    assert [row.workflow_step_id for row in rows.values()] == ["p1", "p1", "p2"]
    assert [row.follow_up_actions for row in rows.values()] == [("Read",), (), ()]


@pytest.mark.parametrize(
    "extra",
    [
        {"text": "body", "isMeta": True},
        {"text": "summary", "isCompactSummary": True},
        {"text": "<local-command-stdout>x</local-command-stdout>"},
        {"text": "<bash-input>ls</bash-input>"},
    ],
)
def test_lines_that_are_no_prompts_open_no_turn(extra):
    rows = Script().prompt().use("t1", "Read").prompt(**extra).use("t2", "Grep").rows()
    assert rows["t1"].follow_up_actions == ("Grep",)
    assert rows["t2"].workflow_step_id == "u1"


def test_follow_ups_wait_for_the_name_that_a_result_gives():
    script = Script().prompt().call("t1", "Read", msg="m").call("t2", "Bash", {"command": "test"}, msg="m")
    script.call("t3", "Read", msg="m").call("t4", "Read", msg="m")
    script.result("t1").result("t3").result("t4").result("t2")
    assert script.rows()["t1"].follow_up_actions == ("test-run", "Read", "Read")


# -- skills are spans ---------------------------------------------------------------------


def test_without_attribution_a_skill_lasts_to_the_next_prompt():
    rows = Script().prompt().skill("s", "x").use("t1", "Read").text().prompt("next").text().rows()
    assert brief(rows["s"]) == ("completed", None, 4000, "span")
    assert (rows["t1"].trigger, rows["t1"].parent_event_id) == ("nested", "s")


def test_without_attribution_a_skill_lasts_to_the_next_skill():
    rows = Script().prompt().skill("s1", "x").text().skill("s2", "y").rows()
    assert brief(rows["s1"]) == ("completed", None, 4000, "span")
    assert rows["s2"].outcome is None
    assert rows["s2"].parent_event_id == "s1"


def test_an_unknown_skill_does_not_end_the_skill_the_agent_is_in():
    script = Script().prompt().skill("s1", "x").call("s2", "Skill", {"skill": "y"})
    script.result("s2", "<tool_use_error>Unknown skill: y</tool_use_error>", error=True).use("t1", "Read")
    rows = script.rows()
    assert brief(rows["s2"]) == ("failed", "not_found", 1000, "elapsed")
    assert rows["t1"].parent_event_id == "s1"


def test_with_attribution_a_skill_lasts_to_its_last_line():
    script = Script().prompt().call("s", "Skill", {"skill": "kit:x"}, msg="m1").call("t0", "Read", msg="m1")
    script.result("s").result("t0").text(attributionSkill="kit:x")
    script.call("t1", "Read", attributionSkill="kit:x").result("t1").call("t2", "Read").result("t2")
    rows = script.rows()
    assert brief(rows["s"]) == ("completed", None, 5000, "span"), "neither t1's result nor t2 is its own"
    assert rows["t0"].parent_event_id is None, "called before the skill was launched"
    assert rows["t1"].parent_event_id == "s"
    assert (rows["t2"].parent_event_id, rows["t2"].trigger) == (None, "model")


def test_attribution_may_name_the_plugin_where_the_call_does_not():
    rows = Script().prompt().skill("s", "x").text(attributionSkill="kit:x").text().rows()
    assert brief(rows["s"]) == ("completed", None, 2000, "span")


def test_an_open_skill_has_no_outcome_until_the_agent_rests():
    script = Script().prompt().skill("s", "x").text()
    assert brief(script.rows()["s"]) == (None, None, None, None)
    rested = Script().prompt().skill("s", "x").text(stop="end_turn")
    assert brief(rested.rows()["s"]) == ("completed", None, 2000, "span")
    rested.text()
    assert rested.rows()["s"].outcome is None, "it went on after all"
    script.line("system", subtype="turn_duration", durationMs=5)
    assert brief(script.rows()["s"]) == ("completed", None, 2000, "span")


def test_an_interrupted_skill_is_abandoned():
    script = Script().prompt().skill("s", "x").text().prompt("[Request interrupted by user]").prompt("next")
    assert brief(script.rows()["s"]) == ("abandoned", None, 2000, "span")


def test_an_api_error_that_ends_a_skill_fails_it_one_that_does_not_does_not():
    ended = Script().prompt().skill("s", "x").text().text(isApiErrorMessage=True)
    assert brief(ended.rows()["s"]) == ("failed", "api", 2000, "span")
    assert brief(ended.prompt("next").rows()["s"]) == ("failed", "api", 2000, "span")
    survived = Script().prompt().skill("s", "x").text(isApiErrorMessage=True).text().prompt("next")
    assert brief(survived.rows()["s"]) == ("completed", None, 3000, "span")


def test_a_forked_skill_ends_with_its_result():
    script = (
        Script().prompt().call("s", "Skill", {"skill": "x"}).result("s", told={"success": True, "status": "forked"})
    )
    assert brief(script.rows()["s"]) == ("completed", None, 1000, "elapsed")


TYPED = "<command-message>x</command-message>\n<command-name>/x</command-name>"


def test_a_typed_skill_is_a_span_and_is_not_doubled_by_its_expansion():
    script = Script().prompt(TYPED).prompt("body", isMeta=True).call("t1", "Skill", {"skill": "x"}).result("t1")
    script.text(attributionSkill="x").skill("t2", "y").prompt("next")
    rows = script.rows()
    assert brief(rows["u1"]) == ("completed", None, 4000, "span")
    assert [(row.skill_name, row.kind) for row in rows.values()] == [("x", "skill"), ("Skill", "tool"), ("y", "skill")]
    assert rows["u1"].trigger == "user"


def test_the_same_skill_in_a_later_turn_is_another_use():
    rows = Script().prompt(TYPED).text().prompt("again").skill("t1", "x").rows()
    assert [(row.skill_name, row.kind) for row in rows.values()] == [("x", "skill"), ("x", "skill")]


def test_built_in_commands_stand_in_user_and_system_lines():
    text = "<command-name>/config</command-name>\n<command-message>config</command-message>"
    script = Script().prompt(text).prompt("<local-command-stderr>no</local-command-stderr>")
    script.line("system", subtype="local_command", content=text.replace("config", "agents"))
    script.line("system", subtype="local_command", content="<local-command-stdout>bye</local-command-stdout>")
    rows = script.rows()
    assert [(row.skill_name, row.outcome, row.error_type) for row in rows.values()] == [
        ("/config", "failed", "other"),
        ("/agents", "completed", None),
    ]


def test_a_typed_line_that_is_repeated_is_one_use():
    script = Script().prompt(TYPED).use("t1", "Read").use("t2", "Read")
    script.lines.append(script.lines[0])
    rows = script.use("t3", "Read").prompt("next").rows()
    assert list(rows) == ["u1", "t1", "t2", "t3"]
    assert rows["u1"].duration_ms == 6000


def test_a_built_in_command_typed_while_a_skill_runs_is_the_user_s_own():
    script = Script().prompt().skill("s", "x")
    text = "<command-name>/usage</command-name>\n<command-message>usage</command-message>"
    row = script.line("system", subtype="local_command", content=text).rows()["u4"]
    assert (row.trigger, row.parent_event_id) == ("user", None)


# -- subagents ----------------------------------------------------------------------------


def test_a_subagent_ends_with_the_call_that_started_it():
    script = Script().prompt().call("task", "Agent", {"prompt": "p"})
    inner = {"type": "assistant", "timestamp": "2026-03-01T10:00:05.000Z"}
    inner["message"] = {"id": "i1", "model": "h", "content": [{"type": "tool_use", "id": "in", "name": "Read"}]}
    script.line("progress", data={"type": "agent_progress", "agentId": "a", "message": inner}, parentToolUseID="task")
    assert script.rows()["in"].outcome is None
    row = script.result("task").rows()["in"]
    assert (row.outcome, row.trigger, row.parent_event_id, row.model) == ("abandoned", "nested", "task", "h")


def test_main_agent_and_subagents_do_not_mix():
    script = Script().prompt().call("t1", "Edit", {}, msg="m")
    script.call("a1", "Read", isSidechain=True, agentId="a").call("b1", "Grep", isSidechain=True, agentId="b")
    script.call("a2", "Glob", isSidechain=True, agentId="a").result("a1", isSidechain=True, agentId="a")
    rows = script.call("t2", "Write", {}, msg="m").rows()
    assert rows["t1"].follow_up_actions == ("Write",)
    assert rows["a1"].follow_up_actions == ("Glob",)
    assert rows["b1"].follow_up_actions == ()
    assert rows["a1"].workflow_phase == "setup", "the main agent's change is not the subagent's"


def test_a_subagent_nothing_waits_for_ends_with_the_turn():
    script = Script().prompt().call("a1", "Read", isSidechain=True, agentId="a").text()
    assert script.rows()["a1"].outcome is None
    assert script.prompt("next").rows()["a1"].outcome == "abandoned"


# -- background work ----------------------------------------------------------------------


def notice(task, status, *, summary="", call=None, tail=""):
    call_id = f"<tool-use-id>{call}</tool-use-id>" if call else ""
    return (
        f"<task-notification>\n<task-id>{task}</task-id>{call_id}<status>{status}</status>"
        f"<summary>{summary}</summary>{tail}</task-notification>"
    )


LAUNCHED = {"backgroundTaskId": "b1"}


@pytest.mark.parametrize(
    ("status", "summary", "expected"),
    [
        ("completed", 'Background command "x" completed (exit code 0)', ("completed", None, 2000, "span")),
        ("failed", 'Background command "x" failed with exit code 1', ("failed", "exit_code", 2000, "span")),
        ("failed", 'Dynamic workflow "x" failed: Error: y', ("failed", "other", 2000, "span")),
        ("killed", "was stopped", ("abandoned", None, None, None)),
        ("failed", "was running when the previous Claude Code process exited", ("abandoned", None, None, None)),
        ("running", "", (None, None, None, None)),
    ],
)
def test_background_work_ends_with_its_notice(status, summary, expected):
    script = Script().prompt().call("t1", "Bash").result("t1", told=LAUNCHED)
    assert script.rows()["t1"].outcome is None, "a launch is no completion"
    script.line("queue-operation", operation="enqueue", content=notice("b1", status, summary=summary), message=None)
    assert brief(script.rows()["t1"]) == expected


def test_background_work_outlives_its_turn_and_is_found_by_the_id_of_its_call():
    script = Script().prompt().call("t1", "Agent").result("t1", told={"status": "async_launched"}).prompt("next")
    script.prompt(notice("?", "completed", call="t1", tail="<usage><duration_ms>77</duration_ms></usage>"))
    assert brief(script.rows()["t1"]) == ("completed", None, 77, "reported")


def test_only_the_first_end_of_background_work_counts():
    script = Script().prompt().call("t1", "Bash").result("t1", told=LAUNCHED)
    for status in ("completed", "failed"):
        script.line("queue-operation", content=notice("b1", status, call="t1"))
    assert script.rows()["t1"].outcome == "completed"


@pytest.mark.parametrize("call", ["s", "t1"])
def test_a_notice_ends_nothing_that_is_not_in_the_background(call):
    script = Script().prompt().skill("s", "x").call("t1", "Read")
    script.line("queue-operation", content=notice("b1", "failed", call=call))
    assert script.rows()[call].outcome is None


def test_what_a_result_in_a_notice_says_is_not_taken_for_fields():
    script = Script().prompt().call("t1", "Agent").result("t1", told={"status": "async_launched", "agentId": "b1"})
    tail = "<result><status>failed</status><duration_ms>5</duration_ms></result>"
    script.prompt(notice("b1", "completed", tail=tail))
    assert brief(script.rows()["t1"]) == ("completed", None, 2000, "span")


@pytest.mark.parametrize(
    ("tool", "told", "expected"),
    [
        ("TaskOutput", {"task": {"task_id": "b1", "status": "running", "exitCode": None}}, (None, None)),
        ("TaskOutput", {"task": {"task_id": "b1", "status": "completed", "exitCode": 0}}, ("completed", None)),
        ("TaskOutput", {"task": {"task_id": "b1", "status": "failed", "exitCode": 255}}, ("failed", "exit_code")),
        ("BashOutput", {"shellId": "b1", "status": "failed", "exitCode": 1}, ("failed", "exit_code")),
        ("BashOutput", {"shellId": "b1", "status": "running"}, (None, None)),
        ("KillShell", {"shell_id": "b1"}, ("abandoned", None)),
        ("TaskStop", {"task_id": "b1"}, ("abandoned", None)),
        ("TaskStop", {"task_id": "other"}, (None, None)),
    ],
)
def test_tools_that_watch_or_stop_background_work(tool, told, expected):
    rows = (
        Script().prompt().call("t1", "Bash").result("t1", told=LAUNCHED).call("t2", tool).result("t2", told=told).rows()
    )
    assert (rows["t1"].outcome, rows["t1"].error_type) == expected
    assert rows["t2"].outcome == "completed"


def test_a_monitor_runs_until_it_ends_or_times_out():
    script = Script().prompt().call("t1", "Monitor").result("t1", told={"taskId": "b1"})
    script.prompt("<task-notification><task-id>b1</task-id><summary>s</summary><event>x</event></task-notification>")
    assert script.rows()["t1"].outcome is None
    script.prompt(
        "<task-notification><task-id>b1</task-id><event>[Monitor timed out — re-arm if needed.]</event>"
        "</task-notification>"
    )
    assert script.rows()["t1"].error_type == "timeout"


# -- shells -------------------------------------------------------------------------------


def test_the_commands_of_a_chain_are_calls_of_their_own_in_the_order_they_ran():
    script = Script().prompt().use("t0", "Edit").call("t1", "Bash", {"command": "test && commit"})
    rows = script.result("t1", error=False).use("t2", "Read").rows()
    assert set(rows) == {"t0", "t1#2", "t1", "t2"}
    assert rows["t0"].follow_up_actions == ("test-run", "commit-it", "Read")
    other = rows["t1#2"]
    assert (other.skill_name, other.kind, other.workflow_phase) == ("test-run", "shell", "verification")
    assert brief(other) == ("completed", None, None, None)
    assert other.follow_up_actions == ("commit-it", "Read")
    assert other.invoked_at == rows["t1"].invoked_at
    assert brief(rows["t1"]) == ("completed", None, 1000, "elapsed")


def test_what_is_not_certain_of_a_shell_call_is_not_invented():
    script = Script().prompt().call("t1", "Bash", {"command": "test && commit"}).result("t1", "Exit code 1", error=True)
    script.call("t2", "Bash", {"command": "test | tail"}).result("t2", "quiet", error=False)
    script.call("t3", "Bash", {"command": "test | tail"}).result("t3", "1 failed", error=False)
    rows = script.rows()
    assert [(row.skill_name, row.outcome, row.error_type) for row in rows.values()] == [
        ("commit-it", None, None),
        ("test-run", None, None),
        ("test-run", "failed", "exit_code"),
    ]


def test_a_shell_call_that_never_ran_is_abandoned_whatever_it_would_have_run():
    script = Script().prompt().call("t1", "Bash", {"command": "test | tail"})
    row = script.result("t1", "This command requires approval", error=True).rows()["t1"]
    assert (row.skill_name, row.outcome) == ("test-run", "abandoned")


@pytest.mark.parametrize(("command", "outcome"), [("test", "failed"), ("test | tail", None)])
def test_the_exit_code_of_a_shell_call_in_the_background_means_what_it_means_in_the_foreground(command, outcome):
    script = Script().prompt().call("t1", "Bash", {"command": command}).result("t1", told=LAUNCHED)
    script.prompt(notice("b1", "failed", summary="failed with exit code 1"))
    row = script.rows()["t1"]
    assert (row.skill_name, row.outcome) == ("test-run", outcome)


# -- phases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skill", "changed", "told", "phase"),
    [
        ("Read", False, None, "setup"),
        ("Read", True, None, "verification"),
        ("agent:Explore", False, None, "setup"),
        ("Edit", False, None, "execution"),
        ("TodoWrite", False, None, "setup"),
        ("TodoWrite", True, None, "execution"),
        ("Bash", False, None, "setup"),
        ("Bash", True, None, "execution"),
        ("mcp__x__y", False, None, "execution"),
        ("pytest-run", False, Phase.VERIFICATION, "verification"),
        ("git-commit", True, Phase.CLEANUP, "cleanup"),
    ],
)
def test_phases(skill, changed, told, phase):
    assert phase_of(skill, changed=changed, told=told) == phase


def test_a_change_counts_within_its_prompt_only():
    script = Script().prompt().use("t1", "Read").use("t2", "Edit").use("t3", "Read").prompt("next").use("t4", "Read")
    phases = [row.workflow_phase for row in script.rows().values()]
    assert phases == ["setup", "execution", "verification", "setup"]


# -- lines that are no lines ----------------------------------------------------------------


DEEP = b'{"type":"user","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "JSON"),
        (b'{"type":"user"', "truncated"),
        (b"[1]", "Expected `object`"),
        (b'{"type":"user","x":"\xff"}', "is not UTF-8."),
        (b"\0\0\0\0", "JSON"),
        (b'{"type":5}', "Expected `str`"),
        (b'{"type":"assistant","message":"text"}', "Expected `object"),
        (DEEP, "is too deeply nested."),
        (b'{"type":"assistant","message":{"content":[{"type":"tool_use","id":"x","name":"Read"}]}}', "timestamp"),
        (
            b'{"type":"assistant","timestamp":"2026-03-01T10:00:00",'
            b'"message":{"content":[{"type":"tool_use","id":"x","name":"Read"}]}}',
            "has no time zone",
        ),
        (b'{"type":"user","message":{"content":"<command-name>/x</command-name>"}}', "has no uuid"),
    ],
)
def test_a_bad_line_is_kept_aside_and_the_next_is_read(line, reason):
    script = Script().prompt().use("t1", "Read")
    before, after = script.lines[:1], script.lines[1:]
    rows, bad = read(b"\n".join([*before, line, *after]) + b"\n")
    assert rows["t1"].outcome == "completed"
    assert [(b.path, b.line, b.offset, b.length) for b in bad] == [("s-1.jsonl", 2, len(before[0]) + 1, len(line))]
    assert reason in bad[0].reason


def test_blank_lines_are_nothing():
    script = Script().prompt().use("t1", "Read")
    rows, bad = read(b"\n \r\n".join(script.lines) + b"\r\n\n")
    assert (list(rows), bad) == (["t1"], [])


@pytest.mark.parametrize("escape", [r"\ud83d", r"\ude00", r"\ud83d\ud83d\ude00", r"\\ud83d"])
def test_half_a_surrogate_pair_costs_no_line(escape):
    script = Script().prompt("CUT").call("t1", "Read", cwd="/CUT").result("t1", "CUT", told="CUT")
    rows, bad = read(script.data.replace(b"CUT", escape.encode()))
    assert bad == []
    assert rows["t1"].outcome == "completed"
    assert rows["t1"].project is not None
    rows["t1"].project.encode()


def test_half_a_surrogate_pair_costs_no_name_and_no_error_text():
    script = Script().prompt().call("t1", "Task", {"subagent_type": "Plan", "prompt": "CUT"})
    script.result("t1", "API Error CUT", error=True)
    row = read(script.data.replace(b"CUT", rb"\ud83d"))[0]["t1"]
    assert (row.skill_name, row.error_type) == ("agent:Plan", "api")


def test_a_line_without_session_takes_the_name_of_the_file():
    script = Script(sessionId=None).prompt().call("t1", "Read")
    assert read(script.data, path="/x/abc.jsonl")[0]["t1"].session_id == "abc"


def test_odd_content_is_no_reason_to_lose_a_line():
    script = Script().prompt().line("user", message=None).line("assistant", message={"content": None})
    script.line("user", message={"content": [{"tool_use_id": "x"}, {"type": "image", "source": {}}]})
    script.line("progress", data={"message": "text"}).line("attachment", attachment=None).line("queue-operation")
    script.call("t1", "Read").result("t1", {"odd": True}, told=3)
    rows, bad = read(script.data)
    assert (rows["t1"].outcome, bad) == ("completed", [])


def test_the_model_of_the_program_itself_is_none():
    script = Script().prompt()
    body = {"model": "<synthetic>", "content": [{"type": "tool_use", "id": "t1", "name": "Read"}]}
    assert script.line("assistant", message=body).rows()["t1"].model is None


# -- state ----------------------------------------------------------------------------------


def test_state_of_another_program_is_refused():
    for state in (b"", b"junk", json.dumps({}).encode()):
        with pytest.raises(InvalidInput, match="state"):
            IMPORTER.parser("x.jsonl", user_id="u", state=state)


def test_what_is_open_is_bounded_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr(ledger, "_MOST_OPEN", 20)
    script = Script().prompt().call("bg", "Bash").result("bg", told=LAUNCHED)
    for number in range(60):
        script.call(f"t{number}", "Read", msg="one")
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    told = {row.event_id: row.outcome for row in parser.feed(script.data).invocations}
    assert told == {"bg": None} | {f"t{number}": "abandoned" for number in range(40)}
    assert {row.event_id for row in parser.pause().invocations} == {f"t{number}" for number in range(40, 60)}


def test_agents_are_bounded_and_nothing_is_lost():
    script = Script().prompt()
    for number in range(600):
        script.call(f"a{number}", "Read", isSidechain=True, agentId=f"agent{number}")
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    told = parser.feed(script.data).invocations
    assert len(told) > 300
    assert len({row.event_id for row in told + parser.pause().invocations}) == 600


def test_the_saved_state_does_not_grow_with_the_file():
    script, sizes = Script(), []
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    for _ in range(4):
        script.lines.clear()
        for _ in range(600):
            script.prompt().use(f"t{script.second:09d}", "Read")
        parser.feed(script.data)
        sizes.append(len(parser.save()))
    assert max(sizes[1:]) < sizes[0] + 100


def test_the_saved_state_keeps_no_secret_of_a_running_command():
    command = "TOKEN=sk-SECRET123 curl -H 'Authorization: SECRET' https://u:SECRET@host"
    command += ' && pytest -k "SECRET" SECRETSECRETSECRET99'
    parser = IMPORTER.parser("s.jsonl", user_id="u")
    parser.feed(Script().prompt().call("t1", "Bash", {"command": command}).data)
    state = parser.save()
    assert b"SECRET" not in state
    assert b"pytest" in state
    assert b"curl" in state
    assert parser.save() == state
