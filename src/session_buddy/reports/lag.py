"""How far imports are behind the files that agents write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from session_buddy.importers.base import Importer
from session_buddy.ingest.files import Reading, plan_readings
from session_buddy.storage import Checkpoint, Store

__all__ = ["ImportLag", "Present", "SourceLag", "read_lag"]

_ASKED = 100
"""Of so many files, those that changed first, it is read when their unread lines were written."""
_PIECE_BYTES = 64 << 10

# Without the states of the parsers, which are most of such a row.
_CHECKPOINTS = "SELECT path, importer, identity, size, modified_ns, offset, imported_at FROM import_checkpoint"


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The files that agents keep on this machine, and what reads them."""

    files: Sequence[tuple[str, Path]]
    """Pairs of an importer's name and a path, as an import would find them."""
    importers: Mapping[str, Importer]
    """By name."""


class SourceLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far the imports of one source are behind its files on this machine."""

    source: str
    files: int
    """Files that are there."""
    last_written_at: str | None
    """When one of them was last written to."""
    read_up_to: str | None
    """The same, of what was imported."""
    last_import_at: str | None
    """When that was."""
    files_behind: int
    """Files that are new or have changed since: the next import reads them."""
    bytes_behind: int
    """What is left to read of them."""
    behind_since: str | None
    """When the oldest line that was never read was written; ``null`` where every line was."""


class ImportLag(msgspec.Struct, frozen=True, kw_only=True):
    """The lag of every source, and what could not be looked at."""

    sources: list[SourceLag]
    unreadable: list[tuple[str, str]]
    """Files, each with the reason."""


class _Read(msgspec.Struct, frozen=True):
    checkpoint: Checkpoint
    imported_at: str


def read_lag(store: Store, present: Present) -> ImportLag:
    """Return how far *store* is behind the files *present*, and those that were imported from elsewhere.

    Looks at every file, and into those that changed; reads no file whole.
    """
    known = {row[0]: _read(row) for row in store.query(_CHECKPOINTS).rows}
    checkpoints = {path: read.checkpoint for path, read in known.items()}
    versions = {name: f"{name} {importer.version}" for name, importer in present.importers.items()}
    files = _together(present.files, checkpoints.values(), versions)
    readings, unreadable = plan_readings(files, checkpoints, versions)
    return ImportLag(
        sources=[
            _lag(
                name,
                [path for importer, path in files if importer == name],
                [reading for reading in readings if reading.importer == name],
                known,
                present.importers[name],
            )
            for name in sorted({name for name, _ in files})
        ],
        unreadable=unreadable,
    )


def _lag(
    source: str, files: Sequence[Path], readings: Sequence[Reading], known: Mapping[str, _Read], importer: Importer
) -> SourceLag:
    changed = {reading.path: reading.modified_ns for reading in readings}
    read = [known[name] for path in files if (name := str(path)) in known]
    imported_ns = max((one.checkpoint.modified_ns for one in read), default=None)
    written = [*changed.values(), *(one.checkpoint.modified_ns for one in read if one.checkpoint.path not in changed)]
    return SourceLag(
        source=source,
        files=len(files),
        last_written_at=_moment(max(written, default=None)),
        read_up_to=_moment(imported_ns),
        last_import_at=max((one.imported_at for one in read), default=None),
        files_behind=len(readings),
        bytes_behind=sum(reading.size - reading.offset for reading in readings),
        behind_since=_oldest_unread(readings, known, importer),
    )


def _oldest_unread(readings: Sequence[Reading], known: Mapping[str, _Read], importer: Importer) -> str | None:
    # What another version of the importer has read is read again, and yet no news.
    never_read = [
        one for one in readings if one.path not in known or known[one.path].checkpoint.importer == one.version
    ]
    first = sorted(never_read, key=lambda one: one.modified_ns)[:_ASKED]
    return min((_first_line_at(one, importer) for one in first), default=None)


def _first_line_at(reading: Reading, importer: Importer) -> str:
    """Return when the first line that was not read was written: as it says itself, else when the file was."""
    try:
        with Path(reading.path).open("rb") as file:
            file.seek(reading.offset)
            told = importer.moment(file.read(_PIECE_BYTES))
    except OSError:
        # Gone since it was looked at, or not to be read: the next import says so.
        told = None
    return told or _moment(reading.modified_ns) or ""


def _read(row: Sequence[str | int]) -> _Read:
    *fields, imported_at = row
    names = [name for name in Checkpoint.__struct_fields__ if name != "state"]
    return _Read(msgspec.convert(dict(zip(names, fields, strict=True)) | {"state": b""}, Checkpoint), str(imported_at))


def _together(
    present: Iterable[tuple[str, Path]], known: Iterable[Checkpoint], versions: Mapping[str, str]
) -> list[tuple[str, Path]]:
    """Return the files *present* and those imported from elsewhere that still exist, each once."""
    files = {path: importer for importer, path in present}
    for checkpoint in known:
        path, importer = Path(checkpoint.path), checkpoint.importer.partition(" ")[0]
        if path not in files and importer in versions and path.exists():
            files[path] = importer
    return [(importer, path) for path, importer in files.items()]


def _moment(ns: int | None) -> str | None:
    if ns is None:
        return None
    return datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
