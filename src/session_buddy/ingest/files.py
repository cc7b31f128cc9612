"""Which files need reading, and from where.

A file is known by what is in it, not by its name or inode: a checkpoint remembers a digest
of the file's first bytes and of the bytes just before the offset that was reached. If both
are still there the file has only grown, and is read on; if not, another file took its
place (rotated, truncated, rewritten), and it is read from the start. Reading anything
twice is harmless, since the store is idempotent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from session_buddy.storage.store import Checkpoint

__all__ = ["Reading", "identity_of", "plan_readings"]

_HEAD_BYTES = 1024
_TAIL_BYTES = 256
_DATABASE = ".db"
_LATEST_NS = 2**63 - 1
"""The year 2262: what databases hold. A file may claim to be from later."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be read from *offset* on."""

    path: str
    importer: str
    version: str
    """Name and version of the importer, as checkpoints have it."""
    offset: int
    state: bytes | None
    size: int
    modified_ns: int


def plan_readings(
    files: Iterable[tuple[str, Path]], checkpoints: Mapping[str, Checkpoint], versions: Mapping[str, str]
) -> tuple[list[Reading], list[tuple[str, str]]]:
    """Return what is to be read of *files*, pairs of importer name and path, in their order.

    The second list holds the files that could not be looked at, each with the reason.
    A file with the size and the modification time of its checkpoint is passed over, unless
    another version of its importer read it (*versions* has the present ones by name).
    """
    readings: list[Reading] = []
    unreadable: list[tuple[str, str]] = []
    for importer, path in files:
        name = str(path)
        try:
            reading = _reading(importer, versions[importer], path, checkpoints.get(name))
        except OSError as error:
            unreadable.append((name, error.strerror or str(error)))
        else:
            if reading:
                readings.append(reading)
    return readings, unreadable


def identity_of(path: Path, offset: int) -> str:
    """Return what tells the file read up to *offset* from any other: digests of its head and of the bytes before."""
    with path.open("rb") as file:
        head = file.read(min(_HEAD_BYTES, offset))
        file.seek(max(0, offset - _TAIL_BYTES))
        tail = file.read(min(_TAIL_BYTES, offset))
    return f"{_digest(head)}:{_digest(tail)}"


def _reading(importer: str, version: str, path: Path, checkpoint: Checkpoint | None) -> Reading | None:
    size, modified_ns = _extent(path)
    offset, state = 0, None
    if checkpoint and checkpoint.importer == version:
        if (size, modified_ns) == (checkpoint.size, checkpoint.modified_ns):
            return None
        if size >= checkpoint.offset and identity_of(path, checkpoint.offset) == checkpoint.identity:
            offset, state = checkpoint.offset, checkpoint.state
    return Reading(
        path=str(path),
        importer=importer,
        version=version,
        offset=offset,
        state=state,
        size=size,
        modified_ns=modified_ns,
    )


def _extent(path: Path) -> tuple[int, int]:
    """Return size and time of the file; of a database, with what has not been moved into it from beside it."""
    status = path.stat()
    size, modified_ns = status.st_size, status.st_mtime_ns
    if path.suffix == _DATABASE:
        beside = path.with_name(f"{path.name}-wal")
        if beside.exists():
            size, modified_ns = size + beside.stat().st_size, max(modified_ns, beside.stat().st_mtime_ns)
    return size, min(modified_ns, _LATEST_NS)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
