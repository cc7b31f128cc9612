"""From files on disk to rows in a store: discovery, incremental reading, quarantine.

Every call picks up where the last one ended, also one that was killed: what has been read
of a file is stored in the same transaction as what was found in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from session_buddy.importers.base import Importer
from session_buddy.ingest.files import plan_readings
from session_buddy.ingest.portion import Portion
from session_buddy.ingest.user import local_user_id
from session_buddy.ingest.workers import read_all
from session_buddy.model import BadLine, Invocation
from session_buddy.storage.store import Checkpoint, Recorded, Store

__all__ = ["ImportReport", "Progress", "import_files", "local_user_id"]

_BATCH = 3_000
"""Invocations stored at a time: enough to count set-wise, few enough to be stored while more are read."""


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    files_found: int
    files_read: int
    bytes_read: int
    recorded: Recorded
    bad_lines: int
    unreadable: list[tuple[str, str]]
    """Files that could not be read, each with the reason."""


Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes to read in all."""


def import_files(
    store: Store,
    importers: Sequence[Importer],
    roots: Mapping[str, Sequence[Path]],
    *,
    user_id: str,
    progress: Progress | None = None,
    processes: int | None = None,
    on_bad_line: Callable[[BadLine], object] | None = None,
) -> ImportReport:
    """Import what is new below *roots* (paths by importer name) into *store*.

    Files are read by *processes* processes (as many as there are processors by default) and
    stored in the order of their names; a file found below two roots is read once.
    *on_bad_line* is called with each line that is set aside.
    """
    by_name = {importer.name: importer for importer in importers}
    files = _find(by_name, roots)
    versions = {name: f"{name} {importer.version}" for name, importer in by_name.items()}
    readings, unreadable = plan_readings(files, store.checkpoints(), versions)
    total = sum(reading.size - reading.offset for reading in readings)
    recorder = _Recorder(store, progress, total)
    for result in read_all(readings, by_name, user_id=user_id, processes=processes):
        if isinstance(result, Portion):
            recorder.take(result)
            if on_bad_line:
                for bad_line in result.bad_lines:
                    on_bad_line(bad_line)
        else:
            unreadable.append(result)
    recorder.flush()
    if recorder.recorded.added or recorder.recorded.completed:
        _describe_new_skills(store, importers)
        store.refresh()
    return ImportReport(
        files_found=len(files),
        files_read=len(readings),
        bytes_read=recorder.bytes_read,
        recorded=recorder.recorded,
        bad_lines=recorder.bad_line_count,
        unreadable=unreadable,
    )


def _find(importers: Mapping[str, Importer], roots: Mapping[str, Sequence[Path]]) -> list[tuple[str, Path]]:
    found: dict[Path, tuple[str, Path]] = {}
    for name, folders in roots.items():
        for root in folders:
            if root.exists():
                for path in importers[name].find(root.absolute()):
                    found.setdefault(path, (name, path))
    return list(found.values())


_UNDESCRIBED = """
SELECT skill_name FROM v_multimodal_skill_catalog
WHERE (modality_type IS NULL OR description IS NULL) AND kind = 'shell'
"""
"""The specification's own skills have a modality from the first, and no description."""


def _describe_new_skills(store: Store, importers: Sequence[Importer]) -> None:
    names = [name for (name,) in store.query(_UNDESCRIBED).rows]
    for importer in importers if names else ():
        store.describe(importer.facts(names))


class _Recorder:
    """Gathers portions into batches and stores each with the checkpoints that cover it."""

    def __init__(self, store: Store, progress: Progress | None, total_bytes: int) -> None:
        self._store, self._progress, self._total_bytes = store, progress, total_bytes
        self._invocations: list[Invocation] = []
        self._bad_lines: list[BadLine] = []
        self._checkpoints: dict[str, Checkpoint] = {}
        self.recorded = Recorded()
        self.bytes_read = self.bad_line_count = 0

    def take(self, portion: Portion) -> None:
        self._invocations += portion.invocations
        self._bad_lines += portion.bad_lines
        self._checkpoints[portion.checkpoint.path] = portion.checkpoint
        self.bytes_read += portion.bytes_read
        self.bad_line_count += len(portion.bad_lines)
        if len(self._invocations) >= _BATCH:
            self.flush()
        if self._progress:
            self._progress(self.bytes_read, self._total_bytes)

    def flush(self) -> None:
        self.recorded += self._store.record(
            self._invocations, checkpoints=list(self._checkpoints.values()), bad_lines=self._bad_lines
        )
        self._invocations, self._bad_lines, self._checkpoints = [], [], {}
