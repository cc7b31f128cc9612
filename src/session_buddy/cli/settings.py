"""What every command needs: which store, what time it is, how to answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from session_buddy.storage import Store

__all__ = ["Settings", "settings_of"]


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
    def store_file(self) -> Path:
        """The file of the store; raises :class:`UnknownStore` for a URL no engine answers to."""
        from session_buddy.storage import sqlite_path

        return sqlite_path(self.store_url)

    def now(self) -> str:
        """Return the present moment in the canonical form."""
        if self.clock:
            return self.clock()
        from datetime import UTC, datetime

        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def open_store(self) -> Store:
        """Open the store, making it where there is none."""
        from session_buddy.storage import open_store

        return open_store(self.store_url, clock=self.clock)

    def open_existing(self) -> Store:
        """Open the store to read from; raises :class:`StoreError` where there is none, and makes none."""
        self.require_file()
        return self.open_store()

    def has_store(self) -> bool:
        """Tell whether there is a store; an empty file is none, though SQLite would make one of it."""
        return self.store_file.exists() and self.store_file.stat().st_size > 0

    def require_file(self) -> Path:
        """Return the file of the store; raises :class:`StoreError` where there is none."""
        from session_buddy.errors import StoreError

        if not self.has_store():
            raise StoreError(
                f"There is no store at {self.store_url} yet.",
                remedy="Run 'session-buddy up' to make one, or name another with --store.",
            )
        return self.store_file


def settings_of(context: typer.Context) -> Settings:
    """Return the settings that *context* carries."""
    settings = context.find_object(Settings)
    assert settings is not None, "main() puts the settings into the context"
    return settings
