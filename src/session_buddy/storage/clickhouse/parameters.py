"""The placeholders of SQLite's queries, ``?`` and ``:name``, as ClickHouse's server-side parameters.

Also refuses what is more or less than one statement: the engine in this process would run all of several.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from session_buddy.errors import QueryRefused

__all__ = ["bound"]

_TOKEN = re.compile(
    r"""(?P<remark>--[^\n]*|/\*.*?\*/)|(?P<skip>'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*"|`(?:[^`\\]|``|\\.)*`|::)"""
    r"""|(?P<place>\?)|:(?P<name>[A-Za-z_]\w*)|(?P<end>;)|(?P<other>[^\s])""",
    re.DOTALL,
)
_TYPES = {bool: "Bool", int: "Int64", float: "Float64", str: "String", bytes: "String"}


def bound(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return *sql* and *parameters* as ClickHouse wants them; quoted text and comments are left alone.

    Without parameters nothing is replaced, so that ``a ? b : c`` stays an expression. Raises
    :class:`QueryRefused` where places and values do not match, or a value has no type in SQL.

    >>> bound("SELECT ? WHERE a = '?'", [5])
    ("SELECT {p0:Int64} WHERE a = '?'", {'p0': 5})
    """
    _refuse_all_but_one(sql)
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


def _refuse_all_but_one(sql: str) -> None:
    begun = ended = False
    for match in _TOKEN.finditer(sql):
        if match["remark"]:
            continue
        if match["end"]:
            ended = ended or begun
        elif ended:
            raise QueryRefused("These are several statements.", remedy="Ask for one thing at a time.")
        else:
            begun = True
    if not begun:
        raise QueryRefused("There is no statement that gives rows.", remedy="Write a SELECT.")


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
