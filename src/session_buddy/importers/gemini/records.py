"""What Gemini CLI writes of a session, typed: only what is used, everything else skipped.

Until 0.35 or so a session is one JSON object with all its messages. Later it is JSON lines: metadata first, then
messages, each written again when something of it changes, and changes of the metadata (``$set``).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.moments import from_epoch_ms
from session_buddy.importers.documents import decoded_or_none, document_of

__all__ = [
    "Message",
    "Record",
    "ToolCall",
    "called_at",
    "decode_document",
    "decode_line",
    "messages_of",
    "text_of",
    "tool_calls_of",
]

_ABSENT = msgspec.Raw(b"")


class ToolCall(msgspec.Struct, gc=False):
    """One call of a tool, as far as it has come."""

    id: Any = None
    name: Any = None
    args: Any = None
    result: Any = None
    status: Any = None
    timestamp: Any = None
    displayName: Any = None


class Message(msgspec.Struct, gc=False):
    """One message of a session."""

    id: Any = None
    type: Any = None
    timestamp: Any = None
    toolCalls: msgspec.Raw = _ABSENT
    model: Any = None


class _Metadata(msgspec.Struct, gc=False):
    messages: msgspec.Raw = _ABSENT


class Record(msgspec.Struct, gc=False):
    """A whole session, its metadata, one message, or a change: which, its fields say."""

    sessionId: Any = None
    kind: Any = None
    directories: Any = None
    messages: msgspec.Raw = _ABSENT
    change: msgspec.Raw = msgspec.field(default=_ABSENT, name="$set")
    id: Any = None
    type: Any = None
    timestamp: Any = None
    toolCalls: msgspec.Raw = _ABSENT
    model: Any = None


_RECORDS = msgspec.json.Decoder(Record)
_MESSAGES = msgspec.json.Decoder(Message)
_CALLS = msgspec.json.Decoder(ToolCall)
_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
_CHANGES = msgspec.json.Decoder(_Metadata)
_IN_ID = re.compile(r"[-_](1\d{12})[-_][0-9a-z]+\Z")


def decode_document(data: bytes) -> Record:
    """Return the session in *data*; raises :class:`InvalidInput` for what is none."""
    record = document_of(_RECORDS, data, "session of Gemini CLI")
    if not isinstance(record.sessionId, str):
        raise InvalidInput("document", "is no session of Gemini CLI: it has no sessionId.", remedy="It is left out.")
    return record


def decode_line(data: bytes) -> Record:
    """Return the record in *data*; raises :class:`InvalidInput` for what is no object of JSON."""
    try:
        return _RECORDS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("line", f"is no line of a session ({error}).", remedy="It is kept aside.") from error


def messages_of(record: Record) -> list[Message | None]:
    """Return the messages of *record*, ``None`` for one that cannot be understood."""
    if record.type is not None:
        return [Message(record.id, record.type, record.timestamp, record.toolCalls, record.model)]
    raw = record.messages
    if not bytes(raw) and bytes(record.change):
        change = decoded_or_none(_CHANGES, record.change)
        raw = change.messages if change is not None else _ABSENT
    return [decoded_or_none(_MESSAGES, one) for one in decoded_or_none(_LISTS, raw) or []] if bytes(raw) else []


def tool_calls_of(message: Message) -> list[ToolCall | None]:
    """Return the calls of *message*, ``None`` for one that cannot be understood."""
    if not bytes(message.toolCalls):
        return []
    return [decoded_or_none(_CALLS, one) for one in decoded_or_none(_LISTS, message.toolCalls) or []]


def called_at(event_id: str) -> str | None:
    """Return when a call was made, where Gemini CLI's id of it tells: ``read_file-1768510349284-ca469c48e68a3``."""
    found = _IN_ID.search(event_id)
    if found is None:
        return None
    return from_epoch_ms(int(found[1]))


def text_of(result: Any) -> tuple[str, bool]:
    """Return what the *result* of a call says, and whether it says so as an error."""
    texts: list[str] = []
    is_error = False
    for part in result if isinstance(result, list) else [result]:
        answer = part.get("functionResponse") if isinstance(part, dict) else part
        said = answer.get("response") if isinstance(answer, dict) else answer
        if isinstance(said, dict):
            is_error = is_error or isinstance(said.get("error"), str)
            said = said.get("error", said.get("output"))
        if isinstance(said, str):
            texts.append(said)
    return "\n".join(texts), is_error
