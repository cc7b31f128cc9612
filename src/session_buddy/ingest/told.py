"""Invocations that programs told and nobody has read yet: how they come into a store, or to a server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from session_buddy.errors import InvalidInput, MigrationLocked, StoreBusy
from session_buddy.ingest.waiting import Waiting, is_done
from session_buddy.model import Invocation
from session_buddy.storage.migrations.lock import exclusive

__all__ = ["deliver", "keep"]

_log = logging.getLogger(__name__)
_LOCK = "lock"
_BATCH = 1_000
_REJECTED = ".rejected"
_TOLD = msgspec.json.Decoder(Invocation)


def keep(waiting: Waiting, invocation: Invocation) -> None:
    """Keep *invocation* until it is delivered; told again, it may say more. Raises :class:`OSError`."""
    waiting.put(msgspec.json.encode(invocation))


def deliver(
    waiting: Waiting, record: Callable[[Sequence[Invocation]], object], *, patience_seconds: float | None = None
) -> int:
    """Give what waits to *record*, in the order in which it was told, and delete it; return how many.

    Returns at once where nothing waits. Where somebody else is at it, who may not have seen what was told last, it
    returns at once too, or, with *patience_seconds*, waits so long for that one to end, looks again, and raises
    :class:`StoreBusy` where that one goes on and something still waits.

    *record* raises :class:`InvalidInput` for what can never be recorded. What else it raises is raised; then the rest
    waits on. Files that hold no invocation, or one that cannot be recorded, are renamed, and stop nothing; those that
    are being written are left.
    """
    if waiting.is_empty():
        return 0
    try:
        with exclusive(waiting.folder / _LOCK, timeout=patience_seconds or 0):
            return _deliver(waiting, record)
    except MigrationLocked as error:
        if patience_seconds is None or waiting.is_empty():
            return 0
        raise StoreBusy(
            "Another process has been delivering what waits, and is not done.",
            remedy="Run 'session-buddy ci deliver' when it is.",
        ) from error


def _deliver(waiting: Waiting, record: Callable[[Sequence[Invocation]], object]) -> int:
    delivered = 0
    files = waiting.files()
    for start in range(0, len(files), _BATCH):
        told = []
        for written_ns, path in files[start : start + _BATCH]:
            data = path.read_bytes()
            try:
                told.append((path, _TOLD.decode(data)))
            except (msgspec.DecodeError, UnicodeDecodeError, InvalidInput) as error:
                if is_done(written_ns, data):
                    _set_aside(path, error)
        delivered += _record(told, record)
    return delivered


def _record(told: list[tuple[Path, Invocation]], record: Callable[[Sequence[Invocation]], object]) -> int:
    """Record all of *told* but what cannot be, which is found by halves and set aside; return how many."""
    if not told:
        return 0
    try:
        record([invocation for _, invocation in told])
    except InvalidInput as error:
        if len(told) == 1:
            _set_aside(told[0][0], error)
            return 0
        half = len(told) // 2
        return _record(told[:half], record) + _record(told[half:], record)
    for path, _ in told:
        path.unlink(missing_ok=True)
    return len(told)


def _set_aside(path: Path, error: Exception) -> None:
    aside = path.replace(path.with_suffix(_REJECTED))
    _log.warning("What waits in %s is no use that can be recorded; it is kept there: %s", aside, error)
