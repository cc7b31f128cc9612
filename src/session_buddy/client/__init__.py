"""A client of the server, for programs: record, read, follow live.

>>> from session_buddy.client import Client
>>> with Client("http://127.0.0.1:8765", token="sbk_…") as client:  # doctest: +SKIP
...     client.record(invocation)
...     for update in client.live(["skill:pytest-run"]):
...         print(update)

:class:`AsyncClient` is the same for asyncio. The names below are loaded when they are first used: whoever only tells of
uses, with :func:`session_buddy.track`, needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_buddy.client.asynchronous import AsyncClient
    from session_buddy.client.calls import Recording
    from session_buddy.client.errors import ServerAway, ServerRefused
    from session_buddy.client.listening import Update
    from session_buddy.client.sync import Client
    from session_buddy.feed.messages import Delta, Position, Recovered, Snapshot

__all__ = [
    "AsyncClient",
    "Client",
    "Delta",
    "Position",
    "Recording",
    "Recovered",
    "ServerAway",
    "ServerRefused",
    "Snapshot",
    "Update",
]

_HOMES = {
    "AsyncClient": "session_buddy.client.asynchronous",
    "Client": "session_buddy.client.sync",
    "Delta": "session_buddy.feed.messages",
    "Position": "session_buddy.feed.messages",
    "Recording": "session_buddy.client.calls",
    "Recovered": "session_buddy.feed.messages",
    "ServerAway": "session_buddy.client.errors",
    "ServerRefused": "session_buddy.client.errors",
    "Snapshot": "session_buddy.feed.messages",
    "Update": "session_buddy.client.listening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
