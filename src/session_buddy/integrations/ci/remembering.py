"""The commands that 'ci run' ran lately on this machine, for reports of theirs that are imported later."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import msgspec

from session_buddy.importers.ci.commands import Command

__all__ = ["recent_commands", "remember_command"]

_FOLDER = "ci-commands"
_KEPT_SECONDS = 2 * 86_400
_COMMAND = msgspec.json.Decoder(Command)


def remember_command(data_folder: Path, command: Command) -> None:
    """Keep *command* for two days, one file each, since several may end at once. Raises :class:`OSError`."""
    folder = data_folder / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{command.event_id.rpartition(':')[2]}.json"
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(command))
    draft.replace(path)
    for old in folder.iterdir():
        with suppress(FileNotFoundError):  # somebody else did it
            if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                old.unlink()


def recent_commands(data_folder: Path) -> list[Command]:
    """Return those that are kept; what is damaged is none."""
    found = []
    for path in (data_folder / _FOLDER).glob("*.json"):
        with suppress(FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
            found.append(_COMMAND.decode(path.read_bytes()))
    return found
