"""Spans to invocations: those of Claude Code, and those that follow the conventions for generative AI.

The conventions call the span of a tool ``execute_tool NAME`` and give ``gen_ai.tool.name``, ``gen_ai.tool.call.id`` and
``gen_ai.conversation.id``; an error has ``error.type``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from session_buddy.errors import InvalidInput
from session_buddy.importers.otlp.logs import tool_called, words_of_command
from session_buddy.importers.otlp.messages import Attributes, Span
from session_buddy.importers.otlp.records import Ended, Read, Telling, moment, sort_of_error, truth, words
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Kind, Outcome

__all__ = ["read_spans"]

_TOOL, _EXECUTION = "claude_code.tool", "claude_code.tool.execution"
_LAUNCHERS = frozenset({"Skill", "Agent", "Task"})


def read_spans(spans: Iterable[Span], *, user_of: Callable[[str | None], str], rules: ShellRules) -> Read:
    """Return the calls that *spans* tell of; what tells of other things is passed over.

    *user_of* returns the user id for what a span calls its user.
    """
    read = Read()
    every = list(spans)
    executions = {span.parent_id: span for span in every if span.name == _EXECUTION}
    for span in every:
        told = span.resource | span.attributes
        try:
            if span.name == _TOOL:
                telling = _of_claude(span, told, executions.get(span.span_id))
            elif told.get("gen_ai.operation.name") == "execute_tool" or span.name.startswith("execute_tool "):
                telling = _of_conventions(span, told)
            else:
                continue
            read.invocations.append(telling.invocation(user_id=user_of(words(told.get("user.id"))), rules=rules))
        except InvalidInput as error:
            read.reject(error.problem)
    return read


def _of_claude(span: Span, told: Attributes, execution: Span | None) -> Telling:
    """Return the call; how it ended and how long it took is in a span of its own, which has no wait in it."""
    tool = _needed(told, "tool_name")
    name, kind, plugin, command = tool_called(tool, told)
    ended = Ended(outcome=None)
    lasted = None
    if execution is not None:
        succeeded = truth(execution.attributes.get("success"))
        if succeeded is False:
            sort = sort_of_error(execution.attributes.get("error"), of_shell=command is not None)
            ended = Ended(outcome=Outcome.FAILED, error_type=sort)
        elif succeeded and tool not in _LAUNCHERS:
            ended = Ended(outcome=Outcome.COMPLETED)
            lasted = _lasted(execution)
    return Telling(
        event_id=words(told.get("tool_use_id")) or _needed(told, "gen_ai.tool.call.id"),
        session_id=_needed(told, "session.id"),
        name=name,
        kind=kind,
        ended_at=moment((execution or span).end_ns),
        ended=ended,
        duration_ms=lasted,
        plugin=plugin,
        command=command,
        agent_version=words(told.get("app.version")) or words(told.get("service.version")),
    )


def _of_conventions(span: Span, told: Attributes) -> Telling:
    tool = words(told.get("gen_ai.tool.name")) or span.name.removeprefix("execute_tool ").strip()
    if not tool:
        raise InvalidInput("gen_ai.tool.name", "is missing.", remedy="Nothing to do: the rest is taken.")
    error = told.get("error.type")
    failed = span.failed or (error is not None and span.failed is None)
    if failed:
        ended = Ended(outcome=Outcome.FAILED, error_type=sort_of_error(error, of_shell=False))
    else:
        ended = Ended(outcome=Outcome.COMPLETED)
    server = words(told.get("mcp.server.name"))
    return Telling(
        event_id=words(told.get("gen_ai.tool.call.id")) or f"span:{span.trace_id}:{span.span_id}",
        session_id=words(told.get("gen_ai.conversation.id"))
        or words(told.get("session.id"))
        or f"trace:{span.trace_id}",
        name=f"mcp__{server}__{tool}" if server and not tool.startswith("mcp__") else tool,
        kind=Kind.MCP if server or tool.startswith("mcp__") else Kind.TOOL,
        ended_at=moment(span.end_ns),
        ended=ended,
        duration_ms=_lasted(span),
        command=words_of_command(told.get("process.command_line")),
        agent_version=words(told.get("service.version")),
        model=words(told.get("gen_ai.request.model")),
    )


def _lasted(span: Span) -> int | None:
    took = (span.end_ns - span.start_ns) // 1_000_000
    return took if span.start_ns > 0 and 0 <= took < 10**12 else None


def _needed(told: Attributes, name: str) -> str:
    found = words(told.get(name))
    if found is None:
        raise InvalidInput(name, "is missing.", remedy="Nothing to do: the rest is taken.")
    return found
