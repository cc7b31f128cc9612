"""Transcripts are imported as they grow.

The system tells of changed files, which are imported within a second. Every minute everything is looked at, for
what the system did not tell: folders that came later, network drives, more folders than it can watch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from watchfiles import Change, awatch

from session_buddy.reports.lag import Present
from session_buddy.server.threads import Lane
from session_buddy.server.troubles import Troubles

__all__ = ["Stopped", "Transcripts", "Watcher", "changed_paths"]

_DEBOUNCE_MS = 400
_STEP_MS = 50
_TICK_MS = 1_000
_ALL_SECONDS = 60.0
_NOTHING_SECONDS = 5.0
_RETRY_SECONDS = 5.0
_END_SECONDS = 2.0
_IMPORTING, _WATCHING = "Importing transcripts", "Watching folders of transcripts"

Progress = Callable[[int, int], None]


class Stopped(Exception):
    """The server ends: an import under way stops where it is, and goes on from there next time."""


class Transcripts:
    """Where transcripts are, and how they are imported; given by whoever knows agents.

    *roots* returns the folders and files, existing or not; of a file it is looked every minute whether it changed.
    *import_paths* imports what is new in the paths given (folders or files, of *suffixes*), calling its second argument
    now and then; it may raise whatever that raises. *present* returns the files that are there, where that is known.
    """

    def __init__(
        self,
        roots: Callable[[], Sequence[Path]],
        import_paths: Callable[[Sequence[Path], Progress], object],
        *,
        suffixes: frozenset[str],
        present: Callable[[], Present] | None = None,
    ) -> None:
        self.roots, self.import_paths, self.suffixes, self.present = roots, import_paths, suffixes, present


class Watcher:
    """Imports *transcripts* as they grow; run it as long as the server runs."""

    def __init__(self, transcripts: Transcripts, troubles: Troubles, *, all_seconds: float = _ALL_SECONDS) -> None:
        self._transcripts, self._troubles, self._all_seconds = transcripts, troubles, all_seconds
        self._lane = Lane("import", threads=1, waiting=1)
        self._stopping = False

    async def run(self) -> None:
        """Import and watch until cancelled."""
        try:
            while True:
                roots = self._roots()
                if not roots:
                    await asyncio.sleep(_NOTHING_SECONDS)
                    continue
                try:
                    if any(root.is_dir() for root in roots):
                        await self._watch(roots)
                    else:
                        await self._import(roots)
                        await asyncio.sleep(self._all_seconds)
                except Exception as error:
                    # The system may not let us watch; then looking every few seconds must do.
                    self._troubles.note(_WATCHING, error)
                    await self._import(roots)
                    await asyncio.sleep(_RETRY_SECONDS)
        finally:
            self._stopping = True
            await self._lane.end(_END_SECONDS)

    async def _watch(self, roots: Sequence[Path]) -> None:
        """Import all of *roots*, then what changes in them; returns when there are other roots."""
        loop = asyncio.get_running_loop()
        await self._import(roots)
        # Due at once, when the watch has begun: files may have changed before.
        all_at = loop.time()
        changes = awatch(
            *(root for root in roots if root.is_dir()),
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async for changed in changes:
            self._troubles.forget(_WATCHING)
            if loop.time() >= all_at:
                await self._import(roots)
                all_at = loop.time() + self._all_seconds
                if self._roots() != roots:
                    return
            elif paths := changed_paths(changed, roots, suffixes=self._transcripts.suffixes):
                await self._import(paths)

    def _roots(self) -> list[Path]:
        return [root for root in self._transcripts.roots() if root.exists()]

    async def _import(self, paths: Sequence[Path]) -> None:
        try:
            await self._lane.run(self._transcripts.import_paths, paths, self._go_on)
        except Exception as error:
            self._troubles.note(_IMPORTING, error)
        else:
            self._troubles.forget(_IMPORTING)

    def _go_on(self, _done: int, _total: int) -> None:
        if self._stopping:
            raise Stopped


def changed_paths(
    changed: Iterable[tuple[Change, str]], roots: Sequence[Path], *, suffixes: frozenset[str]
) -> list[Path]:
    """Return the files of *suffixes*, and the folders, that appeared or grew, sorted, spelled as *roots* are."""
    found = set()
    for change, name in changed:
        path = Path(name)
        if change is not Change.deleted and (path.suffix in suffixes or path.is_dir()):
            found.add(_spelled_as(path, roots))
    return sorted(found)


def _spelled_as(path: Path, roots: Sequence[Path]) -> Path:
    """Return *path* below the root it is in; some systems tell of files by the real names of their folders."""
    for root in roots:
        for spelling in (root, root.resolve()):
            if path.is_relative_to(spelling):
                return root / path.relative_to(spelling)
    return path
