"""The file of a spooled segment: a magic number, then one frame per batch.

A frame is the length and the checksum of what follows, a checksum of these two, and the batch in MessagePack.
A crash may leave the last frame incomplete. Nobody was told that it is safe, so it is left out when the
segment is read. A frame with a wrong checksum is damage, and so is one that says what this version does not
understand: both are handed back as they are, so that nothing vanishes.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from session_buddy.model import Invocation

__all__ = ["Batch", "SegmentFile", "durably_write", "flushed_size", "framed", "read_segment", "segment_of"]

Batch = tuple[Invocation, ...]

_MAGIC = b"SBSPOOL1"
_HEAD = struct.Struct("<II")
_FRAME = struct.Struct("<III")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


def framed(batch: Sequence[Invocation]) -> bytes:
    """Return the frame of *batch*; raises what the encoder raises for text or numbers beyond MessagePack."""
    payload = _encoder.encode(batch)
    head = _HEAD.pack(len(payload), zlib.crc32(payload))
    return head + struct.pack("<I", zlib.crc32(head)) + payload


def segment_of(batches: Iterable[Sequence[Invocation]]) -> bytes:
    """Return the content of a segment that holds *batches*."""
    return _MAGIC + b"".join(map(framed, batches))


def flushed_size(path: Path) -> int:
    """Return the size of a file that a process left behind, once all of it has reached the disk.

    A killed process may have written more than it flushed; what is sent must not shrink afterwards.
    """
    with path.open("rb+") as file:
        _flush(file.fileno())
        return os.fstat(file.fileno()).st_size


def read_segment(path: Path) -> tuple[list[Batch], bytes]:
    """Return the whole batches of a segment, and the bytes that are whole but cannot be understood."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        return [], b"" if _MAGIC.startswith(data) else data
    batches: list[Batch] = []
    damaged = b""
    at = len(_MAGIC)
    while at + _FRAME.size <= len(data):
        length, checksum, head_checksum = _FRAME.unpack_from(data, at)
        if zlib.crc32(data[at : at + _HEAD.size]) != head_checksum:
            return batches, damaged + data[at:]  # without a length, nothing behind it can be found
        start, end = at + _FRAME.size, at + _FRAME.size + length
        if end > len(data):
            break
        try:
            if zlib.crc32(data[start:end]) != checksum:
                damaged += data[at:end]
            else:
                batches.append(_decoder.decode(data[start:end]))
        except msgspec.DecodeError:
            damaged += data[at:end]
        at = end
    return batches, damaged


class SegmentFile:
    """A new segment, open for appending. Raises :class:`OSError` as the disk does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = path.open("xb", buffering=0)
        try:
            self.append(_MAGIC)
            _flush_folder(path.parent)
        except OSError:
            self.discard()
            raise

    def append(self, data: bytes) -> None:
        """Write *data* whole or not at all; it is safe after :meth:`flush`."""
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            # What remains if this fails too is an incomplete frame, which readers leave out.
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise
        self.size += len(data)

    def flush(self) -> None:
        """Return when what was written has reached the disk."""
        _flush(self._file.fileno())

    def flusher(self) -> _Flusher:
        """Return what flushes this file, also while another thread closes it."""
        return _Flusher(os.dup(self._file.fileno()))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def discard(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class _Flusher:
    """Flushes a file through a descriptor of its own, once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self) -> None:
        try:
            _flush(self._descriptor)
        finally:
            os.close(self._descriptor)


def durably_write(path: Path, data: bytes) -> None:
    """Write a file that is there whole, or not at all, whatever happens. A crash may leave a ``.part`` beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            _flush(file.fileno())
        beside.replace(path)
        _flush_folder(path.parent)
    except OSError:
        for left in (beside, path):
            left.unlink(missing_ok=True)
        raise


if sys.platform == "darwin":
    import fcntl

    def _flush(descriptor: int) -> None:
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync leaves the data in the drive's cache there
else:

    def _flush(descriptor: int) -> None:
        os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    """Make the names in *folder* durable, where the system has a way to."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
