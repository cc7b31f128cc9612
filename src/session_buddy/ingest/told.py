"""Invocations that programs told and nobody has read yet: how they come into a store, or to a server."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from session_buddy.errors import InvalidInput, MigrationLocked
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


def deliver(waiting: Waiting, record: Callable[[Sequence[Invocation]], object]) -> int:
    """Give what waits to *record*, in the order in which it was told, and delete it; return how many.

    Returns at once where nothing waits or somebody else is at it. Raises what *record* raises; then the rest waits on.
    Files that hold no invocation are renamed, and stop nothing; those that are being written are left.
    """
    if waiting.is_empty():
        return 0
    try:
        with exclusive(waiting.folder / _LOCK, timeout=0):
            return _deliver(waiting, record)
    except MigrationLocked:
        return 0


def _deliver(waiting: Waiting, record: Callable[[Sequence[Invocation]], object]) -> int:
    delivered = 0
    files = waiting.files()
    for start in range(0, len(files), _BATCH):
        told = []
        for written_ns, path in files[start : start + _BATCH]:
            data = path.read_bytes()
            try:
                told.append((path, _TOLD.decode(data)))
            except (msgspec.DecodeError, UnicodeDecodeError, InvalidInput):
                if is_done(written_ns, data):
                    aside = path.replace(path.with_suffix(_REJECTED))
                    _log.warning("What waits in %s is no use that can be recorded; it is kept there.", aside)
        record([invocation for _, invocation in told])
        for path, _ in told:
            path.unlink(missing_ok=True)
        delivered += len(told)
    return delivered
