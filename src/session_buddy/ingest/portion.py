"""Reading one portion of one file: the work of a worker process.

A portion is bounded, so that memory is bounded whatever the size of the file; what the
parser must remember travels from portion to portion in its saved state.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from session_buddy.importers.base import FileParser, Importer
from session_buddy.importers.documents import Document
from session_buddy.ingest.files import Reading, identity_of
from session_buddy.model import BadLine, Invocation
from session_buddy.storage.store import Checkpoint

__all__ = ["PORTION_BYTES", "Portion", "read_portion"]

PORTION_BYTES = 32 << 20
_BLOCK_BYTES = 1 << 20


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """What one portion of a file gave, and how to go on."""

    invocations: list[Invocation]
    bad_lines: list[BadLine]
    checkpoint: Checkpoint
    bytes_read: int
    next: Reading | None
    """The rest of the file, if there is any."""


def read_portion(importer: Importer, reading: Reading, *, user_id: str, portion_bytes: int = PORTION_BYTES) -> Portion:
    """Read up to *portion_bytes* of the file, more only to reach the end of a line.

    Raises :class:`OSError` if the file cannot be read.
    """
    written_at = _moment(reading.modified_ns)
    parser = importer.parser(reading.path, user_id=user_id, state=reading.state, written_at=written_at)
    path = Path(reading.path)
    if isinstance(parser, FileParser):
        return _piece_of_file(parser, reading)
    invocations: list[Invocation] = []
    bad_lines: list[BadLine] = []
    taken, ended = 0, False
    with path.open("rb", buffering=0) as file:
        file.seek(reading.offset)
        while taken < portion_bytes or parser.offset == reading.offset:
            block = file.read(_BLOCK_BYTES)
            if not block:
                ended = True
                break
            taken += len(block)
            parsed = parser.feed(block)
            invocations += parsed.invocations
            bad_lines += parsed.bad_lines
    if ended:
        parsed = parser.pause()
        invocations += parsed.invocations
        bad_lines += parsed.bad_lines
    state = parser.save()
    rest = None if ended else msgspec.structs.replace(reading, offset=parser.offset, state=state)
    return Portion(
        invocations=invocations,
        bad_lines=bad_lines,
        checkpoint=Checkpoint(
            path=reading.path,
            importer=reading.version,
            identity=identity_of(path, parser.offset),
            size=reading.size,
            # A file that was not read to its end must not look unchanged next time.
            modified_ns=reading.modified_ns if ended else 0,
            offset=parser.offset,
            state=state,
        ),
        bytes_read=taken if isinstance(parser, Document) else parser.offset - reading.offset,
        next=rest,
    )


def _piece_of_file(parser: FileParser, reading: Reading) -> Portion:
    """Read a piece of a file that its parser reads by itself; how far, only that parser's state says."""
    parsed = parser.read()
    state = parser.save()
    return Portion(
        invocations=parsed.invocations,
        bad_lines=parsed.bad_lines,
        checkpoint=Checkpoint(
            path=reading.path,
            importer=reading.version,
            identity=identity_of(Path(reading.path), 0),
            size=reading.size,
            modified_ns=reading.modified_ns if parser.is_done else 0,
            offset=0,
            state=state,
        ),
        bytes_read=reading.size if parser.is_done else 0,
        next=None if parser.is_done else msgspec.structs.replace(reading, state=state),
    )


def _moment(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // 1_000_000 / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
