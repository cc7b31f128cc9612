"""The events that hooks tell of, typed: only what is used, everything else skipped.

Claude Code writes ``hook_event_name: PreToolUse``; agents that took over its hooks write ``hookEventName:
pre_tool_use`` (Grok). Both become one form here.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.claude_code.lines import text_of

__all__ = ["HookEvent", "decode_event", "told_by"]

_ABSENT = msgspec.Raw(b"")
_POSITION = re.compile(r" \((?:byte|char) \d+\)")


class HookEvent(msgspec.Struct, gc=False):
    """One event; which fields are set depends on ``hook_event_name``."""

    hook_event_name: str
    session_id: str
    cwd: Any = None
    prompt_id: Any = None
    """The prompt that is worked on; versions before 2.1.196 do not say."""
    agent_id: Any = None
    """The subagent it happened in; absent for the main agent."""
    model: Any = None
    prompt: msgspec.Raw = _ABSENT
    command_name: Any = None
    tool_name: Any = None
    tool_use_id: Any = None
    """Absent in versions of 2025."""
    tool_input: msgspec.Raw = _ABSENT
    tool_response: msgspec.Raw = _ABSENT
    duration_ms: Any = None
    error: msgspec.Raw = _ABSENT
    is_interrupt: Any = None
    reason: msgspec.Raw = _ABSENT
    timestamp: Any = None
    """Only some agents say when; else it is when the event was received."""


class _Camel(msgspec.Struct, gc=False, rename="camel"):
    """The same, as Grok spells it."""

    hook_event_name: str
    session_id: str
    cwd: Any = None
    prompt_id: Any = None
    prompt: msgspec.Raw = _ABSENT
    tool_name: Any = None
    tool_use_id: Any = None
    tool_input: msgspec.Raw = _ABSENT
    duration_ms: Any = None
    timestamp: Any = None


_EVENT = msgspec.json.Decoder(HookEvent)
_CAMEL = msgspec.json.Decoder(_Camel)


def decode_event(data: bytes) -> HookEvent:
    """Return the event that *data* holds.

    Raises :class:`InvalidInput`, with the reason, for what is no whole JSON object of a hook.
    """
    try:
        event = _decoded(data)
    except UnicodeDecodeError:
        reason = "is not UTF-8."
    except RecursionError:
        reason = "is too deeply nested."
    except msgspec.DecodeError as error:
        reason = f"is no event of a hook: {_POSITION.sub('', str(error))}."
    else:
        if event.session_id.strip() and event.hook_event_name.strip():
            return event
        reason = "is no event of a hook: session_id and hook_event_name must not be empty."
    raise InvalidInput("event", reason, remedy="Send what the agent gives its hooks, unchanged.")


def told_by(event: HookEvent) -> str:
    """Return what the prompt of *event* says, '' where it has none."""
    return text_of(event.prompt)


def _decoded(data: bytes) -> HookEvent:
    data.decode()  # what the decoder skips it does not check
    try:
        return _EVENT.decode(data)
    except msgspec.ValidationError:
        if b'"hookEventName"' not in data:
            raise
    other = _CAMEL.decode(data)
    return HookEvent(**{field: getattr(other, field) for field in _Camel.__struct_fields__} | {
        "hook_event_name": "".join(word.title() for word in other.hook_event_name.split("_"))
    })  # fmt: skip
