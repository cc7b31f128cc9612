"""Changing the schema of a store, and undoing it.

>>> manager = MigrationManager(db_path="skills.db")     # doctest: +SKIP
>>> manager.migrate()                                   # doctest: +SKIP
[1, 2, 3, 4]
>>> manager.rollback()                                  # doctest: +SKIP
[4]
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal, overload

from session_buddy.storage.migrations.checks import edited, refuse_foreign_and_newer, refuse_untrusted, within
from session_buddy.storage.migrations.contract import Origin, Stamp, State, Status, Target, Verification
from session_buddy.storage.migrations.scripts import Script, Source, head_version, load
from session_buddy.storage.migrations.sqlite_target import SqliteTarget

__all__ = ["MigrationManager"]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class MigrationManager:
    """Brings one database from version to version, by numbered pairs of scripts.

    Asking (:meth:`status`, :meth:`verify`, any dry run) never writes. A change holds a lock against other
    processes, follows a verified backup of what is there, and leaves each version applied whole or not at
    all. Versions done are returned in the order in which they were done.

    *scripts* is a folder of scripts (default: those of this package for SQLite), *target* another engine's
    database in place of *db_path*, *clock* gives canonical UTC, *lock_timeout* is in seconds, and
    *keep_backups* automatic backups stay.
    """

    def __init__(
        self,
        db_path: str | Path = "skills.db",
        *,
        scripts: Path | None = None,
        target: Target | None = None,
        clock: Callable[[], str] = _now,
        lock_timeout: float = 120.0,
        keep_backups: int = 3,
    ) -> None:
        self._folder = scripts or Path(__file__).parent / "sqlite"
        self._target = target or SqliteTarget(db_path)
        self._clock = clock
        self._lock_timeout = lock_timeout
        self._keep_backups = keep_backups

    def status(self) -> Status:
        """Tell where the database stands. Read-only; also for a missing, empty or foreign one."""
        origin = self._target.position().origin
        records = () if origin is Origin.FOREIGN else self._target.records()
        applied = tuple(sorted((r for r in records if r.state is State.APPLIED), key=lambda record: record.version))
        dirty = next((record.version for record in records if record.state is State.DIRTY), None)
        version = applied[-1].version if applied else 0
        differing = [
            source.name
            for record in records
            if record.state is not State.ROLLED_BACK and record.version <= len(self._scripts)
            for source, sha256 in self._recorded(record.version, record.up_sha256, record.down_sha256)
            if source.sha256 != sha256
        ]
        return Status(
            origin=origin,
            version=version,
            head=len(self._scripts),
            pending=() if origin is Origin.FOREIGN else tuple(range(version + 1, len(self._scripts) + 1)),
            applied=applied,
            rolled_back=tuple(record for record in records if record.state is State.ROLLED_BACK),
            dirty=dirty,
            edited=tuple(differing),
        )

    def ensure_current(self) -> list[int]:
        """Make sure the database can be used: cheap when it is at the head, else :meth:`migrate`.

        Raises what :meth:`migrate` raises; :class:`SchemaTooNew` and :class:`SchemaDirty` above all.
        """
        return [] if self._target.stands_at(head_version(self._folder)) else self.migrate()

    @overload
    def migrate(self, target: int | None = None, *, dry_run: Literal[False] = False) -> list[int]: ...
    @overload
    def migrate(self, target: int | None = None, *, dry_run: Literal[True]) -> str: ...
    def migrate(self, target: int | None = None, *, dry_run: bool = False) -> list[int] | str:
        """Apply pending versions up to *target* (default: all); with *dry_run*, return their SQL instead.

        Safe to call from many processes at once: one does it, the others wait and find it done. Raises
        :class:`StoreUnreadable` for another program's database, :class:`SchemaTooNew`, :class:`SchemaDirty`,
        :class:`ScriptEdited`, :class:`MigrationLocked` after the timeout, and :class:`MigrationError` for a
        target out of range or a script that fails, of which then nothing is kept.
        """
        pending = self._forward(target)
        if dry_run:
            return _text([source for script in pending for source in (script.up, script.backfill) if source])
        if not pending:
            return []
        with self._target.lock(self._lock_timeout):
            pending = self._forward(target)
            if pending:
                self._save(pending[0].version - 1)
            for script in pending:
                self._target.apply(script, Stamp(self._clock(), _program_version()))
        return [script.version for script in pending]

    @overload
    def rollback(self, target: int | None = None, *, dry_run: Literal[False] = False) -> list[int]: ...
    @overload
    def rollback(self, target: int | None = None, *, dry_run: Literal[True]) -> str: ...
    def rollback(self, target: int | None = None, *, dry_run: bool = False) -> list[int] | str:
        """Take out versions down to *target* (default: the newest one); with *dry_run*, return their SQL.

        What runs are the down scripts that were stored in the database when the versions were applied: a
        database newer than this program can be rolled back too, but only to a *target* that is given.
        Raises as :meth:`migrate`; also for a down script that would harm older versions.
        """
        versions = self._backward(target)
        if dry_run:
            return _text([self._target.stored_down(version) for version in versions])
        if not versions:
            return []
        with self._target.lock(self._lock_timeout):
            versions = self._backward(target)
            if versions:
                self._save(versions[0])
            for version in versions:
                kept = self._scripts[: version - 1] if version <= len(self._scripts) + 1 else None
                self._target.revert(version, self._target.stored_down(version), kept)
        return versions

    def verify(self) -> Verification:
        """Compare the live schema with what the applied scripts create, and check the data. Read-only.

        Raises as :meth:`migrate` where there are no scripts to trust in for the comparison.
        """
        status = self.status()
        refuse_foreign_and_newer(status)
        refuse_untrusted(status)
        return self._target.verify(self._scripts[: status.version])

    def repair(self, *, accept_edits: bool = False, undo: bool = False) -> list[str]:
        """Put right what a stopped migration left; return what was done, in sentences.

        A version stuck half-way is finished, from the first statement without effect on; with *undo* it is
        taken back. With *accept_edits*, edited scripts become the recorded ones. Indexes, views and triggers
        that are missing or different are created again, and lost marks in the header of the file are set.
        Raises :class:`SchemaDrift` where live objects fit no point of the script,
        and :class:`ScriptEdited` for edits not accepted.
        """
        with self._target.lock(self._lock_timeout):
            status = self.status()
            refuse_foreign_and_newer(status)
            if status.edited and not accept_edits:
                raise edited(status)
            done: list[str] = []
            if status.edited or status.dirty is not None:
                self._save(status.version)
            if status.edited:
                for record in status.applied:
                    self._target.accept(self._scripts[record.version - 1])
                if status.dirty is not None:
                    self._target.accept(self._scripts[status.dirty - 1])
                done.append(f"Recorded as they are now: {', '.join(status.edited)}.")
            if status.dirty is not None:
                (self._target.undo if undo else self._target.finish)(self._scripts, status.dirty)
                done.append(f"{'Undone' if undo else 'Finished'}: version {status.dirty}.")
            if status.origin is Origin.OURS:
                restored = self._target.restore(self._scripts[: self._target.position().version])
                done += [f"Created again: {', '.join(restored)}."] if restored else []
            if status.origin is Origin.OURS and self._target.mark():
                done.append("Set the owner and version marks of the file again.")
        return done

    def backup(self, path: str | Path) -> Path:
        """Write a verified copy of the database to *path*, which must not exist; return that path."""
        self._target.backup(Path(path))
        return Path(path)

    @cached_property
    def _scripts(self) -> tuple[Script, ...]:
        return load(self._folder)

    def _save(self, version: int) -> None:
        self._target.save(version, self._clock(), self._keep_backups)

    def _recorded(self, version: int, up_sha256: str, down_sha256: str) -> tuple[tuple[Source, str], ...]:
        script = self._scripts[version - 1]
        return (script.up, up_sha256), (script.down, down_sha256)

    def _forward(self, target: int | None) -> tuple[Script, ...]:
        """Return the scripts that lead to *target*, after every check that must pass before one runs."""
        status = self.status()
        refuse_foreign_and_newer(status)
        refuse_untrusted(status)
        goal = within(status.head if target is None else target, status.version, status.head, "migrate")
        return self._scripts[status.version : goal]

    def _backward(self, target: int | None) -> list[int]:
        """Return the versions to take out to reach *target*, newest first, after every check."""
        status = self.status()
        if target is None or status.origin is Origin.FOREIGN:
            refuse_foreign_and_newer(status)
        refuse_untrusted(status)
        goal = max(0, status.version - 1) if target is None else target
        return list(range(status.version, within(goal, 0, status.version, "roll back"), -1))


def _text(sources: list[Source]) -> str:
    return "\n".join(f"-- {source.name}\n{source.sql.rstrip()}\n" for source in sources)


def _program_version() -> str:
    # Imported here: it costs more than all other imports of a program that has nothing to migrate.
    from importlib.metadata import version

    return version("session-buddy")
