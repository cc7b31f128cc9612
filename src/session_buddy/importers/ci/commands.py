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
    within: str | None = None
    """The ``event_id`` of the command that ran it, if another did."""


def writer_of(path: str, written_at: str | None, commands: Iterable[Command]) -> Command | None:
    """Return the command that wrote the file at *path*, None where that is not certain.

    That is one during which it was *written_at* in its folder, or below. Of several it is the innermost, if they ran
    one another; where some ran side by side, any of them may have written it.
    """
    commands = list(commands)
    during = [
        command
        for command in commands
        if written_at is not None
        and command.started_at <= written_at <= command.ended_at
        and PurePath(path).is_relative_to(command.folder)
    ]
    within = {command.event_id: command.within for command in commands}
    return next((one for one in during if {other.event_id for other in during} <= _line(one.event_id, within)), None)


def _line(event_id: str, within: dict[str, str | None]) -> set[str]:
    """Return *event_id* and the ids of those that it ran within."""
    line: set[str] = set()
    found: str | None = event_id
    while found is not None and found not in line:
        line.add(found)
        found = within.get(found)
    return line
