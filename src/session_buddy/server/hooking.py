"""Hooks of agents, heard as they call: kept at once, read right after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from session_buddy.ingest.waiting import Waiting
from session_buddy.server.threads import Lane
from session_buddy.server.troubles import Troubles

__all__ = ["HookIntake", "HookReader"]

_POLL_SECONDS = 0.25
"""Scripts that agents run write to the folder as well, and tell nobody."""
_GATHER_SECONDS = 0.1
"""What is told within it is read at once."""
_END_SECONDS = 2.0
_READING = "Reading what hooks told"


class HookIntake:
    """Where events of hooks wait, and how they are read; given by whoever knows agents.

    *drain* records what waits. It may raise whatever that raises; then it is called again.
    """

    def __init__(self, spool: Waiting, drain: Callable[[], object]) -> None:
        self.spool, self.drain = spool, drain
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Say that something was put into the spool; to be called on the event loop."""
        self._told.set()

    async def told(self) -> None:
        """Return soon after something was put into the spool, or after a moment: scripts tell nobody."""
        try:
            await asyncio.wait_for(self._told.wait(), _POLL_SECONDS)
        except TimeoutError:
            return
        await asyncio.sleep(_GATHER_SECONDS)
        self._told.clear()


class HookReader:
    """Reads what waits in *intake*; run it as long as the server runs."""

    def __init__(self, intake: HookIntake, troubles: Troubles) -> None:
        self._intake, self._troubles = intake, troubles
        self._lane = Lane("hooks", threads=1, waiting=1)

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            while True:
                try:
                    await self._lane.run(self._intake.drain)
                except Exception as error:
                    self._troubles.note(_READING, error)
                else:
                    self._troubles.forget(_READING)
                await self._intake.told()
        finally:
            await self._lane.end(_END_SECONDS)
