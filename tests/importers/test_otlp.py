"""OpenTelemetry: what each log record and span becomes, in both encodings."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.wrong import with_wrong_values

from session_buddy.errors import InvalidInput
from session_buddy.importers.otlp import Executions, Read, Signal, decode, read_logs, read_spans
from session_buddy.importers.shell import ShellRules
from session_buddy.model import ErrorType, Invocation, Kind, Outcome

RULES = ShellRules.builtin()
AT_NS = 1_780_251_963_638_000_000
AT = "2026-05-31T18:26:03.638Z"


def value(told: Any) -> dict[str, Any]:
    if isinstance(told, bool):
        return {"boolValue": told}
    if isinstance(told, int):
        return {"intValue": told}
    return {"doubleValue": told} if isinstance(told, float) else {"stringValue": told}


def pairs(**told: Any) -> list[dict[str, Any]]:
    return [{"key": key.replace("__", "."), "value": value(one)} for key, one in told.items()]


def logs(name: str, *, resource: dict[str, Any] | None = None, time: Any = str(AT_NS), **told: Any) -> dict[str, Any]:
    record = {"timeUnixNano": time, "body": {"stringValue": name}, "attributes": pairs(**told)}
    return {
        "resourceLogs": [
            {"resource": {"attributes": pairs(**(resource or {}))}, "scopeLogs": [{"logRecords": [record]}]}
        ]
    }


def spans(*told: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": list(told)}]}]}


def span(name: str, *, number: int = 1, parent: int = 0, ms: int = 250, status: int = 0, **told: Any) -> dict[str, Any]:
    return {
        "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{number:016x}", "name": name,
        "parentSpanId": f"{parent:016x}" if parent else "", "startTimeUnixNano": str(AT_NS - ms * 1_000_000),
        "endTimeUnixNano": str(AT_NS), "attributes": pairs(**told), "status": {"code": status},
    }  # fmt: skip


def read(request: dict[str, Any], signal: Signal = Signal.LOGS) -> Read:
    told: Any = decode(json.dumps(request).encode(), signal, is_json=True)
    reader: Callable[..., Read] = read_logs if signal is Signal.LOGS else read_spans
    return reader(told, user_of=lambda name: name or "me", rules=RULES)


def one(request: dict[str, Any], signal: Signal = Signal.LOGS) -> Invocation:
    found = read(request, signal)
    assert found.rejected == 0, found.reasons
    (row,) = found.invocations
    return row


CLAUDE = {"session__id": "s1", "prompt__id": "p1", "tool_use_id": "t1", "success": "true", "duration_ms": "250"}


def test_a_call_of_claude_code() -> None:
    row = one(logs("claude_code.tool_result", tool_name="Read", user__id="u1", app__version="2.1.200", **CLAUDE))
    assert (row.event_id, row.session_id, row.skill_name, row.kind) == ("t1", "s1", "Read", Kind.TOOL)
    assert (row.outcome, row.duration_ms, row.invoked_at) == (Outcome.COMPLETED, 250, "2026-05-31T18:26:03.388Z")
    assert (row.user_id, row.agent_version, row.workflow_step_id, row.source) == ("u1", "2.1.200", "p1", "otlp")


@pytest.mark.parametrize("written", [True, "true"])
@pytest.mark.parametrize("lasted", [250, "250", 250.0, "250.2"])
def test_numbers_and_truths_come_in_several_kinds(written: Any, lasted: Any) -> None:
    row = one(logs("claude_code.tool_result", tool_name="Read", **CLAUDE | {"success": written, "duration_ms": lasted}))
    assert (row.outcome, row.duration_ms) == (Outcome.COMPLETED, 250)


@pytest.mark.parametrize(
    ("tool", "parameters", "name", "kind", "outcome"),
    [
        ("Bash", {"full_command": "uv run pytest -q"}, "pytest-run", Kind.SHELL, Outcome.COMPLETED),
        ("Bash", {"full_command": "pytest -q | tail -3"}, "Bash", Kind.TOOL, Outcome.COMPLETED),
        ("Bash", {}, "Bash", Kind.TOOL, Outcome.COMPLETED),
        (
            "mcp_tool",
            {"mcp_server_name": "db", "mcp_tool_name": "query"},
            "mcp__db__query",
            Kind.MCP,
            Outcome.COMPLETED,
        ),
        ("mcp_tool", {}, "mcp_tool", Kind.TOOL, Outcome.COMPLETED),
        ("mcp__db__query", {}, "mcp__db__query", Kind.MCP, Outcome.COMPLETED),
        ("Skill", {"skill_name": "shop:deploy"}, "deploy", Kind.SKILL, None),
        ("Skill", {}, "Skill", Kind.TOOL, None),
        ("Agent", {"subagent_type": "Explore"}, "agent:Explore", Kind.SUBAGENT, None),
    ],
)
def test_names_are_those_of_transcripts_and_a_launch_is_no_end(
    tool: str, parameters: dict[str, str], name: str, kind: Kind, outcome: Outcome | None
) -> None:
    row = one(logs("claude_code.tool_result", tool_name=tool, tool_parameters=json.dumps(parameters), **CLAUDE))
    assert (row.skill_name, row.kind, row.outcome) == (name, kind, outcome)


@pytest.mark.parametrize(
    ("error", "sort"),
    [
        ("ShellError", ErrorType.EXIT_CODE),
        ("Error:ENOENT", ErrorType.NOT_FOUND),
        ("TimeoutError", ErrorType.TIMEOUT),
        ("InputValidationError", ErrorType.VALIDATION),
        ("APIError", ErrorType.API),
        ("Strange", ErrorType.OTHER),
        (None, ErrorType.OTHER),
    ],
)
def test_errors_have_sorts(error: str | None, sort: ErrorType) -> None:
    told = CLAUDE | {"success": "false"} | ({"error_type": error} if error else {})
    row = one(logs("claude_code.tool_result", tool_name="Read", **told))
    assert (row.outcome, row.error_type) == (Outcome.FAILED, sort)


def test_a_rejected_call_is_abandoned_and_an_accepted_one_is_told_by_its_result() -> None:
    told = {"session__id": "s1", "tool_use_id": "t1", "tool_name": "Bash", "source": "user_reject"}
    row = one(logs("claude_code.tool_decision", decision="reject", **told))
    assert (row.outcome, row.traits) == (Outcome.ABANDONED, ("permission_asked", "rejected"))
    by_rule = one(logs("claude_code.tool_decision", decision="reject", **told | {"source": "config"}))
    assert (by_rule.outcome, by_rule.traits) == (Outcome.ABANDONED, ())
    for source, traits in (("user_temporary", ("permission_asked",)), ("config", ()), ("hook", ())):
        row = one(logs("claude_code.tool_result", tool_name="Read", decision_source=source, **CLAUDE))
        assert (row.outcome, row.traits) == (Outcome.COMPLETED, traits)
    assert read(logs("claude_code.tool_decision", decision="accept", **told)).invocations == []


def test_a_typed_skill_is_known_by_its_prompt() -> None:
    told = {"session__id": "s1", "prompt__id": "p1", "invocation_trigger": "user-slash"}
    row = one(logs("claude_code.skill_activated", skill__name="shop:deploy", **told))
    assert (row.event_id, row.skill_name, row.plugin, row.kind) == ("p1:typed", "deploy", "shop", Kind.SKILL)
    kept_back = one(logs("claude_code.skill_activated", skill__name="custom_skill", **told))
    assert (kept_back.event_id, kept_back.kind) == ("p1:typed", Kind.TOOL)
    by_model = told | {"invocation_trigger": "claude-proactive"}
    assert read(logs("claude_code.skill_activated", skill__name="deploy", **by_model)).invocations == []


def test_work_in_the_background_is_launched_and_no_more() -> None:
    told = {"tool_parameters": json.dumps({"full_command": "npm run dev"}), "tool_input": '{"run_in_background": true}'}
    row = one(logs("claude_code.tool_result", tool_name="Bash", **CLAUDE, **told))
    assert (row.outcome, row.duration_ms) == (None, None)


def test_codex_and_gemini() -> None:
    told = {"conversation__id": "c1", "call_id": "x1", "duration_ms": 12, "success": "true", "model": "gpt-5"}
    arguments = json.dumps({"cmd": "cargo test"})
    row = one(logs("codex.tool_result", tool_name="exec_command", arguments=arguments, **told))
    assert (row.event_id, row.session_id, row.skill_name, row.model) == ("x1", "c1", "cargo-test", "gpt-5")
    row = one(logs("codex.tool_result", tool_name="query", mcp_server="db", **told))
    assert (row.skill_name, row.kind) == ("mcp__db__query", Kind.MCP)
    told = {"session__id": "g1", "function_name": "run_shell_command", "duration_ms": 5, "success": False}
    arguments = json.dumps({"command": "npm test"})
    row = one(logs("gemini_cli.tool_call", function_args=arguments, **told))
    assert (row.skill_name, row.outcome, row.error_type) == ("npm-test", Outcome.FAILED, ErrorType.EXIT_CODE)
    again = one(logs("gemini_cli.tool_call", function_args=arguments, **told))
    assert again.event_id == row.event_id
    rejected = one(logs("gemini_cli.tool_call", decision="reject", **told))
    assert rejected.outcome is Outcome.ABANDONED
    row = one(logs("gemini_cli.tool_call", mcp_server_name="db", **told | {"function_name": "query"}))
    assert (row.skill_name, row.kind) == ("mcp__db__query", Kind.MCP)
    row = one(logs("gemini_cli.tool_call", **told | {"function_name": "read_file", "success": True}))
    assert (row.skill_name, row.kind, row.outcome) == ("read_file", Kind.TOOL, Outcome.COMPLETED)


def named(name: str, *, record_name: str = "", body: str = "", service: str = "", **told: Any) -> dict[str, Any]:
    """Return a log record as agents other than Claude Code make them: only the attribute has the event's name."""
    request = logs(body, event__name=name, resource={"service__name": service}, **told)
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0] |= {"eventName": record_name}
    return request


def test_codex_names_the_place_in_its_source_and_gemini_says_a_sentence() -> None:
    codex = {"conversation__id": "c1", "call_id": "x1", "tool_name": "exec_command", "success": "true"}
    place = "event otel/src/events/session_telemetry.rs:925"
    for body in ("", "exec_command"):
        row = one(named("codex.tool_result", record_name=place, body=body, service="codex_cli_rs", **codex))
        assert (row.event_id, row.session_id, row.outcome) == ("x1", "c1", Outcome.COMPLETED)
    gemini = {"session__id": "g1", "function_name": "read_file", "success": True, "duration_ms": 12}
    sentence = "Tool call: read_file. Decision: accept. Success: true. Duration: 12ms."
    for name in ("gemini_cli.tool_call", "tool_call"):
        row = one(named(name, body=sentence, service="gemini-cli", **gemini))
        assert (row.skill_name, row.session_id, row.duration_ms) == ("read_file", "g1", 12)
    assert read(named("codex.sse_event", record_name=place, service="codex_cli_rs", **codex)) == Read()


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["bash", "-lc", "pytest -q"], "pytest-run"),
        (["git", "commit", "-m", "a; pytest"], "git-commit"),
        (["bash", "-lc", "pytest -q | tail"], "shell"),
        ("pytest -q", "pytest-run"),
        ([], "shell"),
        (5, "shell"),
    ],
)
def test_a_command_of_codex_may_be_a_list(command: Any, name: str) -> None:
    told = {"conversation__id": "c1", "call_id": "x1", "success": "true", "arguments": json.dumps({"command": command})}
    assert one(logs("codex.tool_result", tool_name="shell", **told)).skill_name == name


def test_the_time_may_stand_where_it_was_observed_and_the_name_in_an_attribute() -> None:
    request = logs(
        "", time=0, event__name="tool_result", tool_name="Read", resource={"service__name": "claude-code"}, **CLAUDE
    )
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["observedTimeUnixNano"] = AT_NS
    assert one(request).invoked_at == "2026-05-31T18:26:03.388Z"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"tool_use_id": ""}, "tool_use_id"),
        ({"session__id": 5}, "session.id"),
        ({"tool_name": "x" * 600}, "tool_name"),
        ({"time": 0}, "time"),
        ({"time": 2**63}, "time"),
        ({"time": "soon"}, "time"),
    ],
)
def test_a_record_that_cannot_be_understood_is_rejected_and_costs_no_other(change: dict[str, Any], reason: str) -> None:
    request = logs("claude_code.tool_result", **{"tool_name": "Read"} | CLAUDE | change)
    good = logs("claude_code.tool_result", tool_name="Read", **CLAUDE)
    request["resourceLogs"] += good["resourceLogs"]
    found = read(request)
    assert (len(found.invocations), found.rejected) == (1, 1)
    assert reason in next(iter(found.reasons))


def test_what_tells_of_other_things_is_passed_over() -> None:
    for name in ("claude_code.api_request", "claude_code.user_prompt", "codex.sse_event", "", "anything"):
        found = read(logs(name, session__id="s1"))
        assert (found.invocations, found.rejected) == ([], 0)


def test_spans_by_the_conventions() -> None:
    told = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": "search", "gen_ai__conversation__id": "c1"}
    row = one(spans(span("execute_tool search", gen_ai__tool__call__id="call-1", **told)), Signal.TRACES)
    assert (row.event_id, row.session_id, row.skill_name) == ("call-1", "c1", "search")
    assert (row.outcome, row.duration_ms, row.invoked_at) == (Outcome.COMPLETED, 250, "2026-05-31T18:26:03.388Z")
    bare = one(spans(span("execute_tool search", status=2, error__type="timeout")), Signal.TRACES)
    assert (bare.outcome, bare.error_type) == (Outcome.FAILED, ErrorType.TIMEOUT)
    assert bare.event_id.startswith("span:") and bare.session_id.startswith("trace:")
    assert read(spans(span("chat gpt-5")), Signal.TRACES).invocations == []


def test_spans_of_claude_code_tell_the_time_without_the_wait() -> None:
    told = {"tool_name": "Bash", "tool_use_id": "t1", "session__id": "s1", "full_command": "pytest"}
    whole = span("claude_code.tool", number=1, ms=90_000, **told)
    ran = span("claude_code.tool.execution", number=2, parent=1, ms=250, success="false", error="ShellError")
    row = one(spans(whole, ran), Signal.TRACES)
    assert (row.skill_name, row.error_type, row.duration_ms) == ("pytest-run", ErrorType.EXIT_CODE, None)
    good = one(spans(whole, span("claude_code.tool.execution", number=2, parent=1, success="true")), Signal.TRACES)
    assert (good.outcome, good.duration_ms) == (Outcome.COMPLETED, 250)
    alone = one(spans(whole), Signal.TRACES)
    assert (alone.outcome, alone.duration_ms) == (None, None)


def test_how_a_call_ended_may_be_told_by_an_earlier_request() -> None:
    told = {"tool_name": "Read", "tool_use_id": "t1", "session__id": "s1"}
    executions = Executions(most=2)

    def later(*told: dict[str, Any]) -> list[Outcome | None]:
        every: Any = decode(json.dumps(spans(*told)).encode(), Signal.TRACES, is_json=True)
        found = read_spans(every, user_of=lambda _: "me", rules=RULES, executions=executions)
        return [row.outcome for row in found.invocations]

    def ran(call: int, success: str) -> dict[str, Any]:
        return span("claude_code.tool.execution", number=call + 100, parent=call, success=success)

    assert later(ran(1, "true"), ran(2, "false")) == []
    calls = [span("claude_code.tool", number=number, **told) for number in (1, 2, 3)]
    # Who got no answer tells them again.
    assert later(*calls) == later(*calls) == [Outcome.COMPLETED, Outcome.FAILED, None]
    assert later(calls[1] | {"traceId": "1" * 32}) == [None], "ids of spans are unique in a trace only"
    later(ran(3, "true"))
    assert later(*calls) == [None, Outcome.FAILED, Outcome.COMPLETED]


@pytest.mark.parametrize(
    ("changes", "told", "row"),
    [
        ({}, {}, ("span:0af7651916cd43dd8448eb211c80319c:0000000000000001", "trace:0af7651916cd43dd8448eb211c80319c")),
        ({"traceId": "", "spanId": ""}, {"gen_ai__tool__call__id": "c", "session__id": "s"}, ("c", "s")),
        ({"traceId": ""}, {"gen_ai__tool__call__id": "c"}, None),
        ({"traceId": ""}, {"session__id": "s"}, None),
        ({"spanId": ""}, {"session__id": "s"}, None),
    ],
)
def test_what_has_no_ids_is_rejected(
    changes: dict[str, Any], told: dict[str, Any], row: tuple[str, str] | None
) -> None:
    found = read(spans(span("execute_tool search", **told) | changes), Signal.TRACES)
    assert [(one.event_id, one.session_id) for one in found.invocations] == ([row] if row else [])
    assert found.reasons == ({} if row else {"span: has no ids.": 1})


# -- both encodings -------------------------------------------------------------------------------


@given(
    told=st.dictionaries(
        st.sampled_from(["tool_name", "tool_use_id", "session.id", "success", "duration_ms", "user.id", "x"]),
        st.text(max_size=8)
        | st.integers(-(2**63), 2**63 - 1)
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False),
    ),
    time=st.integers(0, 2**64 - 1),
)
def test_protobuf_and_json_say_the_same(told: dict[str, Any], time: int) -> None:
    record = {
        "timeUnixNano": str(time), "body": {"stringValue": "claude_code.tool_result"},
        "attributes": [{"key": key, "value": value(one)} for key, one in told.items()],
    }  # fmt: skip
    request = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"logRecords": [record]}]}]}
    message = json_format.ParseDict(request, ExportLogsServiceRequest())
    by_json = decode(json.dumps(request).encode(), Signal.LOGS, is_json=True)
    assert decode(message.SerializeToString(), Signal.LOGS, is_json=False) == by_json


def test_spans_in_protobuf() -> None:
    told = span("execute_tool search", gen_ai__tool__name="search", status=1)
    message = ExportTraceServiceRequest()
    made = message.resource_spans.add().scope_spans.add().spans.add()
    made.trace_id, made.span_id = bytes.fromhex(told["traceId"]), bytes.fromhex(told["spanId"])
    made.name, made.start_time_unix_nano, made.end_time_unix_nano = told["name"], AT_NS - 250_000_000, AT_NS
    made.status.code = 1
    attribute = made.attributes.add()
    attribute.key, attribute.value.string_value = "gen_ai.tool.name", "search"
    by_json = decode(json.dumps(spans(told)).encode(), Signal.TRACES, is_json=True)
    assert decode(message.SerializeToString(), Signal.TRACES, is_json=False) == by_json


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize(
    "data", [b"{", b"[]", b'{"resourceLogs": 5, "resourceSpans": 5, "resourceMetrics": 5}', b"\xff\xfe"]
)
def test_what_is_no_request_is_refused(signal: Signal, data: bytes) -> None:
    with pytest.raises(InvalidInput, match=f"no OTLP request for {signal}"):
        decode(data, signal, is_json=True)


def test_what_is_no_protobuf_is_refused() -> None:
    for signal in Signal:
        with pytest.raises(InvalidInput, match="no OTLP request"):
            decode(b"\xff\xff\xff\xff", signal, is_json=False)


@pytest.mark.parametrize("signal", [Signal.LOGS, Signal.TRACES])
def test_values_of_a_wrong_sort_are_no_fault(signal: Signal) -> None:
    listed = {"key": "x", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}}
    if signal is Signal.LOGS:
        request = logs("claude_code.tool_result", tool_name="mcp_tool", tool_parameters='{"a": {}}', **CLAUDE)
        request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"].insert(0, listed)
    else:
        request = spans(span("execute_tool search", gen_ai__tool__name="search", gen_ai__tool__call__id="c1"))
        request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"].insert(0, listed)
    for wrong in with_wrong_values(request):
        with suppress(InvalidInput):
            read(json.loads(wrong), signal)


def test_a_list_of_nothing_is_none() -> None:
    """In JSON of protobuf nothing may be written as null."""
    request = logs("claude_code.tool_result", tool_name="Read", **CLAUDE)
    attributes = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
    attributes.append({"key": "x", "value": {"arrayValue": {"values": None}}})
    request["resourceLogs"][0]["resource"]["attributes"] = None
    request["resourceLogs"].append({"resource": None, "scopeLogs": None})
    request["resourceLogs"].append({"scopeLogs": [{"logRecords": None}]})
    assert one(request | {"resourceSpans": None}).event_id == "t1"
    without = logs("claude_code.tool_result")
    without["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"] = None
    assert read(without).invocations == []


@given(data=st.binary(max_size=300), signal=st.sampled_from(Signal), is_json=st.booleans())
def test_noise_is_refused_or_read_and_nothing_else(data: bytes, signal: Signal, is_json: bool) -> None:
    try:
        told: Any = decode(data, signal, is_json=is_json)
    except InvalidInput:
        return
    if signal is not Signal.METRICS:
        reader: Callable[..., Read] = read_logs if signal is Signal.LOGS else read_spans
        reader(told, user_of=lambda _: "me", rules=RULES)


def test_a_real_export_without_calls_is_read_whole(shared: Path) -> None:
    (file,) = (shared / "data/otlp").glob("*.json")
    found = decode(file.read_bytes(), Signal.LOGS, is_json=True)
    expected = sum(
        len(scope["logRecords"]) for part in json.loads(file.read_text())["resourceLogs"] for scope in part["scopeLogs"]
    )
    assert len(found) == expected > 3
    read_of_it = read_logs(found, user_of=lambda _: "me", rules=RULES)  # type: ignore[arg-type]
    assert (read_of_it.invocations, read_of_it.rejected) == ([], 0)
