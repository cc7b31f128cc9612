"""What every command needs: which store, what time it is, how to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from session_buddy.storage import Store
    from session_buddy.storage.migrations.base import MigrationManager

__all__ = ["Settings", "settings_of"]

_FOLDER_PATIENCE_SECONDS = 10.0
"""How long to wait for a folder that another process has open: it may be a server, which never lets go of it."""


class Settings:
    """The global options, and what follows from them; carried by the command context."""

    def __init__(self, clock: Callable[[], str] | None = None) -> None:
        self.clock = clock
        self.json = False
        """Whether the command in hand was asked for JSON: errors are told in it too."""
        self._store_url: str | None = None

    @property
    def store_url(self) -> str:
        """The URL given, or the file ``session-buddy.db`` in the user's data folder."""
        given = self._store_url
        return f"sqlite:///{self.data_folder / 'session-buddy.db'}" if given is None else given

    @store_url.setter
    def store_url(self, url: str | None) -> None:
        self._store_url = url

    @property
    def has_own_url(self) -> bool:
        """Whether a store other than the default one was named."""
        return self._store_url is not None

    @property
    def data_folder(self) -> Path:
        """Where this user's data are kept on this platform; it need not exist."""
        from platformdirs import user_data_path

        return user_data_path("session-buddy", appauthor=False)

    @property
    def config_folder(self) -> Path:
        """Where this user's settings are kept on this platform; it need not exist."""
        from platformdirs import user_config_path

        return user_config_path("session-buddy", appauthor=False)

    @property
    def shown_url(self) -> str:
        """The URL of the store without the password: fit to be shown."""
        from session_buddy.storage.locations import shown

        return shown(self.store_url)

    @property
    def store_file(self) -> Path | None:
        """The file that is the store, None where it is none; raises :class:`UnknownStore` for an unknown engine."""
        from session_buddy.storage.locations import file_of

        return file_of(self.store_url)

    def now(self) -> str:
        """Return the present moment in the canonical form."""
        if self.clock:
            return self.clock()
        from datetime import UTC, datetime

        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def open_store(self, url: str | None = None) -> Store:
        """Open the store, or the one at *url*, making it where there is none.

        What hooks and programs told since is read into the store, not into one at *url*.
        """
        from session_buddy.cli.hearing import read_waiting
        from session_buddy.storage import is_clickhouse, open_store

        wanted = url or self.store_url
        if is_clickhouse(wanted):
            store = open_store(wanted, clock=self.clock, patience_seconds=_FOLDER_PATIENCE_SECONDS)
        else:
            store = open_store(wanted, clock=self.clock)
        if url is None:
            read_waiting(store, self)
        return store

    def open_existing(self) -> Store:
        """Open the store to read from; raises :class:`StoreError` where there is none, and makes none.

        It makes one where hooks or programs have told something that is to be in it.
        """
        from session_buddy.cli.hearing import has_waiting

        if not has_waiting(self):
            self.require_store()
        return self.open_store()

    def migrations(self) -> AbstractContextManager[MigrationManager]:
        """Give the migrations of the store, there or not, for the length of a block."""
        from session_buddy.storage.locations import migrations_of

        return migrations_of(self.store_url, patience_seconds=_FOLDER_PATIENCE_SECONDS)

    def has_store(self) -> bool:
        """Tell whether there is a store; makes none."""
        from session_buddy.storage.locations import is_there

        return is_there(self.store_url, patience_seconds=_FOLDER_PATIENCE_SECONDS)

    def require_store(self) -> None:
        """Raise :class:`StoreError` where there is no store."""
        from session_buddy.errors import StoreError

        if not self.has_store():
            raise StoreError(
                f"There is no store at {self.shown_url} yet.",
                remedy="Run 'session-buddy up' to make one, or name another with --store.",
            )


def settings_of(context: typer.Context) -> Settings:
    """Return the settings that *context* carries."""
    settings = context.find_object(Settings)
    assert settings is not None, "main() puts the settings into the context"
    return settings
