"""When a line was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from session_buddy.errors import InvalidInput
from session_buddy.model import YEARS, parse_time

__all__ = ["earlier", "from_epoch_ms", "in_utc", "written_at"]


def written_at(timestamp: object) -> str:
    """Return the *timestamp* of a line in the canonical form.

    Raises :class:`InvalidInput` for one that is none, and for a year that not every engine can keep: such a line is set
    aside on all of them, and the rest of its file is read.
    """
    moment = parse_time(timestamp if isinstance(timestamp, str) else "", field="timestamp")
    first, last = YEARS
    if not first <= moment[:4] <= last:
        raise InvalidInput(
            "timestamp", f"{moment!r} is outside {first}-{last}.", remedy="Set the clock that it comes from."
        )
    return moment


def from_epoch_ms(milliseconds: object) -> str:
    """Return the moment so many *milliseconds* after 1970 began, in the canonical form.

    Raises :class:`InvalidInput` for what is no such number.

    >>> from_epoch_ms(1768510349284)
    '2026-01-15T20:52:29.284Z'
    """
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise InvalidInput("timestamp", f"{milliseconds!r} is no time.", remedy="It is left out.")
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as error:
        raise InvalidInput("timestamp", f"{milliseconds!r} is no time.", remedy="It is left out.") from error
    return written_at(moment.isoformat(timespec="milliseconds"))


def in_utc(timestamp: object) -> str:
    """Return *timestamp* in the canonical form; one without a zone is taken for UTC.

    Raises :class:`InvalidInput` for one that is none.

    >>> in_utc("2026-01-31T10:30:00.5"), in_utc("2026-01-31 10:30:00+01:00")
    ('2026-01-31T10:30:00.500Z', '2026-01-31T09:30:00.000Z')
    """
    text = timestamp if isinstance(timestamp, str) else ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("timestamp", f"{timestamp!r} is no ISO-8601 time.", remedy="It is left out.") from error
    return written_at(text if moment.tzinfo else moment.replace(tzinfo=UTC).isoformat(timespec="milliseconds"))


def earlier(moment: str, milliseconds: float) -> str:
    """Return what was so many *milliseconds* before the canonical *moment*, in the canonical form.

    Raises :class:`InvalidInput` where that is before any year that is kept.
    """
    try:
        before = datetime.fromisoformat(moment) - timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise InvalidInput(
            "duration", f"{milliseconds!r} ms before {moment} is no time.", remedy="It is left out."
        ) from error
    return written_at(before.isoformat())
