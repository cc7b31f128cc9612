"""Where a list goes on: a place in an order, as a text that callers hand back and need not understand."""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["cursor_after", "place_of"]

T = TypeVar("T")


def cursor_after(*place: str | int) -> str:
    """Return the cursor of what follows *place*, the values by which the list is ordered.

    >>> place_of(cursor_after("2026-01-31T09:30:00.000Z", "e1"), tuple[str, str])
    ('2026-01-31T09:30:00.000Z', 'e1')
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, shape: type[T]) -> T:
    """Return the place that *cursor* was made of; raises :class:`InvalidInput` for one that we did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=shape)
    except (UnicodeEncodeError, binascii.Error, UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(
            "cursor", "is none that this list gave.", remedy="Take it from 'next' as it is, or leave it out."
        ) from error
