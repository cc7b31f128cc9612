"""The contract of an importer: bytes in, invocations out, no I/O and no clock.

An importer knows where its agent keeps files and how to read them. A :class:`Parser`
reads *one* file, piece by piece; what it must remember between two readings fits in
:meth:`Parser.save`, so that a file that grew is read on from where it was left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from session_buddy.model import BadLine, Invocation, SkillFacts

__all__ = ["FAULT", "FileParser", "Importer", "Parsed", "Parser", "fault_told"]

FAULT = "is a fault of this version of Session-Buddy"
_log = logging.getLogger(__name__)


def fault_told(error: Exception) -> str:
    """Return the reason why a piece of input is set aside that made an importer raise *error*.

    What other programs write changes, and one piece of it may stop neither what follows nor other files. Its message
    may hold what the piece holds, and is told only to who asks for all that is logged.
    """
    _log.debug("An importer failed", exc_info=error)
    return f"{FAULT} ({type(error).__name__}); please report it."


class Parsed(msgspec.Struct, frozen=True):
    """What one piece of input gave."""

    invocations: list[Invocation]
    bad_lines: list[BadLine]


class Parser(Protocol):
    """Reads one file incrementally.

    Never raises on content: what cannot be understood becomes a :class:`BadLine` and the
    next line is read. An invocation may be given more than once, each time more complete;
    the store merges by ``event_id``.
    """

    @property
    def offset(self) -> int:
        """Bytes consumed so far: the end of the last whole line."""
        ...

    def feed(self, data: bytes) -> Parsed:
        """Take the bytes that follow those already fed; lines may be cut anywhere."""
        ...

    def pause(self) -> Parsed:
        """Give what is known of everything still open, at the present end of the file.

        Feeding may go on afterwards. A last line without its newline is read if it is whole
        and stays unconsumed if it was cut.
        """
        ...

    def save(self) -> bytes:
        """Return the state to hand to :meth:`Importer.parser` to go on at :attr:`offset`."""
        ...


@runtime_checkable
class FileParser(Protocol):
    """Reads one file that is no stream of bytes, such as a database, by its path. The one parser that does I/O.

    It never changes the file. Content that cannot be understood becomes a :class:`BadLine`.
    """

    def read(self) -> Parsed:
        """Give a bounded piece of what is new since :meth:`save` was last called.

        Raises :class:`OSError`, with the reason, where the file is locked, damaged or gone.
        """
        ...

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left for now."""
        ...

    def save(self) -> bytes:
        """Return the state to hand to :meth:`Importer.parser` to go on from."""
        ...


class Importer(Protocol):
    """Where one agent keeps its files, and how to read them."""

    @property
    def name(self) -> str:
        """The word stored in ``source``: ``claude_code``."""
        ...

    @property
    def version(self) -> str:
        """What changes when the same files would give other invocations.

        Files that another version has read are read again.
        """
        ...

    def prepare(self) -> None:
        """Load what parsing needs; called once before processes are started, which then share it."""
        ...

    def facts(self, skill_names: Iterable[str]) -> list[SkillFacts]:
        """Return what the importer knows of those of *skill_names* that it knows."""
        ...

    def roots(self, environment: Mapping[str, str], home: Path) -> list[Path]:
        """Return the folders and files in which this agent keeps its calls, existing or not."""
        ...

    @property
    def suffixes(self) -> frozenset[str]:
        """What the names of its files end in."""
        ...

    def find(self, root: Path) -> Iterator[Path]:
        """Yield the files below *root* (or *root* itself) that this importer reads, in a stable order.

        No other importer reads them: see :mod:`session_buddy.importers.recognition`.
        """
        ...

    def moment(self, data: bytes) -> str | None:
        """Return when the first line in *data* that tells so was written, ``None`` where none does.

        *data* begins with a line, and may be cut anywhere after that.
        """
        return None

    def parser(
        self, path: str, *, user_id: str, state: bytes | None = None, written_at: str | None = None
    ) -> Parser | FileParser:
        """Return a parser for the file called *path*, fresh or going on from *state*.

        *written_at* is when the file was last written, for files that tell no times of their own.
        """
        ...
