"""``mcp`` and ``lsp``."""

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

__all__ = ["lsp", "mcp"]

_ASK_THE_SERVER = (
    "If that is a running server, ask it instead: give the agent its address with /mcp, as in"
    " 'claude mcp add --transport http session-buddy http://127.0.0.1:8765/mcp'. Else end that process."
)


def mcp(context: typer.Context, user: User = None) -> None:
    """Answer one agent over its standard input and output (MCP).

    Agents start this by themselves: 'claude mcp add session-buddy -- session-buddy mcp'. A running server answers the
    same at /mcp.
    """
    from session_buddy.server.mcp.stdio import serve_stdio

    settings = settings_of(context)
    with ExitStack() as opened:
        opening = Lock()

        @cache
        def opened_ground() -> Ground:
            from session_buddy.cli.sources import local_user
            from session_buddy.errors import StoreBusy
            from session_buddy.server.mcp.ground import ground_of_store

            try:
                store = opened.enter_context(settings.open_store())
            except StoreBusy as error:
                raise StoreBusy(error.problem, remedy=_ASK_THE_SERVER) from error
            return ground_of_store(store, settings.now, local_user(settings, user))

        def ground() -> Ground:
            from session_buddy.cli.hearing import read_waiting

            with opening:
                found = opened_ground()
                read_waiting(found.store, settings)
            return found

        serve_stdio(ground)


def lsp(context: typer.Context) -> None:
    """Answer one editor over its standard input and output (LSP).

    Editors start this by themselves: what is known of skills stands beside SKILL.md, AGENTS.md and CLAUDE.md then.
    Needs the extra 'lsp'.
    """
    from importlib.util import find_spec

    from session_buddy.cli.hearing import read_waiting
    from session_buddy.errors import MissingExtra

    if find_spec("pygls") is None:
        raise MissingExtra("The language server", extra="lsp")
    from session_buddy.integrations.lsp.knowledge import Knowledge
    from session_buddy.integrations.lsp.server import language_server

    settings = settings_of(context)
    with ExitStack() as opened:
        opening = Lock()

        @cache
        def opened_knowledge() -> Knowledge:
            return Knowledge(opened.enter_context(settings.open_store()), settings.now)

        def knowledge() -> Knowledge:
            with opening:
                found = opened_knowledge()
                read_waiting(found.store, settings)
            return found

        language_server(knowledge).start_io()
