"""A client of the server, for programs: record, read, follow live.

>>> from session_buddy.client import Client
>>> with Client("http://127.0.0.1:8765", token="sbk_…") as client:  # doctest: +SKIP
...     client.record(invocation)
...     for update in client.live(["skill:pytest-run"]):
...         print(update)

:class:`AsyncClient` is the same for asyncio.
"""

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
