"""The events of a session of Copilot CLI, typed: only what is used, everything else skipped."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["Data", "Event", "decode_event"]


class Data(msgspec.Struct, gc=False):
    """What an event tells; which fields are set depends on its type."""

    sessionId: Any = None
    copilotVersion: Any = None
    context: Any = None
    selectedModel: Any = None
    newModel: Any = None
    model: Any = None
    toolCallId: Any = None
    toolName: Any = None
    arguments: Any = None
    mcpServerName: Any = None
    mcpToolName: Any = None
    parentToolCallId: Any = None
    success: Any = None
    result: Any = None
    error: Any = None
    name: Any = None
    pluginName: Any = None
    permissionRequest: Any = None
    kind: Any = None
    reason: Any = None
    shutdownType: Any = None


class Event(msgspec.Struct, gc=False):
    """One line of ``events.jsonl``."""

    type: Any = None
    id: Any = None
    timestamp: Any = None
    agentId: Any = None
    data: Data | None = None


_EVENTS = msgspec.json.Decoder(Event)


def decode_event(data: bytes) -> Event:
    """Return the event in *data*; raises :class:`InvalidInput` for what is no object of JSON."""
    try:
        return _EVENTS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("line", f"is no event of a session ({error}).", remedy="It is kept aside.") from error
