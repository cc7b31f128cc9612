"""Write docs/reference/schema.md from the migration scripts: ``python -m tools.schema_reference``.

Each script is run in memory, statement by statement; what appears in the schema is described with
the comments that stand above and inside the statement that made it.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
from pathlib import Path

import msgspec

from session_buddy.storage import migrations
from session_buddy.storage.migrations import history
from session_buddy.storage.migrations.fingerprint import rehearsal
from session_buddy.storage.migrations.scripts import Script, Source, load
from session_buddy.storage.migrations.statements import split

__all__ = ["PAGE", "Column", "columns_of", "schema_page"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "schema.md"

_HEAD = """\
# The schema

<!-- Written by tools/schema_reference.py from the migration scripts. Change those, then run it again. -->

Every table, view, index and trigger of a SQLite store, in the order in which the migrations make them. The
columns of the six views that programs should read are explained, with examples, in [sql.md](sql.md).

- Times are text in UTC, `2026-01-31T09:30:00.000Z`, so text order is time order.
- `…_ms` is whole milliseconds, `…_seconds` is seconds.
- Rates are fractions from 0 to 1; only `effectiveness_percentile` runs from 0 to 100.
- Tables are `STRICT`. The *Rule* column gives the declaration as it stands in the script.

"""
_OBJECT = re.compile(r"CREATE (?:UNIQUE )?(TABLE|VIEW|INDEX|TRIGGER) (\w+)", re.IGNORECASE)
_ADDED = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.+);", re.DOTALL)
_EVENT = re.compile(
    r"CREATE TRIGGER \w+\s+((?:BEFORE|AFTER|INSTEAD OF) (?:INSERT|UPDATE|DELETE))(?: OF .*?)?\s+ON (\w+)", re.DOTALL
)
_PIECE = re.compile(r"--(?P<comment>[^\n]*)|'(?:[^']|'')*'|[(),]|\n|[^-'(),\n]+|-")


class Column(msgspec.Struct, frozen=True):
    """One entry of a table's declaration: a column, or (with no name) a rule of the whole table."""

    name: str
    rule: str
    note: str


def schema_page() -> str:
    """Return the whole page."""
    scripts = load(Path(migrations.__file__).parent / "sqlite")
    parts = [_HEAD, _overview(scripts), *(_version(script, scripts) for script in scripts), _own_history()]
    return "".join(parts)


def columns_of(declaration: str) -> list[Column]:
    """Return the entries of ``CREATE TABLE t (…)``, in order, each with the comments above and beside it."""
    body = declaration[declaration.index("(") + 1 : declaration.rindex(")")]
    entries: list[tuple[str, list[str]]] = [("", [])]
    depth, line_has_code = 0, False
    for match in _PIECE.finditer(body):
        piece = match[0]
        depth += (piece == "(") - (piece == ")")
        text, notes = entries[-1]
        if match["comment"] is not None:
            # A comment after code on its line is about that code, whose comma may have closed the entry.
            about = entries[-2] if line_has_code and not text.strip() and len(entries) > 1 else entries[-1]
            about[1].append(match["comment"].strip())
        elif piece == "," and depth == 0:
            entries.append(("", []))
        else:
            entries[-1] = (text + piece, notes)
        line_has_code = piece != "\n" and (line_has_code or bool(piece.strip()))
    return [_column(text, notes) for text, notes in entries if text.strip()]


def _column(text: str, notes: list[str]) -> Column:
    words = " ".join(text.split())
    name, _, rule = words.partition(" ")
    note = " ".join(notes)
    return Column("", words, note) if name in {"PRIMARY", "UNIQUE", "CHECK", "FOREIGN"} else Column(name, rule, note)


def _overview(scripts: tuple[Script, ...]) -> str:
    rows = [f"| [V{s.version}](#v{s.version}) | `{s.up.name}` | {_about(s).splitlines()[0]} |\n" for s in scripts]
    return "".join(["| Version | Script | Brings |\n|---|---|---|\n", *rows])


def _about(script: Script) -> str:
    """Return what the head of *script* says of the whole version."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), script.up.sql.splitlines())
    text = "\n".join(line[2:].strip() for line in lines).removeprefix(f"V{script.version}: ")
    return text[0].upper() + text[1:]


def _version(script: Script, scripts: tuple[Script, ...]) -> str:
    made: dict[str, list[str]] = {"TABLE": [], "VIEW": [], "INDEX": [], "TRIGGER": []}
    added: dict[str, list[Column]] = {}
    with rehearsal(scripts[: script.version]) as connection:
        for statement in split(script.up):
            comment = _comment_above(script.up, statement.line - 1)
            if found := _OBJECT.match(statement.sql):
                kind, name = found[1].upper(), found[2]
                made[kind].append(_DESCRIBED[kind](connection, name, statement.sql, comment))
            elif found := _ADDED.match(statement.sql):
                added.setdefault(found[1], []).extend(columns_of(f"({found[2]})"))
    text = [f"\n## V{script.version}\n\n{_about(script)}\n\n"]
    text += [f"### `{table}`, further columns\n\n{_table(columns)}\n" for table, columns in added.items()]
    text += made["TABLE"]
    if made["VIEW"]:
        text += [f"### Views of V{script.version}\n\n", *made["VIEW"]]
    if made["INDEX"]:
        text += [f"### Indexes of V{script.version}\n\n| Index | On |\n|---|---|\n", *made["INDEX"], "\n"]
    if made["TRIGGER"]:
        text += [f"### Triggers of V{script.version}\n\n| Trigger | Fires |\n|---|---|\n", *made["TRIGGER"]]
    return "".join(text).rstrip("\n") + "\n"


def _described_table(_: sqlite3.Connection, name: str, sql: str, comment: str) -> str:
    return f"### `{name}`\n\n{_sentence(comment)}{_table(columns_of(sql))}\n"


def _described_view(connection: sqlite3.Connection, name: str, _: str, comment: str) -> str:
    columns = ", ".join(f"`{row[1]}`" for row in connection.execute(f"PRAGMA table_info({name})"))
    return f"**`{name}`**: {columns}.\n" + (_sentence(comment) or "\n")


def _described_index(_: sqlite3.Connection, name: str, sql: str, __: str) -> str:
    unique = " (unique)" if "UNIQUE INDEX" in sql else ""
    return f"| `{name}` | `{' '.join(sql.rstrip(';').partition(' ON ')[2].split())}`{unique} |\n"


def _described_trigger(_: sqlite3.Connection, name: str, sql: str, __: str) -> str:
    event = _EVENT.match(sql)
    assert event is not None, f"{name} has a form that the reference does not know"
    return f"| `{name}` | {event[1].lower()} on `{event[2]}` |\n"


_DESCRIBED = {
    "TABLE": _described_table,
    "VIEW": _described_view,
    "INDEX": _described_index,
    "TRIGGER": _described_trigger,
}


def _table(columns: list[Column]) -> str:
    rows = "".join(f"| {_code(c.name)} | {_code(c.rule)} | {_escaped(c.note)} |\n" for c in columns)
    return f"| Column | Rule | |\n|---|---|---|\n{rows}"


def _code(text: str) -> str:
    return f"`{_escaped(text)}`" if text else "*table*"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(comment: str) -> str:
    return f"{comment}\n\n" if comment else ""


def _comment_above(script: Source, line: int) -> str:
    """Return the comment that ends right above line number *line*, counted from 0; a heading is none."""
    lines: list[str] = []
    for text in reversed(script.sql.splitlines()[:line]):
        if not text.startswith("--") or text.startswith("---"):
            break
        lines.insert(0, text[2:].strip())
    return "\n".join(lines)


def _own_history() -> str:
    with rehearsal(()) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'skill_migrations'").fetchone()
    about = (history.__doc__ or "").split("\n\n")[1]
    return f"\n## The history of migrations\n\n### `skill_migrations`\n\n{about}\n{_table(columns_of(sql))}"


if __name__ == "__main__":
    PAGE.write_text(schema_page(), encoding="utf-8")
