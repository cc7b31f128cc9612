"""What a SQLite schema is, in a form that can be compared: name by name, blind to layout.

What the scripts *should* have created is found by running them in memory.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from session_buddy.errors import SchemaDrift
from session_buddy.storage.migrations import history
from session_buddy.storage.migrations.scripts import Script
from session_buddy.storage.migrations.statements import Statement, split

__all__ = ["Schema", "built", "normalised", "prefixes", "rehearsal", "schema_of", "way_back"]

Schema = dict[str, str]
"""Object (``table skill_metrics``) to normalised SQL."""

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\s+"""  # no token
    r"""|(?P<string>'(?:[^']|'')*')"""
    r"""|"(?P<double>(?:[^"]|"")*)"|`(?P<tick>(?:[^`]|``)*)`|\[(?P<bracket>[^\]]*)\]"""
    r"""|(?P<word>\w+(?:\.\d+)?)|(?P<sign>[^\w\s])""",
    re.DOTALL,
)


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Return every object of the schema but SQLite's own."""
    rows = connection.execute(
        "SELECT type || ' ' || name, sql FROM sqlite_schema"
        r" WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY 1"
    )
    return {name: normalised(sql) for name, sql in rows}


def normalised(sql: str) -> str:
    r"""Return *sql* without comments and layout, in lower case but for its strings, names unquoted.

    SQLite keeps a statement as it was typed, and ALTER TABLE rewrites it with quotes of its own.

    >>> normalised('CREATE TABLE "T" (a TEXT DEFAULT \'X\') -- note')
    "create table t ( a text default 'X' )"
    """
    tokens: list[str] = []
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind in ("string", "sign"):
            tokens.append(match[0])
        elif kind is not None:
            tokens.append(text.lower())
    return " ".join(tokens)


@contextmanager
def rehearsal(scripts: Iterable[Script]) -> Iterator[sqlite3.Connection]:
    """Open a database in memory to which the up scripts *scripts* have been applied."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        history.create(connection)
        for script in scripts:
            for statement in split(script.up):
                connection.execute(statement.sql)
        yield connection
    finally:
        connection.close()


def built(scripts: Iterable[Script]) -> Schema:
    """Return the schema that *scripts* create."""
    with rehearsal(scripts) as connection:
        return schema_of(connection)


def prefixes(scripts: Iterable[Script], statements: Iterable[Statement]) -> list[Schema]:
    """Return the schema after *scripts* and 0, 1, 2 … of *statements*, up to the first that fails."""
    with rehearsal(scripts) as connection:
        schemas = [schema_of(connection)]
        with suppress(sqlite3.Error):  # where it fails here it failed there; running it for real tells why
            for statement in statements:
                connection.execute(statement.sql)
                schemas.append(schema_of(connection))
    return schemas


def way_back(
    scripts: Iterable[Script], done: Iterable[Statement], down: Iterable[Statement], name: str
) -> list[Statement]:
    """Return the statements of *down* that apply where only the statements *done* of the up script took effect.

    Found by trying them in memory; those that fail there have nothing to undo. Raises :class:`SchemaDrift`,
    naming the script, where they do not lead back to what *scripts* create.
    """
    back: list[Statement] = []
    with rehearsal(scripts) as connection:
        before = schema_of(connection)
        for statement in done:
            connection.execute(statement.sql)
        for statement in down:
            with suppress(sqlite3.OperationalError):
                connection.execute(statement.sql)
                back.append(statement)
        if schema_of(connection) != before:
            raise SchemaDrift(
                f"{name} does not lead back from here.", remedy="Finish the version, or restore a backup."
            )
    return back
