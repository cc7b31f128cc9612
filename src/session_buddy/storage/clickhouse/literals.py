"""Values as they stand in the text of a statement. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

__all__ = ["dates", "literal", "set_of_moments", "set_of_texts"]


def literal(text: str) -> str:
    r"""Return *text* quoted for SQL.

    >>> literal("it's")
    "'it\\'s'"
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def set_of_texts(texts: Iterable[str]) -> str:
    """Return *texts* as a set in SQL: one literal, quick to build, to parse and to ask.

    As a subquery, since ClickHouse goes through an array from its beginning for every row.
    """
    return f"(SELECT arrayJoin({_array(texts, 'String')}))"


def set_of_moments(milliseconds: Iterable[int]) -> str:
    """Return *milliseconds* since 1970 as a set of times in SQL."""
    return f"(SELECT fromUnixTimestamp64Milli(arrayJoin({_array(milliseconds, 'Int64')}), 'UTC'))"


def dates(days: Iterable[str]) -> str:
    """Return *days* as a list of dates in SQL, without those that ClickHouse has no date for."""
    return "(" + ", ".join(f"toDate('{day}')" for day in sorted(days) if "1970-01-01" <= day < "2149") + ")"


def _array(values: Iterable[str] | Iterable[int], kind: str) -> str:
    return f"JSONExtract({literal(msgspec.json.encode(list(values)).decode())}, 'Array({kind})')"
