"""Which transcripts there are, and how they are read into the store."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from session_buddy.cli.settings import Settings
from session_buddy.errors import InvalidInput
from session_buddy.importers.base import Importer
from session_buddy.importers.every import every_importer
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import Progress, import_files, local_user_id
from session_buddy.reports.importing import ImportSummary, summarise
from session_buddy.reports.lag import Present
from session_buddy.storage import Store

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from session_buddy.server.watching import Transcripts

__all__ = [
    "account_name",
    "followed_transcripts",
    "import_into",
    "local_user",
    "present_files",
    "require_transcripts",
    "shell_rules",
]

_RULES_FILE = "shell-rules.toml"


def import_into(
    store: Store, settings: Settings, paths: Sequence[Path], *, account: str | None, show_progress: bool
) -> ImportSummary:
    """Import what is new in *paths*, or wherever agents keep their files, into *store*.

    Raises :class:`InvalidInput` for mistakes in the user's rules for shell commands.
    """
    importers = _importers(settings)
    named = [path.absolute() for path in paths]
    searched = {importer.name: named or _roots(importer) for importer in importers}
    user_id = local_user(settings, account)
    started = time.perf_counter()
    with _ProgressBar(shown=show_progress and _is_terminal()) as progress:
        report = import_files(store, importers, searched, user_id=user_id, progress=progress)
    seconds = time.perf_counter() - started
    places = dict.fromkeys(str(path) for roots in searched.values() for path in roots)
    return summarise(report, store=store.url, searched=list(places), seconds=seconds)


def followed_transcripts(store: Store, settings: Settings, *, account: str | None) -> Transcripts:
    """Return where agents keep their files, and how a server imports what is new there into *store*.

    Raises :class:`InvalidInput` for mistakes in the user's rules for shell commands.
    """
    from session_buddy.server.watching import Transcripts

    importers = _importers(settings)
    user_id = local_user(settings, account)

    def import_paths(paths: Sequence[Path], progress: Progress) -> None:
        found = {importer.name: paths for importer in importers}
        import_files(store, importers, found, user_id=user_id, progress=progress, processes=1)

    return Transcripts(
        lambda: [root.absolute() for importer in importers for root in _roots(importer)],
        import_paths,
        suffixes=frozenset[str]().union(*(importer.suffixes for importer in importers)),
        present=lambda: _present(importers),
    )


def require_transcripts(paths: Sequence[Path]) -> None:
    """Raise :class:`InvalidInput` for a path that is neither a folder nor a file that some importer reads."""
    importers = every_importer()
    for path in paths:
        if not path.exists():
            raise InvalidInput(str(path), "does not exist.", remedy="Name a transcript, or a folder with some.")
        if not path.is_dir() and not any(list(importer.find(path)) for importer in importers):
            raise InvalidInput(
                str(path),
                "is no transcript of an agent that is read.",
                remedy="'session-buddy import --help' says which are; or name a folder with some.",
            )


def present_files(settings: Settings) -> Present:
    """Return the files that an import without paths looks at.

    Raises :class:`InvalidInput` for mistakes in the user's rules for shell commands.
    """
    return _present(_importers(settings))


def _present(importers: Sequence[Importer]) -> Present:
    files = [
        (importer.name, path)
        for importer in importers
        for root in _roots(importer)
        if root.exists()
        for path in importer.find(root.absolute())
    ]
    return Present(files=files, importers={importer.name: importer for importer in importers})


def _importers(settings: Settings) -> list[Importer]:
    """Return one for each agent; which of them reads a file, its name or its beginning says."""
    rules = _own_rules(settings.config_folder / _RULES_FILE)
    return every_importer(rules)


def shell_rules(settings: Settings) -> ShellRules:
    """Return the rules by which shell commands are named: the user's own before the built-in ones.

    Raises :class:`InvalidInput` for mistakes in the user's.
    """
    return _own_rules(settings.config_folder / _RULES_FILE) or ShellRules.builtin()


def _roots(importer: Importer) -> list[Path]:
    return importer.roots(os.environ, Path.home())


def _own_rules(path: Path) -> ShellRules | None:
    """Return the built-in rules with those of the user's file before them, or None where there is no such file."""
    if not path.exists():
        return None
    return ShellRules.builtin().extended(path.read_text(encoding="utf-8"), str(path))


def local_user(settings: Settings, account: str | None) -> str:
    """Return the keyed hash of *account*, or of the account that runs this process."""
    return local_user_id(settings.data_folder, account or account_name())


def account_name() -> str:
    """Return the name of the account that runs this process, or its number."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # In a container, a process may run under a number that no account has.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _is_terminal() -> bool:
    return sys.stderr.isatty()


class _ProgressBar:
    """A bar on stderr that appears with the first progress: without any, ``rich`` is never loaded."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Bar | None = None

    def __enter__(self) -> _ProgressBar:
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._shown:
            self._bar = self._bar or _bar()
            if not self._bar.tasks:
                self._bar.add_task("Reading transcripts", total=total)
            self._bar.update(self._bar.tasks[0].id, completed=done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.start()
    return bar
