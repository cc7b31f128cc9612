"""What a server does again and again: one thing at a time, in a thread, whatever comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from session_buddy.server.threads import Lane
from session_buddy.server.troubles import Troubles

__all__ = ["Chore", "do_chores"]

_END_SECONDS = 2.0


class Chore(NamedTuple):
    """Something to do every so often."""

    work: str
    """What it is, to begin a sentence with: ``Refreshing the figures``."""
    seconds: float
    """From the end of one time to the start of the next."""
    action: Callable[[], object]
    """Blocks while it works."""
    first_seconds: float | None = None
    """When the first time comes; ``None``: after as long as between two."""


async def do_chores(chores: Sequence[Chore], troubles: Troubles) -> None:
    """Do *chores* until cancelled; one that fails is told in *troubles*, and done again when its time comes."""
    lane = Lane("chores", threads=1, waiting=len(chores))
    try:
        async with asyncio.TaskGroup() as group:
            for chore in chores:
                group.create_task(_repeat(chore, lane, troubles))
    finally:
        await lane.end(_END_SECONDS)


async def _repeat(chore: Chore, lane: Lane, troubles: Troubles) -> None:
    pause = chore.seconds if chore.first_seconds is None else chore.first_seconds
    while True:
        await asyncio.sleep(pause)
        pause = chore.seconds
        try:
            await lane.run(chore.action)
        except Exception as error:
            troubles.note(chore.work, error)
        else:
            troubles.forget(chore.work)
