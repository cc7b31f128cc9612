"""What hooks of agents told: where it waits for which store, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from session_buddy.cli.output import message
from session_buddy.errors import SessionBuddyError

if TYPE_CHECKING:
    from session_buddy.cli.settings import Settings
    from session_buddy.ingest.hooks import Drained, HookSpool
    from session_buddy.server.hooking import HookIntake
    from session_buddy.storage import Store

__all__ = ["has_waiting_hooks", "heard_hooks", "hook_folder", "read_waiting_hooks"]

_FOLDER = "hooks"
_OF_THE_DEFAULT = "default"
"""What the script of the plugin writes to, which knows no URL."""


def hook_folder(settings: Settings) -> Path:
    """Return the folder in which events wait that are meant for the store of *settings*; it need not exist."""
    if not settings.has_own_url:
        return settings.data_folder / _FOLDER / _OF_THE_DEFAULT
    from session_buddy.storage.locations import digest_of

    return settings.data_folder / _FOLDER / digest_of(settings.store_url)


def heard_hooks(store: Store, settings: Settings, *, account: str | None) -> HookIntake:
    """Return where a server of *store* keeps what hooks tell it, and how that is read.

    Raises :class:`InvalidInput` for mistakes in the user's rules for shell commands.
    """
    from session_buddy.ingest.hooks import HookSpool
    from session_buddy.server.hooking import HookIntake

    spool = HookSpool(hook_folder(settings))
    return HookIntake(spool, _drain_of(store, settings, spool, account))


def read_waiting_hooks(store: Store, settings: Settings) -> None:
    """Record in *store* what hooks told and nobody has read; where that fails it is said, and still waits.

    Costs a look into a folder where there is nothing.
    """
    if not has_waiting_hooks(settings):
        return
    from session_buddy.ingest.hooks import HookSpool

    folder = hook_folder(settings)
    try:
        _drain_of(store, settings, HookSpool(folder), None)()
    except (SessionBuddyError, OSError) as error:
        message(f"What hooks told could not be recorded, and waits in {folder}: {error}")


def has_waiting_hooks(settings: Settings) -> bool:
    """Tell whether hooks told something that nobody has read; makes nothing."""
    with suppress(FileNotFoundError), os.scandir(hook_folder(settings)) as entries:
        return any(entry.name.endswith(".json") for entry in entries)
    return False


def _drain_of(store: Store, settings: Settings, spool: HookSpool, account: str | None) -> Callable[[], Drained]:
    from session_buddy.cli.sources import local_user, shell_rules
    from session_buddy.ingest.hooks import drain_hooks

    user_id = local_user(settings, account)
    rules = shell_rules(settings)
    return lambda: drain_hooks(store, spool, user_id=user_id, rules=rules)
