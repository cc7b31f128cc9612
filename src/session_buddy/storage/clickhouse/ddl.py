"""The parts of a ``CREATE TABLE`` statement of ClickHouse, found in its text. Pure."""

from __future__ import annotations

import re

import msgspec

from session_buddy.errors import MigrationError

__all__ = ["Table", "bare", "parsed", "quoted", "unquoted"]

_TABLE = re.compile(r"CREATE\s+TABLE\s+(?P<exists>IF\s+NOT\s+EXISTS\s+)?(?P<name>\w+)\s*(?=\()", re.IGNORECASE)
_ENGINE = re.compile(r"\s*ENGINE\s*=\s*(?P<engine>\w+)\s*", re.IGNORECASE)
_SORTING_KEY = re.compile(r"\bORDER\s+BY\s*\(?\s*(?P<column>\w+)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^'\\]|\\.|'')*'|`[^`]*`)", re.DOTALL)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`")
_SHARDING_COLUMNS = ("user_id", "session_id", "event_id", "skill_name")


class Table(msgspec.Struct, frozen=True):
    """The parts of a ``CREATE TABLE`` statement."""

    name: str
    exists: str
    columns: str
    """With the parentheses around them."""
    engine: str
    arguments: str
    """Of the engine, without parentheses."""
    rest: str

    @property
    def sharding_column(self) -> str:
        """The column by whose hash rows that are written to the table over all shards are spread."""
        for column in _SHARDING_COLUMNS:
            # A state of an aggregate is no value to take a hash of.
            if re.search(rf"[(,]\s*{column}\s+(?!AggregateFunction)", self.columns):
                return column
        key = _SORTING_KEY.search(self.rest)
        if not key:
            raise MigrationError(
                f"{self.name} has no column to spread its rows by.",
                remedy="Give the table a sorting key: ORDER BY (…).",
            )
        return key["column"]


def parsed(statement: str) -> Table | None:
    """Return the parts of *statement*, which is :func:`bare`; nothing where it creates no table.

    Raises :class:`MigrationError` for one without an engine, or whose parentheses are not closed.
    """
    head = _TABLE.match(statement)
    if not head:
        return None
    end = _closing(statement, head.end())
    engine = _ENGINE.match(statement, end)
    if not engine:
        raise MigrationError(f"{head['name']} names no engine.", remedy="Write ENGINE = … behind the columns.")
    after = engine.end()
    arguments = ""
    if statement[after : after + 1] == "(":
        closed = _closing(statement, after)
        arguments, after = statement[after + 1 : closed - 1].strip(), closed
    return Table(
        head["name"], head["exists"] or "", statement[head.end() : end], engine["engine"], arguments, statement[after:]
    )


def _closing(text: str, at: int) -> int:
    """Return the place behind the parenthesis that closes the one at *at*."""
    depth = 0
    for place, character in enumerate(unquoted(text[at:]), at):
        depth += (character == "(") - (character == ")")
        if not depth:
            return place + 1
    raise MigrationError("A parenthesis is not closed.", remedy="Restore the migration scripts.")


def bare(statement: str) -> str:
    """Return *statement* without comments, surrounding blanks and its semicolon."""
    return _COMMENT.sub(lambda found: found[1] or "", statement).strip().rstrip(";").rstrip()


def unquoted(text: str) -> str:
    """Return *text* with everything in quotes blanked, place for place."""
    return _QUOTED.sub(lambda found: " " * len(found[0]), text)


def quoted(text: str) -> list[tuple[int, int]]:
    """Return where quotes begin and end in *text*."""
    return [found.span() for found in _QUOTED.finditer(text)]
