"""Words that people choose from, wherever they come in: a query, a body, a call."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from session_buddy.errors import InvalidInput

__all__ = ["one_of"]

_Word = TypeVar("_Word", bound=StrEnum)


def one_of(words: type[_Word], field: str, text: str) -> _Word:
    """Return the one of *words* that *text* is; raises :class:`InvalidInput`, which names *field* and lists them."""
    try:
        return words(text)
    except ValueError as error:
        known = ", ".join(words)
        raise InvalidInput(field, f"{text[:40]!r} is none of {known}.", remedy="Choose one of them.") from error
