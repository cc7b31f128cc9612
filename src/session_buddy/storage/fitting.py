"""Values of invocations that are of another type than their field: told before anything is stored. Pure.

A struct does not look at the types of what it is made of. One engine would refuse such a value in words of its own,
another round it, or store what can never be read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from session_buddy.errors import InvalidInvocation
from session_buddy.model import Invocation

__all__ = ["refuse_wrong_columns", "refuse_wrong_types"]


def _types_of(hint: Any) -> frozenset[type]:
    if isinstance(hint, UnionType):
        return frozenset().union(*map(_types_of, get_args(hint)))
    kind: type = get_origin(hint) or hint
    # A whole number is a rating too, and a list goes the same ways as a tuple.
    also: dict[type, tuple[type, ...]] = {float: (int,), tuple: (list,)}
    return frozenset((kind, *also.get(kind, ())))


_FIELDS = Invocation.__struct_fields__
_HINTS = get_type_hints(Invocation)
_TYPES = {field: _types_of(_HINTS[field]) for field in _FIELDS}
_LISTS = frozenset(field for field, types in _TYPES.items() if tuple in types)
_VALUES = attrgetter(*_FIELDS)
_AT_ONCE = 1_000
"""So many are taken apart at a time: what they hold stays near the processor for all columns."""
_TEXT = frozenset({str})


def refuse_wrong_types(batch: Sequence[Invocation]) -> None:
    """Raise :class:`InvalidInvocation`, naming the field, where a value of *batch* is not of its field's type."""
    for start in range(0, len(batch), _AT_ONCE):
        some = map(_VALUES, batch[start : start + _AT_ONCE])
        refuse_wrong_columns(dict(zip(_FIELDS, zip(*some, strict=True), strict=True)))


def refuse_wrong_columns(columns: Mapping[str, Sequence[Any]]) -> None:
    """Raise as :func:`refuse_wrong_types` for values by field; looks at types, not at each value for itself."""
    for field, values in columns.items():
        if not _fit(set(map(type, values)), _TYPES[field]):
            raise _wrong(field, next(value for value in values if not _fit({type(value)}, _TYPES[field])))
        if field in _LISTS and any(values) and not _fit(set(map(type, chain.from_iterable(values))), _TEXT):
            raise _wrong(field, next(part for part in chain.from_iterable(values) if not isinstance(part, str)))


def _fit(found: set[type], wanted: frozenset[type]) -> bool:
    # Other sorts of text are text; a truth value is no number, though Python has it so.
    return found <= wanted or all(kind in wanted or (str in wanted and issubclass(kind, str)) for kind in found)


def _wrong(field: str, value: object) -> InvalidInvocation:
    names = sorted(kind.__name__ for kind in _TYPES[field] - {NoneType, list})
    what = "str in a list" if field in _LISTS else " or ".join(names)
    return InvalidInvocation(
        field, f"{value!r:.60} is a {type(value).__name__}.", remedy=f"Give a value of type {what}."
    )
