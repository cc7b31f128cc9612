"""A lock between processes that no crash can leave behind.

The operating system holds it on an open file and lets go of it when the process ends, however it ends:
there is no stale lock to break, whatever the file says.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_buddy.errors import MigrationLocked, StoreError

__all__ = ["exclusive"]

_POLL_SECONDS = 0.02

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


# Windows locks bytes and refuses to read them; this one lies far behind the holder's number.
_LOCKED_BYTE = 1 << 20


@contextmanager
def exclusive(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold the lock file *path* for the length of the block; it is gone afterwards.

    Waits up to *timeout* seconds for another holder, then raises :class:`MigrationLocked`, naming the
    holder's process. Works between threads too. Raises :class:`StoreError` where no file can be made.
    """
    descriptor = _acquire(path, timeout)
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        # Unlinked while still held: who waits on the old file sees that it is no longer the one at the path.
        if sys.platform != "win32":
            path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, timeout: float) -> int:
    deadline = time.monotonic() + timeout
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"The lock file {path} cannot be made: {error}.",
                remedy="Changing a database needs the right to write in its folder.",
            ) from error
        try:
            held = _try_lock(descriptor)
            if held and _still_at(path, descriptor):
                return descriptor
            holder = os.read(descriptor, 32).decode(errors="replace") if not held else ""
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= deadline:
            raise MigrationLocked(
                f"Process {holder or 'unknown'} has been changing the database for over {timeout:g} s ({path}).",
                remedy="Wait until it is done, or end it: the lock goes with the process.",
            )
        if not held:
            time.sleep(_POLL_SECONDS)


def _still_at(path: Path, descriptor: int) -> bool:
    """Tell whether the open file is still the one at *path*: its last holder may have removed it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
