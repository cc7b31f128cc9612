"""A server for one agent, over its standard input and output."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from session_buddy.server.mcp.ground import Ground

__all__ = ["serve_stdio"]

_NO_MESSAGE = "This is no message of JSON-RPC in UTF-8. Send one object a line, without halves of characters."


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
        async with stdio_server() as (incoming, outgoing), _printing_to_stderr(), anyio.create_task_group() as tasks:
            understood, messages = anyio.create_memory_object_stream[Any](0)
            tasks.start_soon(_answer_what_is_no_message, incoming, understood, outgoing)
            await server.run(messages, outgoing, server.create_initialization_options())
            tasks.cancel_scope.cancel()

    anyio.run(run)


async def _answer_what_is_no_message(incoming: Any, understood: Any, outgoing: Any) -> None:
    """Hand on what is a message; the SDK would let the rest fall, and whoever sent it wait for ever."""
    from mcp.shared.message import SessionMessage
    from mcp_types import INVALID_REQUEST, ErrorData, JSONRPCError

    async with understood:
        async for item in incoming:
            if isinstance(item, Exception):
                error = ErrorData(code=INVALID_REQUEST, message=_NO_MESSAGE)
                await outgoing.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=_id_in(item), error=error)))
            else:
                await understood.send(item)


def _id_in(fault: Exception) -> int | str | None:
    """Return the id of the request that *fault* is about, None where not even that can be told."""
    from pydantic import ValidationError

    told = [one.get("input") for one in fault.errors()] if isinstance(fault, ValidationError) else []
    found = next((one for one in map(_read, told) if isinstance(one, dict)), {}).get("id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        return None
    return found if str(found).isprintable() else None


def _read(told: object) -> object:
    if not isinstance(told, str):
        return told
    try:
        return json.loads(told)  # it takes what the SDK does not: half of a pair of surrogates, say
    except (ValueError, RecursionError):
        return None


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
