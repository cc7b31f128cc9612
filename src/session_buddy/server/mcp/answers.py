"""Answers cut to what a model can afford to read, and the cursor that leads to the rest. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec

from session_buddy.catalog.scanning.tokens import estimated_tokens
from session_buddy.errors import InvalidInput

__all__ = ["ANSWER_TOKENS", "Listed", "fitted", "lean", "page_of", "start_of", "tokens_of"]

ANSWER_TOKENS = 2_000
"""The most that an answer costs its reader, by :func:`~session_buddy.catalog.scanning.tokens.estimated_tokens`: of JSON
that counts half as many again as public tokenizers do, since it was fitted to what newer models are charged with."""
_CURSOR_TOKENS = 40
_CUTS = ((20, 400), (8, 200), (4, 100), (2, 60))
"""So many items of a list and characters of a text stay, the first of these with which the answer fits."""


class Listed(NamedTuple):
    """An answer: fields of it, and the rows that it is a page of."""

    fields: dict[str, Any]
    name: str
    """Of the rows in the answer; empty: there are none, the fields are all."""
    rows: list[Any]
    """From the very first on, as many as were read."""
    total: int | None = None
    """How many there are in all; None: as many as *rows*."""


def tokens_of(value: Any) -> int:
    """Return about how many tokens *value* is as JSON."""
    return estimated_tokens(msgspec.json.encode(value).decode())


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
    if not answer.name:
        return fitted(fields, ANSWER_TOKENS)
    fields = fitted(fields, ANSWER_TOKENS // 2)
    rows = [lean(row) for row in msgspec.to_builtins(answer.rows[start : start + limit])]
    room = ANSWER_TOKENS - tokens_of(fields) - _CURSOR_TOKENS
    shown: list[Any] = []
    for row in rows:
        row = fitted(row, ANSWER_TOKENS // 2 - _CURSOR_TOKENS)
        room -= tokens_of(row) + 1
        if room < 0 and shown:
            break
        shown.append(row)
    end = start + len(shown)
    total = len(answer.rows) if answer.total is None else answer.total
    page = fields | {answer.name: shown, "total": total}
    return page | {"next": f"{end}.{_digest(question)}"} if shown and end < total else page


def fitted(value: dict[str, Any], tokens: int) -> dict[str, Any]:
    """Return *value*, with long texts and lists cut short where it is more than so many *tokens*.

    Of a list that was cut, ``…_left_out`` tells how many are missing. What is too long even so, a hundred fields say,
    loses its last ones.
    """
    cuts = iter(_CUTS)
    shown = value
    while tokens_of(shown) > tokens:
        cut = next(cuts, None)
        shown = dict(list(shown.items())[: len(shown) // 2]) if cut is None else _cut(value, *cut)
    return shown


def lean(value: Any) -> Any:
    """Return *value* without what says nothing, and numbers without digits that nobody reads."""
    if isinstance(value, dict):
        kept = {key: lean(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [lean(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def _cut(value: Any, most: int, characters: int) -> Any:
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for key, inner in value.items():
            kept[key] = _cut(inner, most, characters)
            if isinstance(inner, list) and len(inner) > most:
                kept[f"{key}_left_out"] = len(inner) - most
        return kept
    if isinstance(value, list):
        return [_cut(inner, most, characters) for inner in value[:most]]
    if isinstance(value, str) and len(value) > characters:
        return value[:characters] + "…"
    return value


def _digest(question: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(question), digest_size=4).hexdigest()
