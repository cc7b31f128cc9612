"""The parser of a file that is one JSON document: read as a whole, as often as it changes."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import Parsed, Parser, fault_told
from session_buddy.model import BadLine, Invocation

__all__ = ["LONGEST_DOCUMENT", "Document", "ReadDocument", "decoded_or_none", "document_of", "stable_id"]

LONGEST_DOCUMENT = 256 * 1024 * 1024
"""A longer one is set aside unread: holding it would be unbounded memory."""

_PROBLEMS_TOLD = 3

T = TypeVar("T")

ReadDocument = Callable[[bytes], tuple[list[Invocation], list[str]]]
"""Gives the invocations of a document, and what in it had to be left out and why; may raise :class:`InvalidInput`."""


class Document(Parser):
    """The parser of one document.

    A document has no lines to go on from: its :attr:`offset` stays at the beginning, so that it is read again from
    there when it has changed. That changes nothing twice, since calls are known by their ids.
    """

    def __init__(self, path: str, read: ReadDocument) -> None:
        self._path, self._read = path, read
        self._pieces: list[bytes] = []
        self._length = 0

    @property
    def offset(self) -> int:
        """Always 0: nothing of a document is done with before all of it is."""
        return 0

    def feed(self, data: bytes) -> Parsed:
        """Take the bytes that follow those already fed; they are read by :meth:`pause`."""
        self._length += len(data)
        if self._length > LONGEST_DOCUMENT:
            self._pieces = []
        else:
            self._pieces.append(data)
        return Parsed([], [])

    def pause(self) -> Parsed:
        """Read all that was fed as one document."""
        if self._length > LONGEST_DOCUMENT:
            return Parsed([], [self._bad(f"is longer than {LONGEST_DOCUMENT} bytes.")])
        data = b"".join(self._pieces).removeprefix(codecs.BOM_UTF8)
        self._pieces = [data]
        if not data or data.isspace():
            return Parsed([], [])
        try:
            invocations, problems = self._read(data)
        except Exception as error:
            return Parsed([], [self._refused(error)])
        return Parsed(invocations, [self._bad(_together(problems))] if problems else [])

    def save(self) -> bytes:
        """Return nothing: it is read again from the start."""
        return b""

    def _refused(self, error: Exception) -> BadLine:
        """Return what is told of the document where reading it raised *error*."""
        return self._bad(error.problem if isinstance(error, InvalidInput) else fault_told(error))

    def _bad(self, reason: str) -> BadLine:
        reason = reason.removeprefix("document: ")
        return BadLine(path=self._path, line=1, offset=0, length=self._length, reason=reason)


def document_of(decoder: msgspec.json.Decoder[T], data: bytes, what: str) -> T:
    """Return the document in *data*; raises :class:`InvalidInput` for one that is no JSON, cut, or no *what*."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(
            "document", f"is no {what}, or was cut ({error}).", remedy="It is read again when it changes."
        ) from error


def decoded_or_none(decoder: msgspec.json.Decoder[T], data: Any) -> T | None:
    """Return what the piece *data* of a document holds, ``None`` where it is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return None


def stable_id(*parts: object) -> str:
    """Return an id for a call that has none of its own: the same for the same *parts*, on every machine.

    >>> stable_id("session", 1) == stable_id("session", 1), len(stable_id("session", 1))
    (True, 32)
    """
    told = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _together(problems: list[str]) -> str:
    more = len(problems) - _PROBLEMS_TOLD
    told = " ".join(problems[:_PROBLEMS_TOLD])
    return f"{told} And {more} more." if more > 0 else told
