"""The lines of a Codex rollout, typed: only what is used, everything else skipped.

Fields of which nothing depends on the type are ``Any``: a rollout of a later version that puts something else there
must not cost us the line.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["Payload", "RolloutLine", "decode_line", "fields_of", "text_of"]

_ABSENT = msgspec.Raw(b"")


class Payload(msgspec.Struct, gc=False):
    """What a line tells; which fields are set depends on its type and the line's."""

    type: Any = None
    call_id: Any = None
    id: Any = None
    name: Any = None
    namespace: Any = None
    arguments: Any = None
    input: Any = None
    output: msgspec.Raw = _ABSENT
    status: Any = None
    action: msgspec.Raw = _ABSENT
    role: Any = None
    content: msgspec.Raw = _ABSENT
    session_id: Any = None
    cwd: Any = None
    cli_version: Any = None
    source: Any = None
    turn_id: Any = None
    model: Any = None
    exit_code: Any = None
    duration: Any = None
    success: Any = None
    reason: Any = None
    changes: msgspec.Raw = _ABSENT
    invocation: msgspec.Raw = _ABSENT
    result: msgspec.Raw = _ABSENT


class RolloutLine(msgspec.Struct, gc=False):
    """One line of a rollout."""

    type: str = ""
    timestamp: str | None = None
    payload: Payload | None = None


_LINES = msgspec.json.Decoder(RolloutLine)


def decode_line(data: bytes) -> RolloutLine:
    """Return the line in *data*; raises :class:`InvalidInput` for what is no object of JSON."""
    try:
        return _LINES.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("line", f"is no line of a rollout ({error}).", remedy="It is kept aside.") from error


def fields_of(text: Any) -> dict[str, Any]:
    """Return the object that *text*, JSON or an object already, holds; an empty one where it holds none."""
    if isinstance(text, msgspec.Raw | bytes):
        text = bytes(text).decode("utf-8", "replace")
    if isinstance(text, str):
        try:
            text = json.loads(text) if text else None
        except (ValueError, RecursionError):
            return {}
    return text if isinstance(text, dict) else {}


def text_of(raw: msgspec.Raw) -> str:
    """Return the text of an output or a content: a string, or the texts of a list of blocks, line by line."""
    try:
        found = msgspec.json.decode(raw) if bytes(raw) else ""
    except (msgspec.DecodeError, RecursionError):
        return ""
    if isinstance(found, list):
        texts = (block.get("text") for block in found if isinstance(block, dict))
        return "\n".join(text for text in texts if isinstance(text, str))
    if isinstance(found, dict):
        found = found.get("content", found.get("output"))
    return found if isinstance(found, str) else ""
