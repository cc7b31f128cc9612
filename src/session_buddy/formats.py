"""Numbers, durations and moments as people read them. Pure functions; ``–`` stands for "not known"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

__all__ = [
    "NOTHING",
    "ago",
    "count",
    "date",
    "duration",
    "folder_name",
    "minute",
    "percent",
    "plural",
    "printable",
    "shown_name",
    "signed_points",
    "size",
    "sparkline",
]

NOTHING = "–"
_MCP = "mcp__"
_BARS = "▁▂▃▄▅▆▇█"
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def count(number: int | None) -> str:
    """Return *number* with a comma between thousands.

    >>> count(12892)
    '12,892'
    """
    return NOTHING if number is None else f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return *number* with its noun.

    >>> plural(1, "file"), plural(1200, "file"), plural(2, "entry", "entries")
    ('1 file', '1,200 files', '2 entries')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def size(number: float) -> str:
    """Return a number of bytes in decimal units.

    >>> size(157_044_926)
    '157.0 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.95 or unit == "GB":
            break
        number /= 1000
    return f"{number:.0f} B" if unit == "B" else f"{number:,.1f} {unit}"


def percent(rate: float | None) -> str:
    """Return a fraction 0-1 in percent; never 100 % where something failed, nor 0 % where something did not.

    >>> percent(0.914), percent(0.999), percent(1.0), percent(0.001)
    ('91 %', '>99 %', '100 %', '<1 %')
    """
    if rate is None:
        return NOTHING
    if 0.99 < rate < 1:
        return ">99 %"
    if 0 < rate < 0.01:
        return "<1 %"
    return f"{rate * 100:.0f} %"


def signed_points(slope: float | None) -> str:
    """Return a change of a rate in percentage points.

    >>> signed_points(0.021), signed_points(-0.2)
    ('+2.1', '-20.0')
    """
    return NOTHING if slope is None else f"{slope * 100:+.1f}"


def duration(seconds: float | None) -> str:
    """Return a length of time in two units at most.

    >>> duration(0.25), duration(3.64), duration(437), duration(7500)
    ('250 ms', '3.6 s', '7 min 17 s', '2 h 05 min')
    """
    if seconds is None:
        return NOTHING
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def ago(moment: str, now: str) -> str:
    """Return how long before *now* a *moment* was; its date where that is more than four weeks or in the future.

    >>> ago("2026-01-31T09:30:00.000Z", "2026-01-31T12:00:00.000Z")
    '2 h ago'
    """
    seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds()
    if not 0 <= seconds < 28 * _DAY:
        return date(moment)
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return f"{seconds // _DAY:.0f} d ago"


def date(moment: str) -> str:
    """Return the day of a *moment*, in UTC as everything.

    >>> date("2026-08-01T09:31:18.399Z")
    '1 Aug 2026'
    """
    day = datetime.fromisoformat(moment)
    return f"{day.day} {day:%b %Y}"


def minute(moment: str) -> str:
    """Return a *moment* to the minute, in UTC.

    >>> minute("2026-08-01T09:31:18.399Z")
    '2026-08-01 09:31'
    """
    return moment[:16].replace("T", " ")


def sparkline(values: Sequence[int]) -> str:
    """Return one bar for each of *values*; a space for none, so that one differs from none.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max(values, default=0)
    return "".join(_BARS[(value * len(_BARS) - 1) // most] if value else " " for value in values)


def folder_name(path: str | None) -> str:
    r"""Return the last part of a *path*, of whatever system it comes from.

    >>> folder_name("/home/me/shop"), folder_name("D:\\code\\shop\\")
    ('shop', 'shop')
    """
    parts = [part for part in re.split(r"[\\/]", path or "") if part]
    return printable(parts[-1]) if parts else NOTHING


def shown_name(skill: str) -> str:
    """Return how the name of a *skill* is shown in tables; :mod:`session_buddy.reports.names` understands it.

    >>> shown_name("mcp__Claude_Browser__find"), shown_name("pytest-run")
    ('Claude_Browser: find', 'pytest-run')
    """
    server, separator, tool = skill.removeprefix(_MCP).rpartition("__")
    return printable(f"{server}: {tool}" if skill.startswith(_MCP) and server and tool and separator else skill)


def printable(text: str) -> str:
    r"""Return *text* in one line and without what would steer a terminal: it may come from anywhere.

    >>> printable("a\x1b[2Jb")
    'a�[2Jb'
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "�" for character in re.sub(r"\s+", " ", text))
