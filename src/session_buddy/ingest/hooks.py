"""What hooks told and nobody has read yet, one file an event: how it comes into a store.

An event is written by whoever hears of it first: the script that an agent runs, or the server that it posts to. It is
read, recorded and then deleted by whoever comes next: the server, or any command. Killed between any two of these,
the next one reads it again, which changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from session_buddy.errors import InvalidInput, MigrationLocked
from session_buddy.importers.base import fault_told
from session_buddy.importers.hooks import Sessions, decode_event, hook_version
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest.waiting import Waiting, is_done
from session_buddy.model import BadLine
from session_buddy.storage.migrations.lock import exclusive
from session_buddy.storage.store import Recorded, Store

__all__ = ["Drained", "drain_hooks"]

_REJECTED = ".rejected"
_STATE = "sessions.state"
_LOCK = "lock"
_BATCH = 500
_LARGEST = 64 << 20


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the events that waited."""

    events: int = 0
    recorded: Recorded = msgspec.field(default_factory=Recorded)
    bad_events: int = 0


def drain_hooks(store: Store, spool: Waiting, *, user_id: str, rules: ShellRules) -> Drained:
    """Record what waits in *spool*, and delete it; returns at once where nothing does or somebody else is at it.

    What is no event is set aside with its reason: its file stays, under another name. Raises what :meth:`Store.record`
    raises; then all still waits.
    """
    if spool.is_empty():
        return Drained()
    try:
        with exclusive(spool.folder / _LOCK, timeout=0):
            return _drain(store, spool, user_id, rules)
    except MigrationLocked:
        return Drained()


class _Saved(msgspec.Struct, frozen=True):
    """Where the last reading stopped."""

    version: str
    state: bytes
    """Of the sessions."""
    read: frozenset[tuple[str, int]]
    """The files in it, each with when it was written: they may still be there."""


_SAVED = msgspec.msgpack.Decoder(_Saved)


def _drain(store: Store, spool: Waiting, user_id: str, rules: ShellRules) -> Drained:
    version, place = hook_version(rules), spool.folder / _STATE
    saved = _saved(place)
    state = saved.state if saved and saved.version == version else None
    sessions = Sessions(state, user_id=user_id, rules=rules)
    drained = Drained()
    for batch in _batches(_not_read(spool, saved)):
        reading = _Reading(sessions)
        for written_ns, path in batch:
            reading.take(written_ns, path)
        told = sessions.take() + sessions.show()
        state = sessions.save()
        recorded = store.record(told + sessions.take(), bad_lines=reading.bad_lines)
        read = set(reading.read)
        _save(place, _Saved(version, state, frozenset((path.name, at) for at, path in batch if path in read)))
        reading.put_away()
        drained = Drained(
            events=drained.events + len(reading.read),
            recorded=drained.recorded + recorded,
            bad_events=drained.bad_events + len(reading.rejected),
        )
    return drained


class _Reading:
    """The reading of one batch of files."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.read: list[Path] = []
        self.rejected: list[Path] = []
        self.bad_lines: list[BadLine] = []

    def take(self, written_ns: int, path: Path) -> None:
        """Take in the event in *path*; one that is not whole yet is left where it is."""
        if path.stat().st_size > _LARGEST:
            self._reject(path, 0, f"is longer than {_LARGEST} bytes.")
            return
        data = path.read_bytes()
        written_at = datetime.fromtimestamp(written_ns / 1e9, UTC)
        at = written_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            problems = self._sessions.read(decode_event(data), at)
        except InvalidInput as error:
            if is_done(written_ns, data):
                self._reject(path, len(data), error.problem.removeprefix("event: "))
        except Exception as error:
            self._reject(path, len(data), fault_told(error))
        else:
            self.read.append(path)
            self.bad_lines += [_bad(path, len(data), problem) for problem in problems]

    def put_away(self) -> None:
        """Delete what was read, and rename what cannot be."""
        for path in self.read:
            path.unlink(missing_ok=True)
        for path in self.rejected:
            path.replace(path.with_suffix(_REJECTED))

    def _reject(self, path: Path, length: int, reason: str) -> None:
        self.rejected.append(path)
        self.bad_lines.append(_bad(path.with_suffix(_REJECTED), length, reason))


def _batches(files: list[tuple[int, Path]]) -> Iterator[list[tuple[int, Path]]]:
    for start in range(0, len(files), _BATCH):
        yield files[start : start + _BATCH]


def _bad(path: Path, length: int, reason: str) -> BadLine:
    return BadLine(path=str(path), line=1, offset=0, length=length, reason=reason)


def _not_read(spool: Waiting, saved: _Saved | None) -> list[tuple[int, Path]]:
    """Return the files to read, and delete those that were read by one that was stopped before it had deleted them."""
    left = []
    for written_ns, path in spool.files():
        # A name alone is not enough: the script's come again.
        if saved and (path.name, written_ns) in saved.read:
            path.unlink(missing_ok=True)
        else:
            left.append((written_ns, path))
    return left


def _saved(place: Path) -> _Saved | None:
    """Return what was saved, if it is there, whole and of this form."""
    with suppress(FileNotFoundError):
        head, _, data = place.read_bytes().partition(b"\n")
        if head == _digest(data):
            with suppress(msgspec.ValidationError):
                return _SAVED.decode(data)
    return None


def _save(place: Path, saved: _Saved) -> None:
    draft = place.with_suffix(".draft")
    data = msgspec.msgpack.encode(saved)
    draft.write_bytes(_digest(data) + b"\n" + data)
    draft.replace(place)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=8).hexdigest().encode()
