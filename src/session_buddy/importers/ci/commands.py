"""Commands that were recorded as they ran: a report that was written meanwhile, in their folder, is theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

import msgspec

__all__ = ["Command", "writer_of"]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command, and the invocations that it is: itself, and what it certainly ran."""

    event_id: str
    session_id: str
    uses: dict[str, str]
    """The invocation of each skill; its own is one of them."""
    folder: str
    """Where it ran."""
    started_at: str
    ended_at: str


def writer_of(path: str, written_at: str | None, commands: Iterable[Command]) -> Command | None:
    """Return the command that wrote the file at *path*; of several that ran at that time, the one that began last.

    That is one during which it was *written_at* in its folder, or below.
    """
    during = [
        command
        for command in commands
        if written_at is not None
        and command.started_at <= written_at <= command.ended_at
        and PurePath(path).is_relative_to(command.folder)
    ]
    return max(during, key=lambda command: command.started_at, default=None)
