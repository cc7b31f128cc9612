"""Names in paths: a slash that was written ``%2F`` is part of a name and does not part the path."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["KeepSlashesOfNames"]

_WITH_NAMES = ("/api/v1/skills/", "/api/v1/sessions/", "/api/v1/experiments/")
_KEPT = re.compile(rb"%2f|%25", re.IGNORECASE)


class KeepSlashesOfNames:
    """Leaves ``%2F`` and ``%25`` in paths with names as they are: their routes decode names again.

    A server hands on a path that is decoded already, in which the slash of ``/clear`` looks like any other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        raw = scope.get("raw_path")
        if raw and scope["type"] == "http" and scope["path"].startswith(_WITH_NAMES):
            scope = dict(scope, path=_decoded(raw.partition(b"?")[0]))
        await self._app(scope, receive, send)


def _decoded(raw: bytes) -> str:
    """Return *raw* decoded, ``%2F`` and ``%25`` apart, and with any bytes that are no UTF-8 still encoded."""
    parts = _KEPT.split(raw)
    kept = _KEPT.findall(raw)
    decoded = [unquote_to_bytes(part) for part in parts]
    whole = b"".join(one + mark for one, mark in zip(decoded, [*kept, b""], strict=True))
    try:
        return whole.decode()
    except UnicodeDecodeError:
        return quote_from_bytes(whole, safe="/%")
