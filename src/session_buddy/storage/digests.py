"""Whether two stores hold the same: digests that do not depend on the order of rows, nor on the engine.

A digest is the sum of the rows' hashes, so a missing, doubled or changed row shows, and rows may come as they like.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from session_buddy.errors import InvalidInvocation
from session_buddy.model import DurationSource, ErrorType, Invocation, Outcome

__all__ = ["EVENT_COLUMNS", "Digest", "add_by_day", "canonical", "to_invocation"]

_FIELDS = Invocation.__struct_fields__
EVENT_COLUMNS = tuple({"trigger": "triggered_by"}.get(field, field) for field in _FIELDS)
"""The columns of ``skill_invocation`` in the order of the fields of an :class:`Invocation`."""

_OUTCOME, _ERROR_TYPE = _FIELDS.index("outcome"), _FIELDS.index("error_type")
_DURATION, _DURATION_SOURCE = _FIELDS.index("duration_ms"), _FIELDS.index("duration_source")
_INVOKED_AT = _FIELDS.index("invoked_at")
_LISTS = tuple(map(_FIELDS.index, ("alternatives_considered", "follow_up_actions", "traits")))
_ERROR_TYPES = frozenset(error_type.value for error_type in ErrorType)
_HASH_BYTES = 16
_MODULUS = 1 << (8 * _HASH_BYTES)
_encode = msgspec.msgpack.Encoder().encode


class Digest(msgspec.Struct):
    """The number of rows added so far, and the sum of their hashes."""

    rows: int = 0
    total: int = 0

    def add(self, row: Sequence[Any]) -> None:
        """Take *row*, plain values only, into the sum."""
        self.rows += 1
        hashed = hashlib.blake2b(_encode(row), digest_size=_HASH_BYTES).digest()
        self.total = (self.total + int.from_bytes(hashed, "little")) % _MODULUS


def canonical(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return *row*, the :data:`EVENT_COLUMNS` of an event, as it reads after it has been recorded through the API.

    The event log is open to any SQL, which may leave out what the API asks for: a failure without a type of ours gets
    ``other``, a duration of unknown source ``elapsed``, an empty list is no list. Other rows are returned as they are.
    """
    failed = row[_OUTCOME] == Outcome.FAILED
    if (
        row[_LISTS[0]] is None
        and row[_LISTS[1]] is None
        and row[_LISTS[2]] is None
        and (not failed or row[_ERROR_TYPE] in _ERROR_TYPES)
        and (row[_DURATION] is None) == (row[_DURATION_SOURCE] is None)
    ):
        return row
    values = list(row)
    for place in _LISTS:
        if row[place] is not None:
            texts = msgspec.json.decode(row[place])
            values[place] = msgspec.json.encode(texts).decode() if texts else None
    if failed and row[_ERROR_TYPE] not in _ERROR_TYPES:
        values[_ERROR_TYPE] = ErrorType.OTHER.value
    if row[_DURATION] is not None and row[_DURATION_SOURCE] is None:
        values[_DURATION_SOURCE] = DurationSource.ELAPSED.value
    return tuple(values)


def to_invocation(row: tuple[Any, ...]) -> Invocation:
    """Return a :func:`canonical` *row* as a value.

    Raises :class:`InvalidInvocation`, which says why, for a row that the API would not take.
    """
    fields = dict(zip(_FIELDS, row, strict=True))
    for place in _LISTS:
        fields[_FIELDS[place]] = msgspec.json.decode(row[place]) if row[place] else ()
    try:
        return msgspec.convert(fields, Invocation)
    except msgspec.ValidationError as error:
        raise InvalidInvocation(
            row[0], f"{error}.", remedy="Correct it in the event log with a SQL tool, and copy again."
        ) from error


def add_by_day(rows: Iterable[tuple[Any, ...]], days: dict[str, Digest]) -> None:
    """Add the :func:`canonical` form of *rows*, events in any order, to the digest of their UTC day."""
    for row in rows:
        day = row[_INVOKED_AT][:10]
        digest = days.get(day)
        if digest is None:
            digest = days[day] = Digest()
        digest.add(canonical(row))
