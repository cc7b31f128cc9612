"""The placeholders of SQLite's queries, ``?`` and ``:name``, as ClickHouse's server-side parameters.

Also refuses what is not one statement that only reads. The engine's ``readonly`` does not see to all of it: in this
process it runs all of several statements, lets ``USE`` and ``KILL`` through, and writes the files that ``INTO OUTFILE``
and the function ``sqlite`` name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from session_buddy.errors import QueryRefused

__all__ = ["bound"]

_TOKEN = re.compile(
    r"""(?P<remark>--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)"""
    r"""|(?P<skip>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`\\]|``|\\.)*`|‘[^’]*’|“[^”]*”"""
    r"""|\$(?P<tag>[A-Za-z0-9_]*)\$.*?\$(?P=tag)\$|::)"""
    r"""|(?P<place>\?)|:(?P<name>[A-Za-z_]\w*)|(?P<end>;)|(?P<word>[A-Za-z0-9_$]+)|(?P<other>[!-~])""",
    re.DOTALL,
)
"""What the engine takes for one sign: a quote that only we saw would hide from us what stands behind it.

What is not ASCII and not in quotes is white space, some of it without width, or nothing that the engine understands.
"""
_READING = ("SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS")
"""The first words of statements that give rows and change nothing."""
_QUOTES = '`"“”'
_TYPES = {bool: "Bool", int: "Int64", float: "Float64", str: "String", bytes: "String"}


def bound(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return *sql* and *parameters* as ClickHouse wants them; quoted text and comments are left alone.

    Without parameters nothing is replaced, so that ``a ? b : c`` stays an expression. Raises :class:`QueryRefused`
    where places and values do not match, a value has no type in SQL, or *sql* does more than read.

    >>> bound("SELECT ? WHERE a = '?'", [5])
    ("SELECT {p0:Int64} WHERE a = '?'", {'p0': 5})
    """
    _refuse_all_but_one_read(sql)
    if not parameters:
        return sql, {}
    values: dict[str, Any] = {}
    named = isinstance(parameters, Mapping)

    def replaced(match: re.Match[str]) -> str:
        if not (match["name"] if named else match["place"]):
            return match[0]
        if isinstance(parameters, Mapping):
            name, value = match["name"], parameters.get(match["name"], _MISSING)
        else:
            name, value = f"p{len(values)}", parameters[len(values)] if len(values) < len(parameters) else _MISSING
        if value is _MISSING:
            raise _mismatch(f"there is no value for {match[0]}")
        values[name] = value
        return f"{{{name}:{_type_of(value)}}}"

    text = _TOKEN.sub(replaced, sql)
    if not named and len(values) != len(parameters):
        raise _mismatch(f"{len(parameters)} values for {len(values)} places")
    return text, values


_MISSING = object()


def _refuse_all_but_one_read(sql: str) -> None:
    """Raise for what is no statement, several, or one that writes or changes what the reader is."""
    signs = [match for match in _TOKEN.finditer(sql) if not match["remark"]]
    while signs and signs[-1]["end"]:
        signs.pop()
    while signs and signs[0]["end"]:
        del signs[0]
    if not signs:
        raise QueryRefused("There is no statement that gives rows.", remedy="Write a SELECT.")
    if any(sign["end"] for sign in signs):
        raise QueryRefused("These are several statements.", remedy="Ask for one thing at a time.")
    first = next((sign[0].upper() for sign in signs if sign[0] != "("), "(")
    if first not in _READING:
        raise QueryRefused(
            f"This statement begins with {first[:40]}; only reading is allowed here.",
            remedy=f"Begin with one of {', '.join(_READING)}; write through the API.",
        )
    for sign, after in pairwise(signs):
        what = sign[0].upper(), after[0].upper()
        if what == ("INTO", "OUTFILE"):
            raise _writes_a_file("INTO OUTFILE")
        if what[0].strip(_QUOTES) == "SQLITE" and what[1] == "(":
            raise _writes_a_file("sqlite()")


def _writes_a_file(what: str) -> QueryRefused:
    return QueryRefused(
        f"{what} would write a file; only reading is allowed here.",
        remedy="Leave it out: 'session-buddy sql --csv' prints the rows, which you can send to a file.",
    )


def _type_of(value: Any) -> str:
    if value is None:
        return "Nullable(String)"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise _mismatch(f"{value} is beyond 64 bits")
    if isinstance(value, str) and not _is_utf8(value):
        raise _mismatch("a text holds half a surrogate pair")
    for kind, name in _TYPES.items():
        if isinstance(value, kind):
            return name
    raise _mismatch(f"a {type(value).__name__} is no value of SQL")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _mismatch(problem: str) -> QueryRefused:
    return QueryRefused(f"The statement's parameters do not fit: {problem}.", remedy="Give one value for each place.")
