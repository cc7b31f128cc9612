"""A folder in which what was told waits, one file each, until somebody reads it.

Any number of processes write to it, without a lock: each file is of one writer, and whole or not yet read.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from session_buddy.errors import StoreFull

__all__ = ["Waiting", "is_done", "is_whole"]

_SUFFIX = ".json"
_MOST_WAITING = 200_000
"""More than a month of work: what writes more is no agent."""
_LOOK_AGAIN = 100
_UNFINISHED_SECONDS = 60.0
"""A file that is not whole after this long was left behind by a writer that is gone."""
_serial = itertools.count()


class Waiting:
    """The files that wait in *folder*, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._room = 0
        """How many more may be put before it must be looked again how many wait."""

    def put(self, told: bytes) -> None:
        """Keep *told* for the next reading; it is there when this returns.

        It survives the end of every process, not a power cut: flushing each would hold up whoever tells. Raises
        :class:`OSError` where the disk refuses it; nothing of it is left then.
        """
        path = self.folder / f"{time.time_ns()}-{os.getpid()}-{next(_serial)}{_SUFFIX}"
        try:
            descriptor = _opened(path)
        except FileNotFoundError:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = _opened(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(told)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def require_room(self) -> None:
        """Raise :class:`StoreFull` where more waits than anybody will read."""
        if self._room > 0:
            self._room -= 1
            return
        waiting = self.count()
        self._room = min(_LOOK_AGAIN, _MOST_WAITING - waiting) - 1
        if waiting >= _MOST_WAITING:
            raise StoreFull(
                f"{_MOST_WAITING:,} files wait in {self.folder}.",
                remedy="Run 'session-buddy import' to record them.",
                retry_after_seconds=60.0,
            )

    def is_empty(self) -> bool:
        """Tell whether nothing waits; makes nothing, and stops looking at the first."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            return not any(entry.name.endswith(_SUFFIX) for entry in entries)
        return True

    def count(self) -> int:
        """Return how many files wait."""
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            return sum(entry.name.endswith(_SUFFIX) for entry in entries)
        return 0

    def files(self) -> list[tuple[int, Path]]:
        """Return the files that wait, each with when it was written (ns since 1970), the earliest first."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    with suppress(FileNotFoundError):  # read by somebody else meanwhile
                        # Clocks of file systems are coarse; names begin with a number that grows.
                        found.append((entry.stat().st_mtime_ns, len(entry.name), entry.path))
        return [(written, Path(path)) for written, _, path in sorted(found)]


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def is_done(written_ns: int, data: bytes) -> bool:
    """Tell whether *data*, what a file holds that was written last at *written_ns*, is all that there will be."""
    return time.time_ns() - written_ns >= _UNFINISHED_SECONDS * 1e9 or is_whole(data)


def is_whole(data: bytes) -> bool:
    """Tell whether *data* is JSON to its end; an object that was cut is none."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
