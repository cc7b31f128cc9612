"""Ids, names and durations that importers of CI have in common. Pure.

Names that are made of several parts keep them apart: a workflow ``a:b`` with a job ``c`` is no workflow ``a`` with a
job ``b:c``, and both have names and ids of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime

from session_buddy.errors import InvalidInput
from session_buddy.importers.calls.moments import written_at

__all__ = [
    "LONGEST_NAME",
    "content_digest",
    "digest",
    "fitted",
    "joined",
    "milliseconds",
    "milliseconds_between",
    "moment",
    "seconds_of",
]

LONGEST_NAME = 300
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff]+")
_SPACED_ZONE = re.compile(r"(.*\d) (UTC|[+-]\d{2}:?\d{2})")
_FRACTION = re.compile(r"\.(\d{6})\d+")
_LONGEST_MS = 100 * 366 * 86_400_000


def digest(*parts: object) -> str:
    """Return 32 hexadecimal digits that tell *parts*, in this order, from any others.

    >>> digest("a", "bc") != digest("ab", "c")
    True
    """
    return hashlib.blake2b(json.dumps(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def content_digest(data: bytes) -> str:
    """Return 32 hexadecimal digits that tell the document *data* from any other."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def joined(*parts: str) -> str:
    """Return *parts* as one name with ``:`` between them; different parts give different names.

    >>> joined("github", "octo/repo", "CI: nightly")
    'github:octo/repo:CI%3A nightly'
    """
    return fitted(":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts))


def fitted(name: str) -> str:
    """Return *name* on one line and with 300 characters at most; what had to change ends in a digest of all of it."""
    shown = _ODD.sub(" ", name).strip()
    if shown == name and len(name) <= LONGEST_NAME:
        return name
    return f"{shown[: LONGEST_NAME - 17]}~{digest(name)[:16]}"


def seconds_of(text: str | None) -> float | None:
    """Return *text*, seconds as a report writes them, as a number; None where it is none.

    Programs write thousands with a comma (``1,234.5``), some write a comma before the fraction (``0,25``).

    >>> seconds_of("1,234.5"), seconds_of("0,25"), seconds_of("soon")
    (1234.5, 0.25, None)
    """
    if text is None:
        return None
    plain = text.strip()
    plain = plain.replace(",", "") if "." in plain else plain.replace(",", ".")
    try:
        seconds = float(plain)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def milliseconds(seconds: float | None) -> int | None:
    """Return *seconds* in whole milliseconds; None where they are not known, negative or beyond a century.

    >>> milliseconds(12.5), milliseconds(-1.0)
    (12500, None)
    """
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds * 1000 < _LONGEST_MS:
        return None
    return round(seconds * 1000)


def milliseconds_between(start: str | None, end: str | None) -> int | None:
    """Return what lies between two moments in the canonical form; None where one is missing or the end comes first."""
    if start is None or end is None:
        return None
    return milliseconds((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def moment(value: object) -> str | None:
    """Return *value*, a time as reports and services write it, in the canonical form; None where it is none.

    Numbers are seconds since 1970. Reports of tests commonly leave the zone out, and most run where it is UTC: such a
    time is taken for UTC.

    >>> moment("2016-08-12 15:23:28 UTC"), moment("2020-09-01T07:11:23.8158731"), moment("YYYY-MM-DD")
    ('2016-08-12T15:23:28.000Z', '2020-09-01T07:11:23.815Z', None)
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(value)
    if not isinstance(value, str):
        return None
    text = _FRACTION.sub(r".\1", value.strip())
    zoned = _SPACED_ZONE.fullmatch(text)
    if zoned:
        text = zoned[1] + ("Z" if zoned[2] == "UTC" else zoned[2])
    try:
        read = datetime.fromisoformat(text)
        if read.tzinfo is None:
            text = read.replace(tzinfo=UTC).isoformat()
        return written_at(text)
    except (ValueError, InvalidInput):
        return None


def _since_1970(seconds: float) -> str | None:
    try:
        return written_at(datetime.fromtimestamp(seconds, UTC).isoformat())
    except (ValueError, OverflowError, OSError, InvalidInput):
        return None
