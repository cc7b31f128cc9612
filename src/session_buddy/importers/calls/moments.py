"""When a line was written."""

from __future__ import annotations

from session_buddy.errors import InvalidInput
from session_buddy.model import YEARS, parse_time

__all__ = ["written_at"]


def written_at(timestamp: str | None) -> str:
    """Return the *timestamp* of a line in the canonical form.

    Raises :class:`InvalidInput` for one that is none, and for a year that not every engine can keep: such a line is set
    aside on all of them, and the rest of its file is read.
    """
    moment = parse_time(timestamp or "", field="timestamp")
    first, last = YEARS
    if not first <= moment[:4] <= last:
        raise InvalidInput(
            "timestamp", f"{moment!r} is outside {first}-{last}.", remedy="Set the clock that it comes from."
        )
    return moment
