"""``mcp``."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

import typer

from session_buddy.cli.options import User
from session_buddy.cli.settings import settings_of

if TYPE_CHECKING:
    from session_buddy.server.mcp.ground import Ground

__all__ = ["mcp"]


def mcp(context: typer.Context, user: User = None) -> None:
    """Answer one agent over its standard input and output (MCP).

    Agents start this by themselves: 'claude mcp add session-buddy -- session-buddy mcp'. A running server answers the
    same at /mcp.
    """
    from session_buddy.cli.hearing import read_waiting
    from session_buddy.cli.sources import local_user
    from session_buddy.server.mcp.stdio import serve_stdio

    settings = settings_of(context)
    with ExitStack() as opened:
        opening = Lock()

        @cache
        def opened_ground() -> Ground:
            from session_buddy.server.mcp.ground import ground_of_store

            store = opened.enter_context(settings.open_store())
            return ground_of_store(store, settings.now, local_user(settings, user))

        def ground() -> Ground:
            with opening:
                found = opened_ground()
                read_waiting(found.store, settings)
            return found

        serve_stdio(ground)
