"""Cutting a SQLite script into its statements.

``sqlite3.Connection.executescript`` commits before it starts, so a script run through it is not
atomic; statements are therefore run one by one, and this module tells where each of them ends.
"""

from __future__ import annotations

import re
import sqlite3

import msgspec

from session_buddy.errors import MigrationError
from session_buddy.storage.migrations.scripts import Source

__all__ = ["Statement", "split"]

_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"\w*")
# Those that end or bypass the transaction that holds a migration and its record together, and PRAGMA, which is
# ignored inside a transaction or changes what the migrations themselves keep there.
_WITHHELD = frozenset(
    {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "VACUUM", "ATTACH", "DETACH", "PRAGMA"}
)


class Statement(msgspec.Struct, frozen=True):
    """One SQL statement and the line of its script on which it begins, counted from 1."""

    sql: str
    line: int


def split(script: Source) -> tuple[Statement, ...]:
    """Return the statements of *script*, in order; triggers and quoted semicolons stay whole.

    Raises :class:`MigrationError`, naming file and line, where the last statement is not finished (a file
    that was cut short) and for statements that would break out of the migration's transaction.
    """
    sql = script.sql
    statements: list[Statement] = []
    start = at = _skip_blank(sql, 0)
    while start < len(sql):
        at = sql.find(";", at) + 1
        if not at:
            raise MigrationError(
                f"{script.name}, line {_line(sql, start)}: the statement is not finished.",
                remedy="End every statement with a semicolon; a trigger ends with 'END;'.",
            )
        if sqlite3.complete_statement(sql[start:at]):
            statements.append(_permitted(script, Statement(sql[start:at], _line(sql, start))))
            start = at = _skip_blank(sql, at)
    return tuple(statements)


def _permitted(script: Source, statement: Statement) -> Statement:
    word = _WORD.match(statement.sql)
    if word and word[0].upper() in _WITHHELD:
        raise MigrationError(
            f"{script.name}, line {statement.line}: {word[0].upper()} has no place in a migration script.",
            remedy="Take it out: each migration already runs in a transaction of its own.",
        )
    return statement


def _skip_blank(sql: str, at: int) -> int:
    """Return where the next statement begins, past white space and comments."""
    match = _BLANK.match(sql, at)
    return match.end() if match else at


def _line(sql: str, at: int) -> int:
    return sql.count("\n", 0, at) + 1
