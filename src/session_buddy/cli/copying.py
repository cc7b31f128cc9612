"""What ``db copy`` needs around the copying: two stores from two URLs, and a bar."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from session_buddy.cli.settings import Settings
from session_buddy.errors import InvalidInput, StoreError
from session_buddy.storage.copying import CopyReport, copy_store
from session_buddy.storage.locations import is_there, shown

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["copy_between"]


def copy_between(source_url: str, target_url: str, settings: Settings, *, show_progress: bool) -> CopyReport:
    """Copy the store at *source_url* to *target_url*, which is made where it is not there yet.

    Raises :class:`InvalidInput` where both are one, :class:`StoreError` where there is no source.
    """
    if source_url == target_url:
        raise InvalidInput("TARGET_URL", "is the source itself.", remedy="Name another store to copy to.")
    _require_source(source_url)
    _require_one_folder(source_url, target_url)
    with (
        settings.open_store(source_url) as source,
        settings.open_store(target_url) as target,
        _CopyBar(shown=show_progress and sys.stderr.isatty()) as bar,
    ):
        return copy_store(source, target, progress=bar)


def _require_source(url: str) -> None:
    """Refuse a name that is not there: opening it would make an empty store, which is not what anybody wants copied."""
    if not is_there(url):
        raise StoreError(f"There is no store at {shown(url)}.", remedy="Check the name of the source; it comes first.")


def _require_one_folder(source_url: str, target_url: str) -> None:
    """Refuse two folders of ClickHouse: its engine opens one in a process."""
    if not source_url.startswith("chdb:") or not target_url.startswith("chdb:"):
        return
    from session_buddy.storage.clickhouse.address import parse_url

    folders = {path.resolve() for url in (source_url, target_url) if (path := parse_url(url).path)}
    if len(folders) > 1:
        raise InvalidInput(
            "TARGET_URL",
            "is another folder than the source, and ClickHouse opens one folder at a time.",
            remedy="Copy into a file first (sqlite:///between.db), and from there.",
        )


class _CopyBar:
    """A bar on stderr for each part of the work; without progress, ``rich`` is never loaded."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Bar | None = None

    def __enter__(self) -> _CopyBar:
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._shown:
            self._bar = self._bar or _bar()
            if not self._bar.tasks or self._bar.tasks[-1].description != what:
                self._bar.add_task(what)
            self._bar.update(self._bar.tasks[-1].id, completed=done, total=total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.start()
    return bar
