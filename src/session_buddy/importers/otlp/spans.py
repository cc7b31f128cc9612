"""Spans to invocations: those of Claude Code, and those that follow the conventions for generative AI.

The conventions call the span of a tool ``execute_tool NAME`` and give ``gen_ai.tool.name``, ``gen_ai.tool.call.id`` and
``gen_ai.conversation.id``; an error has ``error.type``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.otlp.logs import tool_called, words_of_command
from session_buddy.importers.otlp.messages import Attributes, Span
from session_buddy.importers.otlp.records import Ended, Read, Telling, moment, sort_of_error, truth, words
from session_buddy.importers.shell import ShellRules
from session_buddy.model import Kind, Outcome

__all__ = ["Executions", "read_spans"]

_TOOL, _EXECUTION = "claude_code.tool", "claude_code.tool.execution"
_LAUNCHERS = frozenset({"Skill", "Agent", "Task"})


class _Execution(msgspec.Struct, frozen=True):
    """How a call of Claude Code ended and how long it took, which is in a span of its own with no wait in it."""

    succeeded: bool | None
    error: str | None
    end_ns: int
    lasted_ms: int | None


class Executions:
    """The executions told of last, by the span of their call: they end, and may be exported, before it.

    Any thread may use it.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most, self._lock = most, Lock()
        self._known: dict[tuple[str, str], _Execution] = {}

    def add(self, span: Span) -> None:
        """Remember what *span* tells; what was told longest ago makes room."""
        told = _Execution(
            truth(span.attributes.get("success")), words(span.attributes.get("error")), span.end_ns, _lasted(span)
        )
        with self._lock:
            self._known[span.trace_id, span.parent_id] = told
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def of(self, call: Span) -> _Execution | None:
        """Return what was told of the execution of *call*. It is kept: who had no answer tells the call again."""
        return self._known.get((call.trace_id, call.span_id))


def read_spans(
    spans: Iterable[Span],
    *,
    user_of: Callable[[str | None], str],
    rules: ShellRules,
    executions: Executions | None = None,
) -> Read:
    """Return the calls that *spans* tell of; what tells of other things is passed over.

    *user_of* returns the user id for what a span calls its user. *executions* are those of earlier requests; those of
    *spans* are added.
    """
    read = Read()
    every = list(spans)
    known = executions or Executions(len(every))
    for span in every:
        if span.name == _EXECUTION:
            known.add(span)
    for span in every:
        told = span.resource | span.attributes
        try:
            if span.name == _TOOL:
                telling = _of_claude(span, told, known.of(span))
            elif told.get("gen_ai.operation.name") == "execute_tool" or span.name.startswith("execute_tool "):
                telling = _of_conventions(span, told)
            else:
                continue
            read.invocations.append(telling.invocation(user_id=user_of(words(told.get("user.id"))), rules=rules))
        except InvalidInput as error:
            read.reject(error.problem)
    return read


def _of_claude(span: Span, told: Attributes, execution: _Execution | None) -> Telling:
    tool = _needed(told, "tool_name")
    name, kind, plugin, command = tool_called(tool, told)
    ended = Ended(outcome=None)
    lasted = None
    if execution is not None and execution.succeeded is False:
        sort = sort_of_error(execution.error, of_shell=command is not None)
        ended = Ended(outcome=Outcome.FAILED, error_type=sort)
    elif execution is not None and execution.succeeded and tool not in _LAUNCHERS:
        ended = Ended(outcome=Outcome.COMPLETED)
        lasted = execution.lasted_ms
    return Telling(
        event_id=words(told.get("tool_use_id")) or _needed(told, "gen_ai.tool.call.id"),
        session_id=_needed(told, "session.id"),
        name=name,
        kind=kind,
        ended_at=moment(execution.end_ns if execution else span.end_ns),
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
    call_id = words(told.get("gen_ai.tool.call.id"))
    session_id = words(told.get("gen_ai.conversation.id")) or words(told.get("session.id"))
    if (not span.trace_id and session_id is None) or not (call_id or (span.trace_id and span.span_id)):
        raise InvalidInput("span", "has no ids.", remedy="Nothing to do: the rest is taken.")
    server = words(told.get("mcp.server.name"))
    return Telling(
        event_id=call_id or f"span:{span.trace_id}:{span.span_id}",
        session_id=session_id or f"trace:{span.trace_id}",
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
