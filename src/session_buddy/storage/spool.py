"""What the store could not take yet, kept on disk in the order it came.

A spool is a folder of *segments*. A segment holds whole batches and, once sealed, never changes: however
often it is sent, it says the same. The oldest segment is sent, then deleted; there is no other bookkeeping
that a crash could falsify.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from session_buddy.errors import MigrationLocked, StoreBusy, StoreError
from session_buddy.model import Invocation
from session_buddy.storage.migrations.lock import exclusive
from session_buddy.storage.segments import (
    Batch,
    SegmentFile,
    durably_write,
    flushed_size,
    framed,
    read_segment,
    segment_of,
)

__all__ = ["Mark", "Segment", "Spool", "SpoolFull"]

_NAME = re.compile(r"(\d{12})\.segment")


class SpoolFull(Exception):
    """The spool takes no more: its limit is reached, or the disk refuses; the text says which."""


class Segment(NamedTuple):
    """A sealed piece of the spool."""

    number: int
    """Segments are sent in the order of their numbers."""
    path: Path


class Mark(NamedTuple):
    """A place in the spool: what was added before it is safe once :meth:`Spool.sync` has returned."""

    number: int
    size: int


class Spool:
    """A durable queue of batches in *folder*, for one process at a time; safe to use from several threads.

    *limit_bytes* bounds all segments together, *segment_bytes* is the size at which one is sealed.

    Raises :class:`~session_buddy.errors.StoreBusy` where another process uses the folder and
    :class:`~session_buddy.errors.StoreError` where it cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int = 1 << 30,
        segment_bytes: int = 8 << 20,
    ) -> None:
        self.folder = folder
        self._limit_bytes, self._segment_bytes = limit_bytes, segment_bytes
        self._lock, self._flushing = threading.Lock(), threading.Lock()
        self._sealed: list[Segment] = []
        self._sizes: dict[Segment, int] = {}
        with ExitStack() as held:
            held.enter_context(_alone_in(folder))
            self._take_over()
            self._held = held.pop_all()
        # Numbers name what is kept in ``refused``, too: none is given twice.
        refused = (re.match(r"\d+", kept.name) for kept in (folder / "refused").glob("*"))
        self._last_number = max(
            [segment.number for segment in self._sealed] + [int(name[0]) for name in refused if name], default=0
        )
        self._open: tuple[Segment, SegmentFile] | None = None
        self._safe = Mark(self._last_number, 0)
        self._closed = False
        self._unsafe: set[int] = set()
        """Segments that the disk failed to flush: what was added to them is not known to be safe."""

    @property
    def size_bytes(self) -> int:
        """The bytes that wait on disk."""
        with self._lock:
            return self._size()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        with self._lock:
            return not self._sealed and self._open is None

    def append(self, batch: Sequence[Invocation]) -> Mark:
        """Add *batch* at the end; it is safe when :meth:`sync` of the returned mark has returned.

        Raises :class:`SpoolFull`; the spool is then as it was.
        """
        frame = framed(batch)
        with self._lock, _disk_faults_are_fullness():
            self._require_room(len(frame))
            if self._open and self._open[1].size >= self._segment_bytes:
                self._seal()
            segment, file = self._open or self._begin()
            file.append(frame)
            return Mark(segment.number, file.size)

    def sync(self, mark: Mark) -> None:
        """Return when everything up to *mark* has reached the disk; threads that wait together share one flush.

        Raises :class:`SpoolFull` where the disk refuses.
        """
        with self._flushing, _disk_faults_are_fullness():
            with self._lock:
                if mark.number in self._unsafe:
                    raise SpoolFull(f"{self.folder} could not be flushed")
                if mark <= self._safe or self._open is None:
                    return
                segment, file = self._open
                reached, flush = Mark(segment.number, file.size), file.flusher()
            try:
                flush()
            except OSError:
                with self._lock:
                    self._unsafe.add(segment.number)
                    self._seal()
                raise
            with self._lock:
                self._safe = max(self._safe, reached)

    def add_segment(self, batches: Iterable[Sequence[Invocation]]) -> Segment:
        """Add *batches* as one sealed segment, safe on return; a crash leaves all of it or nothing.

        Raises :class:`SpoolFull`; the spool is then as it was.
        """
        content = segment_of(batches)
        with self._lock, _disk_faults_are_fullness():
            self._require_room(len(content))
            self._seal()
            segment = self._next_segment()
            durably_write(segment.path, content)
            self._sealed.append(segment)
            self._sizes[segment] = len(content)
            return segment

    def oldest(self) -> Segment | None:
        """Return the segment to send next, sealing it if need be; None if nothing waits."""
        with self._lock:
            if not self._sealed:
                self._seal()
            return self._sealed[0] if self._sealed else None

    def read(self, segment: Segment) -> list[Batch]:
        """Return the batches of *segment*; bytes in it that cannot be understood are kept in ``refused``.

        Raises :class:`OSError` as the disk does.
        """
        batches, damaged = read_segment(segment.path)
        if damaged:
            durably_write(self.folder / "refused" / f"{segment.path.stem}.damaged", damaged)
        return batches

    def set_aside(self, name: str, batch: Sequence[Invocation], *, reason: str) -> None:
        """Keep *batch*, which the store can never take, in ``refused`` as JSON, with the reason; safe on return."""
        content = msgspec.json.encode({"reason": reason, "batch": batch})
        durably_write(self.folder / "refused" / f"{name}.json", content)

    def remove(self, segment: Segment) -> None:
        """Forget *segment*, which is stored. A crash may bring it back: storing it again changes nothing."""
        with self._lock:
            if segment in self._sizes and not self._closed:
                segment.path.unlink(missing_ok=True)
                self._sealed.remove(segment)
                del self._sizes[segment]

    def close(self) -> None:
        """Flush and let go of the folder; what waits is there when it is opened again."""
        with self._lock:
            self._seal()
            self._held.close()
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_over(self) -> None:
        """Find what earlier processes left in the folder."""
        try:
            for unfinished in self.folder.glob("*.part"):
                unfinished.unlink()
            self._sealed = sorted(_segments_in(self.folder))
            self._sizes = {segment: flushed_size(segment.path) for segment in self._sealed}
        except OSError as error:
            raise StoreError(
                f"The spool {self.folder} cannot be read: {error}.", remedy="It needs to be readable and writable."
            ) from error

    def _size(self) -> int:
        return sum(self._sizes.values()) + (self._open[1].size if self._open else 0)

    def _require_room(self, more: int) -> None:
        if self._size() + more > self._limit_bytes:
            raise SpoolFull(f"{self.folder} has reached its limit of {self._limit_bytes:,} bytes")

    def _next_segment(self) -> Segment:
        self._last_number += 1
        return Segment(self._last_number, self.folder / f"{self._last_number:012d}.segment")

    def _begin(self) -> tuple[Segment, SegmentFile]:
        segment = self._next_segment()
        self._open = segment, SegmentFile(segment.path)
        return self._open

    def _seal(self) -> None:
        """Close the open segment, flushed; where the disk refuses, who waits for it hears so from :meth:`sync`."""
        if self._open is None:
            return
        segment, file = self._open
        try:
            file.flush()
            self._safe = max(self._safe, Mark(segment.number, file.size))
        except OSError:
            self._unsafe.add(segment.number)
        file.close()
        self._open = None
        self._sealed.append(segment)
        self._sizes[segment] = file.size


def _segments_in(folder: Path) -> Iterator[Segment]:
    for path in folder.iterdir():
        if match := _NAME.fullmatch(path.name):
            yield Segment(int(match[1]), path)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold *folder*, made if need be, against other processes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The spool {folder} cannot be made: {error}.", remedy="Give another folder.") from error
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(folder / "lock", timeout=0))
        except MigrationLocked as error:
            raise StoreBusy(
                f"Another process uses the spool {folder}.", remedy="Give each process a spool folder of its own."
            ) from error
        yield


@contextmanager
def _disk_faults_are_fullness() -> Iterator[None]:
    """To a caller, a disk that refuses is a spool that is full."""
    try:
        yield
    except OSError as error:
        raise SpoolFull(f"the disk of the spool refuses: {error}") from error
