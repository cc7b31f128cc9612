"""Answers cut to what a model can afford to read, and the cursor that leads to the rest. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from session_buddy.errors import InvalidInput

__all__ = ["ANSWER_BYTES", "BYTES_A_TOKEN", "Listed", "page_of", "start_of", "tokens_in"]

BYTES_A_TOKEN = 3
"""Of JSON in English; tokenizers make tokens of some four bytes of prose and three of JSON, so this counts too many."""
ANSWER_BYTES = 2_000 * BYTES_A_TOKEN
_SHORTENED = 400
"""The most characters of one text where an answer would be too long."""


class Listed(NamedTuple):
    """An answer: fields of it, and the rows that it is a page of."""

    fields: dict[str, Any]
    name: str
    """Of the rows in the answer; empty: there are none, the fields are all."""
    rows: list[Any]
    """From the very first on, as many as were read."""
    total: int | None = None
    """How many there are in all; None: as many as *rows*."""


def tokens_in(text: str) -> int:
    """Return about how many tokens *text* is, rather too many than too few."""
    return -(-len(text.encode()) // BYTES_A_TOKEN)


def start_of(cursor: str | None, question: object) -> int:
    """Return where the page behind *cursor*, which an answer to *question* gave, begins.

    Raises :class:`InvalidInput` for a cursor of another question, and for what is none.
    """
    if cursor is None:
        return 0
    number, _, digest = cursor.partition(".")
    if not number.isdecimal() or len(number) > 9 or digest != _digest(question):
        raise InvalidInput(
            "cursor", "is not of this question.", remedy="Give 'next' of the answer before, and ask the same again."
        )
    return int(number)


def page_of(answer: Listed, start: int, limit: int, question: object) -> dict[str, Any]:
    """Return *answer* with up to *limit* of its rows from *start* on, as many as fit, and ``next`` where more follow.

    Nothing is in it that says nothing: no nulls, no empty texts or lists. At least one row is, if there is one.
    """
    fields: dict[str, Any] = lean(msgspec.to_builtins(answer.fields))
    if _size(fields) > ANSWER_BYTES // 2:
        fields = shortened(fields)
    if not answer.name:
        return fields
    rows = [lean(row) for row in msgspec.to_builtins(answer.rows[start : start + limit])]
    room = ANSWER_BYTES - _size(fields) - 200
    shown: list[Any] = []
    for row in rows:
        row = row if _size(row) <= ANSWER_BYTES // 2 else shortened(row)
        room -= _size(row) + 1
        if room < 0 and shown:
            break
        shown.append(row)
    end = start + len(shown)
    total = len(answer.rows) if answer.total is None else answer.total
    page = fields | {answer.name: shown, "total": total}
    return page | {"next": f"{end}.{_digest(question)}"} if shown and end < total else page


def lean(value: Any) -> Any:
    """Return *value* without what says nothing, and numbers without digits that nobody reads."""
    if isinstance(value, dict):
        kept = {key: lean(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list):
        return [lean(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def shortened(value: Any, most: int = 20) -> Any:
    """Return *value* with long texts and lists cut short, and said to be."""
    if isinstance(value, dict):
        return {key: shortened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        rest = [f"… {len(value) - most} more"] if len(value) > most else []
        return [shortened(inner) for inner in value[:most]] + rest
    if isinstance(value, str) and len(value) > _SHORTENED:
        return value[:_SHORTENED] + "…"
    return value


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))


def _digest(question: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(question), digest_size=4).hexdigest()
