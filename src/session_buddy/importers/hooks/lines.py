"""From events of hooks to lines of a transcript: the same call, told sooner.

What a transcript says of a call after the fact, hooks say while it happens. So there is one reading of both, with one
set of names and verdicts, and a call that is seen both ways is one invocation.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.importers.claude_code.lines import Block, Line, Message, ToolResult, decoded_or_none, text_of
from session_buddy.importers.hooks.events import HookEvent, told_by

__all__ = ["call_line", "line_of"]

_DENIED = "denied"
_COMMAND = re.compile(r"[^<>\n]{1,200}")
_RESULT = msgspec.json.Decoder(ToolResult)


class _Printed(msgspec.Struct, gc=False):
    """What a shell printed."""

    stdout: Any = None
    stderr: Any = None


_PRINTED = msgspec.json.Decoder(_Printed)


def line_of(event: HookEvent, call_id: str | None, at: str, model: str | None) -> Line | None:
    """Return the line of a transcript that says what *event*, received *at*, says; None for an event of no use.

    *call_id* is the id of the call that it tells of.
    """
    match event.hook_event_name:
        case "UserPromptSubmit":
            return _line(event, at, "user", Message(content=told_by(event) or "-"))
        case "UserPromptExpansion":
            return _typed(event, at)
        case "PreToolUse":
            return call_line(event, call_id, at, model)
        case "PostToolUse":
            return _result(event, call_id, at)
        case "PostToolUseFailure":
            return _failure(event, call_id, at)
        case "PermissionDenied":
            return _denial(event, call_id, at)
        case "Stop" | "SubagentStop":
            return _line(event, at, "assistant", Message(content=[], stop_reason="end_turn"))
        case "StopFailure":
            line = _line(event, at, "assistant", Message(content=[]))
            line.isApiErrorMessage = True
            return line
    return None


def call_line(event: HookEvent, call_id: str | None, at: str, model: str | None) -> Line:
    """Return the line that makes the call."""
    name = event.tool_name if isinstance(event.tool_name, str) else None
    block = Block(type="tool_use", id=call_id, name=name, input=event.tool_input)
    return _line(event, at, "assistant", Message(content=[block], model=model))


def _typed(event: HookEvent, at: str) -> Line | None:
    name = event.command_name
    if not isinstance(name, str) or not _COMMAND.fullmatch(name.strip()):
        return None
    name = name.strip().removeprefix("/")
    text = f"<command-message>{name}</command-message>\n<command-name>/{name}</command-name>"
    return _line(event, at, "user", Message(content=text))


def _result(event: HookEvent, call_id: str | None, at: str) -> Line:
    printed = decoded_or_none(_PRINTED, event.tool_response) or _Printed()
    parts = [part for part in (printed.stdout, printed.stderr) if isinstance(part, str) and part]
    line = _ended(event, call_id, at, "\n".join(parts), is_error=None)
    line.toolUseResult = decoded_or_none(_RESULT, event.tool_response)
    return line


def _failure(event: HookEvent, call_id: str | None, at: str) -> Line:
    line = _ended(event, call_id, at, text_of(event.error), is_error=True)
    line.toolUseResult = ToolResult(interrupted=event.is_interrupt is True)
    return line


def _denial(event: HookEvent, call_id: str | None, at: str) -> Line:
    line = _ended(event, call_id, at, text_of(event.reason), is_error=True)
    line.toolDenialKind = _DENIED
    return line


def _ended(event: HookEvent, call_id: str | None, at: str, text: str, *, is_error: bool | None) -> Line:
    block = Block(
        type="tool_result", tool_use_id=call_id, is_error=is_error, content=msgspec.Raw(msgspec.json.encode(text))
    )
    line = _line(event, at, "user", Message(content=[block]))
    line.durationMs = event.duration_ms
    return line


def _line(event: HookEvent, at: str, kind: str, message: Message) -> Line:
    agent = event.agent_id if isinstance(event.agent_id, str) and event.agent_id else None
    return Line(
        type=kind,
        uuid=f"{event.session_id}:{at}",
        isSidechain=agent is not None,
        agentId=agent,
        sessionId=event.session_id,
        timestamp=at,
        cwd=event.cwd if isinstance(event.cwd, str) else None,
        promptId=event.prompt_id if isinstance(event.prompt_id, str) and event.prompt_id else None,
        message=message,
    )
