"""What hooks of agents and programs told: where it waits for which store, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from session_buddy.cli.output import message
from session_buddy.errors import SessionBuddyError
from session_buddy.formats import plural

if TYPE_CHECKING:
    from session_buddy.cli.settings import Settings
    from session_buddy.ingest.hooks import Drained
    from session_buddy.ingest.waiting import Waiting
    from session_buddy.server.hooking import HookIntake
    from session_buddy.storage import Store

__all__ = ["has_waiting", "heard_hooks", "hook_folder", "left_lying", "read_waiting", "told_folder"]

_FOLDER = "hooks"
_OF_PROGRAMS = "told"
_OF_THE_DEFAULT = "default"
"""What the script of the plugin writes to, which knows no URL."""


def hook_folder(settings: Settings) -> Path:
    """Return the folder in which events wait that are meant for the store of *settings*; it need not exist."""
    return settings.data_folder / _FOLDER / _name_of(settings)


def heard_hooks(store: Store, settings: Settings, *, account: str | None) -> HookIntake:
    """Return where a server of *store* keeps what hooks tell it, and how that is read.

    Raises :class:`InvalidInput` for mistakes in the user's rules for shell commands.
    """
    from session_buddy.ingest.waiting import Waiting
    from session_buddy.server.hooking import HookIntake

    spool = Waiting(hook_folder(settings))
    return HookIntake(spool, _drain_of(store, settings, spool, account))


def read_waiting(store: Store, settings: Settings) -> None:
    """Record in *store* what hooks and programs told and nobody has read; where that fails it is said, and still waits.

    Costs a look into two folders where there is nothing.
    """
    if not has_waiting(settings):
        return
    from session_buddy.ingest.waiting import Waiting

    folder = hook_folder(settings)
    try:
        _drain_of(store, settings, Waiting(folder), None)()
    except (SessionBuddyError, OSError) as error:
        message(f"What was told could not be recorded, and waits in {folder.parent.parent}: {error}")


def has_waiting(settings: Settings) -> bool:
    """Tell whether hooks or programs told something that nobody has read; makes nothing."""
    return _has_files(hook_folder(settings)) or _has_files(told_folder(settings))


def told_folder(settings: Settings) -> Path:
    """Return the folder in which uses wait that programs on this machine told, for the store of *settings*."""
    return settings.data_folder / _OF_PROGRAMS / _name_of(settings)


def left_lying(settings: Settings) -> list[str]:
    """Return in words what was told and will not be read here: for another store, or what made no sense."""
    words = []
    default = settings.data_folder / _FOLDER / _OF_THE_DEFAULT
    elsewhere = _files(default, ".json") if settings.has_own_url else 0
    if elsewhere:
        words.append(
            f"{plural(elsewhere, 'event')} of hooks in {default} for the default store: the plugin knows no other."
            " For this one: session-buddy install claude-code"
        )
    for folder in (hook_folder(settings), told_folder(settings)):
        rejected = _files(folder, ".rejected")
        if rejected:
            words.append(
                f"{plural(rejected, 'file')} in {folder} could not be understood, and can be deleted: *.rejected"
            )
    return words


def _has_files(folder: Path) -> bool:
    return _files(folder, ".json", most=1) > 0


def _files(folder: Path, ending: str, most: int | None = None) -> int:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        return sum(1 for _ in islice((entry for entry in entries if entry.name.endswith(ending)), most))
    return 0


def _name_of(settings: Settings) -> str:
    """Return what the folders of the store of *settings* are called."""
    if not settings.has_own_url:
        return _OF_THE_DEFAULT
    from session_buddy.storage.locations import digest_of

    return digest_of(settings.store_url)


def _drain_of(store: Store, settings: Settings, spool: Waiting, account: str | None) -> Callable[[], Drained]:
    from session_buddy.cli.sources import local_user, shell_rules
    from session_buddy.ingest.hooks import drain_hooks
    from session_buddy.ingest.told import deliver
    from session_buddy.ingest.waiting import Waiting

    user_id = local_user(settings, account)
    rules = shell_rules(settings)
    told = Waiting(told_folder(settings))

    def drain() -> Drained:
        deliver(told, store.record)
        return drain_hooks(store, spool, user_id=user_id, rules=rules)

    return drain
