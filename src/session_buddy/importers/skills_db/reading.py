"""The rows of ``skill_invocation`` in a ``skills.db``, in their order."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

import msgspec

from session_buddy.errors import InvalidInput
from session_buddy.importers.base import FileParser, Parsed
from session_buddy.importers.calls.failures import failed
from session_buddy.importers.calls.moments import in_utc
from session_buddy.importers.calls.names import split_name
from session_buddy.importers.databases import columns_of, opened
from session_buddy.importers.documents import stable_id
from session_buddy.importers.jsonl import decoded
from session_buddy.model import BadLine, DurationSource, ErrorType, Invocation, Kind, Outcome, Phase

__all__ = ["SkillsReading"]

_ENOUGH = 20_000
"""Rows read at a time: the bound on memory."""

_NEEDED = frozenset({"id", "skill_name", "invoked_at", "session_id", "completed"})
_LATER = (
    "duration_seconds",
    "error_type",
    "alternatives_considered",
    "follow_up_actions",
    "workflow_phase",
    "workflow_step_id",
)
"""Columns that older versions, or other tables, may not have."""
_RATED = frozenset({"session_id", "skill_name", "invoked_at", "rating"})
_NAME = re.compile(r"[\w.:/@-]{1,200}")
_STEP = re.compile(r"[\w.:/#@-]{1,200}")
_PHASES = {phase.value: phase for phase in Phase}
_SORTS = {sort.value: sort for sort in ErrorType}


class _Place(msgspec.Struct):
    """Up to which row the log was read."""

    last_id: int = 0
    first: str = ""
    """Its first row, which tells it from any other database."""


_PLACE = msgspec.msgpack.Decoder(_Place)


class SkillsReading(FileParser):
    """Reads the rows that were added since: the log is one that is only appended to."""

    def __init__(self, path: str, *, user_id: str, source: str, state: bytes | None) -> None:
        self._path, self._user_id, self._source = path, user_id, source
        self._place = decoded(_PLACE, state) if state else _Place()
        self._done = False

    @property
    def is_done(self) -> bool:
        """Tell whether nothing is left for now."""
        return self._done

    def save(self) -> bytes:
        """Return up to which row the log was read."""
        return msgspec.msgpack.encode(self._place)

    def read(self) -> Parsed:
        """Give the next rows; raises :class:`OSError` where the database cannot be read."""
        with opened(self._path) as connection:
            try:
                if "event_id" in columns_of(connection, "skill_invocation", frozenset()):
                    raise InvalidInput(
                        "document", "is a store of this program.", remedy="Copy it with 'session-buddy db copy'."
                    )
                columns = columns_of(connection, "skill_invocation", _NEEDED)
            except InvalidInput as error:
                self._done = True
                return Parsed([], [self._bad(1, error.problem.removeprefix("document: "))])
            self._find_place(connection)
            rows = connection.execute(_query(columns), (self._place.last_id, _ENOUGH)).fetchall()
            ratings = _ratings(connection) if rows else {}
        told = Parsed([], [])
        for row in rows:
            self._row(row, ratings, told)
            self._place.last_id = int(row["id"])
        self._done = len(rows) < _ENOUGH
        return told

    def _find_place(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        row = connection.execute(
            "SELECT session_id, skill_name, invoked_at FROM skill_invocation ORDER BY rowid LIMIT 1"
        ).fetchone()
        first = stable_id(*row) if row is not None else ""
        if first != self._place.first:
            self._place = _Place(first=first)

    def _row(self, row: sqlite3.Row, ratings: dict[tuple[str, ...], float], told: Parsed) -> None:
        try:
            told.invocations.append(self._invocation(row, ratings))
        except InvalidInput as error:
            told.bad_lines.append(self._bad(int(row["id"]), f"Row {row['id']}: {error.problem}"))

    def _invocation(self, row: sqlite3.Row, ratings: dict[tuple[str, ...], float]) -> Invocation:
        session_id, spelt, at = _text(row["session_id"]), _text(row["skill_name"]), in_utc(row["invoked_at"])
        plugin, name = split_name(spelt.strip())
        outcome, error_type = _ended(row)
        seconds = row["duration_seconds"]
        duration_ms = _milliseconds(seconds)
        rated = ratings.get((session_id, spelt, _text(row["invoked_at"])))
        return Invocation(
            event_id=stable_id("skills.db", session_id, spelt, row["invoked_at"], row["occurrence"]),
            session_id=session_id,
            skill_name=name,
            plugin=plugin,
            kind=Kind.SKILL,
            invoked_at=at,
            source=self._source,
            user_id=self._user_id,
            outcome=outcome,
            error_type=error_type,
            duration_ms=duration_ms,
            duration_source=DurationSource.REPORTED if duration_ms is not None else None,
            workflow_phase=_PHASES.get(_text(row["workflow_phase"]).lower()),
            workflow_step_id=step if _STEP.fullmatch(step := _text(row["workflow_step_id"])) else None,
            alternatives_considered=_names(row["alternatives_considered"]),
            follow_up_actions=_names(row["follow_up_actions"]),
            rating=rated,
        )

    def _bad(self, row: int, reason: str) -> BadLine:
        return BadLine(path=self._path, line=max(1, row), offset=max(0, row - 1), length=0, reason=reason)


def _query(columns: frozenset[str]) -> str:
    later = ", ".join(name if name in columns else f"NULL AS {name}" for name in _LATER)
    # What stands under "id" may be anything; a row's place is its number in any case.
    # The log has no id that another database shares; what is told twice in the same moment counts twice.
    return f"""
    SELECT * FROM (
        SELECT rowid AS id, session_id, skill_name, invoked_at, completed, {later},
               row_number() OVER (PARTITION BY session_id, skill_name, invoked_at ORDER BY rowid) AS occurrence
        FROM skill_invocation
    ) WHERE id > ? ORDER BY id LIMIT ?
    """


def _ratings(connection: sqlite3.Connection) -> dict[tuple[str, ...], float]:
    try:
        columns_of(connection, "skill_user_interactions", _RATED)
    except InvalidInput:
        return {}  # Before version 4 nobody could rate.
    rows = connection.execute(
        "SELECT session_id, skill_name, invoked_at, rating FROM skill_user_interactions WHERE rating BETWEEN 1 AND 5"
    )
    return {(_text(row[0]), _text(row[1]), _text(row[2])): float(row[3]) for row in rows}


def _ended(row: sqlite3.Row) -> tuple[Outcome, ErrorType | None]:
    if row["completed"] not in (0, 1):
        raise InvalidInput("completed", f"{row['completed']!r} is neither 0 nor 1.", remedy="It is left out.")
    if row["completed"]:
        return Outcome.COMPLETED, None
    told = _text(row["error_type"])
    if not told.strip():
        # That is what it counts as abandoned.
        return Outcome.ABANDONED, None
    return Outcome.FAILED, _SORTS.get(told.lower()) or failed(told).error_type


def _milliseconds(seconds: Any) -> int | None:
    if seconds is None:
        return None
    if isinstance(seconds, int | float) and 0 <= seconds < 1e9:
        return round(seconds * 1000)
    raise InvalidInput("duration_seconds", f"{seconds!r} is no duration.", remedy="It is left out.")


def _names(told: Any) -> tuple[str, ...]:
    """Return the names in a list of JSON; free text among them is left out."""
    try:
        found = json.loads(told) if isinstance(told, str) else []
    except (ValueError, RecursionError):
        return ()
    return (
        tuple(name for name in found if isinstance(name, str) and _NAME.fullmatch(name))
        if isinstance(found, list)
        else ()
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
