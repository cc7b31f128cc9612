"""Small migration scripts, and what the tests about migrations share."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.fingerprint import Schema, schema_of

NOW = "2026-01-31T09:30:00.000Z"

# Data statements can be repeated, as a target without transactions asks for.
SCRIPTS = {
    "V1__base__up.sql": """\
-- the ground; a semicolon in a comment
CREATE TABLE skill (name TEXT PRIMARY KEY, note TEXT DEFAULT 'a;b') STRICT;
CREATE TABLE call (id INTEGER PRIMARY KEY, skill TEXT NOT NULL REFERENCES skill (name), ms INTEGER) STRICT;
CREATE TRIGGER trg_call AFTER INSERT ON call BEGIN
    UPDATE skill SET note = CASE WHEN NEW.ms > 1 THEN 'slow;' ELSE 'fast' END WHERE name = NEW.skill;
    DELETE FROM skill WHERE name = '';
END;
INSERT OR IGNORE INTO skill (name) VALUES ('seed');
""",
    "V1__base__down.sql": "DROP TRIGGER trg_call;\nDROP TABLE call;\nDROP TABLE skill;\n",
    "V2__tags__up.sql": """\
CREATE TABLE tag (name TEXT PRIMARY KEY, skill TEXT REFERENCES skill (name)) STRICT;
INSERT OR IGNORE INTO tag VALUES ('one', 'seed');
CREATE INDEX idx_tag ON tag (skill);
""",
    "V2__tags__down.sql": "DROP INDEX idx_tag;\nDELETE FROM tag;\nDROP TABLE tag;\n",
    "V3__phase__up.sql": """\
ALTER TABLE call ADD COLUMN phase TEXT CHECK (phase <> '');
CREATE VIEW v_call AS SELECT skill, phase FROM call;
""",
    "V3__phase__down.sql": "DROP VIEW v_call;\nALTER TABLE call DROP COLUMN phase;\n",
}
HEAD = 3


def write_scripts(folder: Path, changes: Mapping[str, str | None] | None = None, *, head: int = HEAD) -> Path:
    """Fill *folder* with the scripts up to *head*, some of them changed or (None) left out; return it."""
    folder.mkdir(exist_ok=True)
    for name, sql in {**SCRIPTS, **(changes or {})}.items():
        if (sql is not None and int(name[1]) <= head) or (changes and changes.get(name)):
            (folder / name).write_text(sql or "")
        elif (folder / name).exists():
            (folder / name).unlink()
    return folder


def manager(tmp_path: Path, **options: object) -> MigrationManager:
    """Return a manager of ``tmp_path/skills.db`` with the small scripts."""
    if "scripts" not in options:
        options["scripts"] = write_scripts(tmp_path / "scripts")
    return MigrationManager(tmp_path / "skills.db", clock=lambda: NOW, **options)  # type: ignore[arg-type]


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def schema(path: Path) -> Schema:
    with closing(sqlite3.connect(path)) as connection:
        return schema_of(connection)


def raw_schema(path: Path) -> list[tuple[object, ...]]:
    """Return the schema as SQLite keeps it, letter by letter, but for the migrations' own table."""
    return query(
        path,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        " WHERE tbl_name NOT IN ('skill_migrations', 'sqlite_sequence') ORDER BY type, name",
    )


def row_digests(path: Path) -> dict[str, str]:
    """Return a digest of the rows of every table but the migrations' own."""
    digests = {}
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'")
        for (name,) in names.fetchall():
            if name != "skill_migrations" and not name.startswith("sqlite_"):
                rows = sorted(repr(row) for row in connection.execute(f'SELECT * FROM "{name}"'))
                digests[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return digests


def in_child(work: Callable[[], object]) -> int:
    """Run *work* in a forked child and return how it ended: 0, 1 if it raised, or -9 if it was killed."""
    with warnings.catch_warnings():
        # A test runner may have threads; the child touches nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_before(count: int) -> Callable[[str], None]:
    """Return a trace callback that kills the process, as `kill -9` does, before its statement number *count*."""
    left = count

    def trace(_: str) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    return trace
