"""A server for one agent, over its standard input and output."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from session_buddy.server.mcp.ground import Ground

__all__ = ["serve_stdio"]


def serve_stdio(ground: Callable[[], Ground]) -> None:
    """Answer one agent until it closes our input; nothing but the protocol is written to our output.

    *ground* is asked for at the first call, so that an agent need not wait for a store that it may never ask.
    """
    # What the SDK makes while it is loaded stays: looking for garbage among it takes a third of the time.
    with _uncollected():
        import anyio
        from mcp.server.stdio import stdio_server

        from session_buddy.server.mcp.protocol import mcp_server

    async def run() -> None:
        server = mcp_server(ground)
        # What anything prints meanwhile is kept by Python, and would come out at our end: among nobody's messages.
        async with stdio_server() as (incoming, outgoing), _printing_to_stderr():
            await server.run(incoming, outgoing, server.create_initialization_options())

    anyio.run(run)


@contextmanager
def _uncollected() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@asynccontextmanager
async def _printing_to_stderr() -> AsyncIterator[None]:
    with redirect_stdout(sys.stderr):
        yield
