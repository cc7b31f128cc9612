"""The events of OpenHands, typed: of versions before 1 (``action``, ``observation``) and since (``kind``)."""

from __future__ import annotations

from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.documents import decoded_or_none, document_of

__all__ = ["Event", "events_of"]

_ABSENT = msgspec.Raw(b"")


class Event(msgspec.Struct, gc=False):
    """One event; which fields are set depends on the version and on what it tells."""

    id: Any = None
    timestamp: Any = None
    source: Any = None
    # before version 1
    action: Any = None
    observation: Any = None
    cause: Any = None
    args: Any = None
    extras: Any = None
    content: Any = None
    tool_call_metadata: Any = None
    # since version 1
    kind: Any = None
    tool_name: Any = None
    tool_call_id: Any = None
    action_id: Any = None
    error: Any = None
    rejection_source: Any = None


class _Wrapped(msgspec.Struct, gc=False):
    trajectory: msgspec.Raw = _ABSENT
    history: msgspec.Raw = _ABSENT


_EVENTS = msgspec.json.Decoder(Event)
_LISTS = msgspec.json.Decoder(list[msgspec.Raw])
_WRAPPED = msgspec.json.Decoder(_Wrapped)


def events_of(data: bytes) -> list[Event | None]:
    """Return the events of the document *data*, ``None`` for one that makes no sense.

    A document is one event, a list of them, or an object that holds such a list.
    Raises :class:`InvalidInput` for anything else.
    """
    begins = data.lstrip()[:1]
    if begins == b"[":
        raws = document_of(_LISTS, data, "trajectory of OpenHands")
    else:
        wrapped = document_of(_WRAPPED, data, "event or trajectory of OpenHands")
        raw = wrapped.trajectory if bytes(wrapped.trajectory) else wrapped.history
        if not bytes(raw):
            return [document_of(_EVENTS, data, "event of OpenHands")]
        found = decoded_or_none(_LISTS, raw)
        if found is None:
            raise InvalidInput("document", "is no trajectory of OpenHands.", remedy="It is left out.")
        raws = found
    return [decoded_or_none(_EVENTS, one) for one in raws]
