"""Reading one portion of one file: the work of a worker process.

A portion is bounded, so that memory is bounded whatever the size of the file; what the
parser must remember travels from portion to portion in its saved state.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from session_buddy.importers.base import Importer
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
    parser = importer.parser(reading.path, user_id=user_id, state=reading.state)
    path = Path(reading.path)
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
        bytes_read=parser.offset - reading.offset,
        next=rest,
    )
