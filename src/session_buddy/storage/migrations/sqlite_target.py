"""Migrations on a SQLite file: each version and its record in one transaction."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from session_buddy.errors import InvalidInput, MigrationError, SchemaDrift
from session_buddy.storage.migrations import backup, fingerprint, history
from session_buddy.storage.migrations.connections import exists, look, transaction, translated, write
from session_buddy.storage.migrations.contract import Origin, Position, Record, Stamp, State, Verification
from session_buddy.storage.migrations.lock import exclusive
from session_buddy.storage.migrations.scripts import Script, Source
from session_buddy.storage.migrations.statements import Statement, split

__all__ = ["SqliteTarget"]


class SqliteTarget:
    """One SQLite file as a :class:`~session_buddy.storage.migrations.contract.Target`.

    With *transactional* off, statements take effect one by one and a version that stops half-way stays marked
    dirty: how an engine without transactional DDL behaves. Data statements of scripts for such an engine must
    be repeatable, since those after the last change of the schema are run again by :meth:`finish`.
    """

    def __init__(self, db_path: str | Path, *, transactional: bool = True) -> None:
        if str(db_path) in ("", ":memory:") or str(db_path).startswith("file:"):
            raise InvalidInput("db_path", f"{str(db_path)!r} is not the path of a file.", remedy="Give a plain path.")
        # Resolved, since lock, log and backups stand beside the file itself, not beside a link to it.
        self.path = Path(os.path.realpath(db_path))
        self._transactional = transactional

    def stands_at(self, version: int) -> bool:
        """See :meth:`Target.stands_at`."""
        return exists(self.path) and look(self.path, history.marks) == (history.APPLICATION_ID, version)

    def position(self) -> Position:
        """See :meth:`Target.position`."""
        return look(self.path, history.position) if exists(self.path) else Position(Origin.EMPTY)

    def records(self) -> tuple[Record, ...]:
        """See :meth:`Target.records`."""
        return look(self.path, history.records) if exists(self.path) else ()

    def stored_down(self, version: int) -> Source:
        """See :meth:`Target.stored_down`."""
        return look(self.path, lambda connection: history.stored_down(connection, version))

    def lock(self, timeout: float) -> AbstractContextManager[None]:
        """See :meth:`Target.lock`. Makes the database's folder where it is missing."""
        with translated(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return exclusive(self.path.with_name(self.path.name + ".lock"), timeout=timeout)

    def save(self, version: int, taken_at: str, keep: int) -> Path | None:
        """See :meth:`Target.save`."""
        if not exists(self.path) or look(self.path, fingerprint.schema_of).keys() <= {"table skill_migrations"}:
            return None
        return backup.save(self.path, version=version, taken_at=taken_at, keep=keep)

    def backup(self, path: Path) -> None:
        """See :meth:`Target.backup`."""
        backup.copy(self.path, path)

    def apply(self, script: Script, stamp: Stamp) -> None:
        """See :meth:`Target.apply`."""
        statements = split(script.up)
        with write(self.path) as connection, self._whole(connection):
            with self._part(connection):
                _require(connection, script.version - 1)
                history.create(connection)
                history.begin(connection, script, stamp)
                history.mark(connection)
            began = time.perf_counter()
            self._run(connection, script.up.name, statements)
            self._fill(connection, script)
            elapsed_ms = round((time.perf_counter() - began) * 1000)
            with self._part(connection):
                history.end(connection, script.version, State.APPLIED, duration_ms=elapsed_ms)
                history.mark(connection)

    def revert(self, version: int, down: Source, kept: tuple[Script, ...] | None) -> None:
        """See :meth:`Target.revert`."""
        statements = split(down)
        with write(self.path) as connection, self._whole(connection):
            with self._part(connection):
                _require(connection, version)
                history.end(connection, version, State.DIRTY)
                history.mark(connection)
            with _spared(connection, down.name, kept):
                self._run(connection, down.name, statements)
            with self._part(connection):
                history.end(connection, version, State.ROLLED_BACK)
                history.mark(connection)

    def finish(self, scripts: tuple[Script, ...], version: int) -> None:
        """See :meth:`Target.finish`."""
        going_down = _going_down(self.records(), version)
        half = self.stored_down(version) if going_down else scripts[version - 1].up
        statements = split(half)
        with write(self.path) as connection, self._whole(connection):
            along = fingerprint.prefixes(scripts[: version if going_down else version - 1], statements)
            self._run(connection, half.name, statements[_progress(connection, along, half.name) :])
            if not going_down:
                self._fill(connection, scripts[version - 1])
            with self._part(connection):
                state = State.ROLLED_BACK if going_down else State.APPLIED
                # How long the part before the stop took is not known; the whole is then told as 0.
                history.end(connection, version, state, duration_ms=0)
                history.mark(connection)

    def undo(self, scripts: tuple[Script, ...], version: int) -> None:
        """See :meth:`Target.undo`."""
        if _going_down(self.records(), version):
            raise MigrationError(
                f"Version {version} stopped while it was being rolled back: what is gone cannot be undone.",
                remedy="Finish it with 'db repair', then migrate again or restore the backup.",
            )
        up, down = scripts[version - 1].up, self.stored_down(version)
        before = scripts[: version - 1]
        with write(self.path) as connection, self._whole(connection):
            done = _progress(connection, fingerprint.prefixes(before, split(up)), up.name)
            self._run(connection, down.name, fingerprint.way_back(before, split(up)[:done], split(down), down.name))
            with self._part(connection):
                history.dismiss(connection, version)
                history.mark(connection)

    def accept(self, script: Script) -> None:
        """See :meth:`Target.accept`."""
        with write(self.path) as connection, transaction(connection):
            history.accept(connection, script)

    def mark(self) -> bool:
        """See :meth:`Target.mark`."""
        if look(self.path, history.is_marked):
            return False
        with write(self.path) as connection, transaction(connection):
            history.mark(connection)
        return True

    def restore(self, scripts: tuple[Script, ...]) -> list[str]:
        """See :meth:`Target.restore`."""
        objects = "SELECT type || ' ' || name, type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"
        with fingerprint.rehearsal(scripts) as model:
            expected = [row for row in model.execute(objects) if not row[2].startswith("sqlite_")]
        live = look(self.path, fingerprint.schema_of)
        wrong = [row for row in expected if live.get(row[0]) != fingerprint.normalised(row[3])]
        if tables := [name for name, kind, _, _ in wrong if kind == "table"]:
            raise SchemaDrift(
                f"Not as the scripts create it: {', '.join(tables)}.",
                remedy="Rows that are gone cannot be made up: restore a backup.",
            )
        with write(self.path) as connection, transaction(connection):
            for key, kind, name, _ in wrong if wrong else ():
                if key in live:
                    connection.execute(f'DROP {kind} "{name}"')
            for *_, sql in wrong:
                connection.execute(sql)
        return [key for key, *_ in wrong]

    def verify(self, scripts: tuple[Script, ...]) -> Verification:
        """See :meth:`Target.verify`."""
        if self.position().origin is Origin.EMPTY:
            return Verification(missing=(), different=(), unexpected=(), damage=())
        expected = fingerprint.built(scripts)
        return look(self.path, lambda connection: _verified(connection, expected))

    def _whole(self, connection: sqlite3.Connection) -> AbstractContextManager[None]:
        return transaction(connection) if self._transactional else nullcontext()

    def _part(self, connection: sqlite3.Connection) -> AbstractContextManager[None]:
        return nullcontext() if self._transactional else transaction(connection)

    def _fill(self, connection: sqlite3.Connection, script: Script) -> None:
        """Run the backfill of *script*, if it has one; repeatable, so a half-run one is simply run again."""
        if script.backfill:
            with self._part(connection):
                self._run(connection, script.backfill.name, split(script.backfill))

    def _run(self, connection: sqlite3.Connection, name: str, statements: Sequence[Statement]) -> None:
        """Run *statements*; refuses to leave rows that refer to nothing where there were none before."""
        broken = _broken_references(connection)
        for statement in statements:
            try:
                connection.execute(statement.sql)
            except (sqlite3.Error, sqlite3.Warning) as error:
                raise MigrationError(
                    f"{name}, line {statement.line}: {error}.", remedy=self._aftermath(connection)
                ) from error
        if newly := _broken_references(connection) - broken:
            table, parent = next(iter(newly))
            raise MigrationError(
                f"{name} leaves {newly.total()} rows that refer to nothing, among them in {table} to {parent}.",
                remedy=self._aftermath(connection),
            )

    def _aftermath(self, connection: sqlite3.Connection) -> str:
        if connection.in_transaction:
            return "Nothing of this version was kept; correct the script and migrate again."
        return "What ran before is still there: correct the script, then 'db repair' finishes or undoes it."


def _require(connection: sqlite3.Connection, version: int) -> None:
    """Raise unless *version* is the newest one, seen from inside the transaction that goes on from it."""
    found = history.position(connection)
    if found.origin is Origin.FOREIGN or found.version != version:
        raise MigrationError(
            f"The database is at version {found.version}, no longer at {version}.",
            remedy="Somebody changed it meanwhile without the migration lock: look at 'db status'.",
        )


def _going_down(records: tuple[Record, ...], version: int) -> bool:
    """Tell whether dirty *version* was on its way out: then its up script had once finished."""
    newest = [record for record in records if record.version == version][-1]
    return newest.duration_ms is not None


def _progress(connection: sqlite3.Connection, along: list[fingerprint.Schema], name: str) -> int:
    """Return after how many statements of a script the live schema stands; at least so many took effect.

    *along* is the schema after 0, 1, 2 … statements. Objects that none of them knows do not count.
    """
    names = set().union(*along)
    live = fingerprint.schema_of(connection)
    seen = {name: sql for name, sql in live.items() if name in names}
    for count, schema in enumerate(along):
        if schema == seen:
            return count
    wrong = sorted(name for name in names if live.get(name) not in {schema.get(name) for schema in along})
    raise SchemaDrift(
        f"No point of {name} leaves the schema as it is{': see ' + ', '.join(wrong) if wrong else ''}.",
        remedy="Restore a backup; or put the objects right by hand, then 'db repair' again.",
    )


@contextmanager
def _spared(connection: sqlite3.Connection, name: str, kept: tuple[Script, ...] | None) -> Iterator[None]:
    """Raise :class:`MigrationError` where the block takes away or alters what the scripts *kept* created."""
    before = fingerprint.schema_of(connection)
    yield
    if kept is None:
        return
    after = fingerprint.schema_of(connection)
    # An older version's table may have been altered by the newer one, and is then altered back.
    hurt = [found for found, sql in fingerprint.built(kept).items() if after.get(found) not in (before.get(found), sql)]
    if hurt:
        raise MigrationError(
            f"{name} takes away what older versions need: {', '.join(hurt)}.",
            remedy="A down script may remove only what its up added: correct it, then 'db repair --accept-edits'.",
        )


def _broken_references(connection: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """Count the rows that refer to nothing, by table and the table they refer to."""
    return Counter((table, parent) for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"))


def _verified(connection: sqlite3.Connection, expected: fingerprint.Schema) -> Verification:
    live = fingerprint.schema_of(connection)
    damage = [text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    damage += [
        f"{count} rows of {table} refer to nothing in {parent}"
        for (table, parent), count in _broken_references(connection).items()
    ]
    if not history.is_marked(connection):
        damage.append("application_id or user_version is not what skill_migrations says")
    return Verification(
        missing=tuple(expected.keys() - live.keys()),
        different=tuple(name for name in expected.keys() & live.keys() if expected[name] != live[name]),
        unexpected=tuple(live.keys() - expected.keys()),
        damage=tuple(damage),
    )
