"""What migrations are told in: the values, and what an engine must be able to do.

:class:`~session_buddy.storage.migrations.base.MigrationManager` decides what is to be done and in which
order; a :class:`Target` does it to one database of one engine.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from session_buddy.storage.migrations.scripts import Script, Source

__all__ = ["Origin", "Position", "Record", "Stamp", "State", "Status", "Target", "Verification"]


class Origin(StrEnum):
    """Whose database it is."""

    EMPTY = "empty"
    """None yet: no file, or one without a single object."""
    OURS = "ours"
    FOREIGN = "foreign"
    """Another program's: looked at, never changed."""


class State(StrEnum):
    """What became of a version."""

    APPLIED = "applied"
    ROLLED_BACK = "rolled_back"
    DIRTY = "dirty"
    """Begun and not finished, on an engine that cannot undo by itself."""


class Position(msgspec.Struct, frozen=True):
    """Where a database stands: its newest applied version (0: none) and the version stuck half-way, if any."""

    origin: Origin
    version: int = 0
    dirty: int | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history: a version that was applied, and perhaps rolled back again later."""

    version: int
    description: str
    up_sha256: str
    down_sha256: str
    applied_at: str
    """When it was begun, canonical UTC."""
    duration_ms: int | None
    """How long the up script ran; ``None`` until it has finished."""
    program_version: str
    state: State


class Stamp(msgspec.Struct, frozen=True):
    """When a change is made and by which version of this program."""

    applied_at: str
    program_version: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database stands against the scripts at hand."""

    origin: Origin
    version: int
    head: int
    """The newest version this program has a script for."""
    pending: tuple[int, ...]
    applied: tuple[Record, ...]
    """In force now, oldest version first."""
    rolled_back: tuple[Record, ...]
    """Applied once and taken out again, in the order in which they were applied."""
    dirty: int | None
    edited: tuple[str, ...]
    """Names of the scripts that are no longer as they were when they were applied."""

    @property
    def is_current(self) -> bool:
        """Whether the database can be used as it is: at the head, not dirty, no script edited."""
        return self.version == self.head and self.dirty is None and not self.edited


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """How the live schema compares with what the applied scripts create, object by object (``table t``)."""

    missing: tuple[str, ...]
    different: tuple[str, ...]
    unexpected: tuple[str, ...]
    """Objects somebody added. No fault: an index or a view of one's own is welcome."""
    damage: tuple[str, ...]
    """What the engine's own check of the file says, rows that refer to nothing, a wrong version mark."""

    @property
    def ok(self) -> bool:
        """Whether all that the scripts create is there, as they create it, in an undamaged database."""
        return not (self.missing or self.different or self.damage)


class Target(Protocol):
    """One database of one engine, as migrations see it.

    All methods raise :class:`~session_buddy.errors.StoreError` where the database cannot be read or
    written, and :class:`~session_buddy.errors.MigrationError` where a script fails, naming file and line.
    """

    def stands_at(self, version: int) -> bool:
        """Tell whether the database is ours, at *version* and not dirty. Never writes; a fraction of a millisecond."""
        ...

    def position(self) -> Position:
        """Tell where the database stands. Never writes: not even a missing database is made."""
        ...

    def records(self) -> tuple[Record, ...]:
        """Return the whole history in the order of its making. Never writes."""
        ...

    def stored_down(self, version: int) -> Source:
        """Return the down script kept in the database when *version* was applied. Never writes."""
        ...

    def lock(self, timeout: float) -> AbstractContextManager[None]:
        """Keep every other process from migrating for the length of the block."""
        ...

    def save(self, version: int, taken_at: str, keep: int) -> Path | None:
        """Back up a database that holds anything, verified, and keep the newest *keep* such backups."""
        ...

    def backup(self, path: Path) -> None:
        """Write a verified copy to *path*, which must not exist."""
        ...

    def apply(self, script: Script, stamp: Stamp) -> None:
        """Run an up script and record it: whole or not at all, or else marked dirty."""
        ...

    def revert(self, version: int, down: Source, kept: tuple[Script, ...] | None) -> None:
        """Run the down script of the newest version and record it: whole or not at all, or else marked dirty.

        Refuses, with :class:`~session_buddy.errors.MigrationError`, to harm what the scripts *kept* created;
        ``None`` where they are not known.
        """
        ...

    def finish(self, scripts: tuple[Script, ...], version: int) -> None:
        """Complete what stopped half-way in *version*, from the first statement without effect; clears the mark."""
        ...

    def undo(self, scripts: tuple[Script, ...], version: int) -> None:
        """Take back the half of *version*'s up script that took effect; clears the mark."""
        ...

    def accept(self, script: Script) -> None:
        """Record the digests and the down script of *script* as those of its applied version."""
        ...

    def mark(self) -> bool:
        """Set again what marks the database as ours and its version, where it was lost; tell whether it was."""
        ...

    def restore(self, scripts: tuple[Script, ...]) -> list[str]:
        """Create again the indexes, views and triggers that are not as *scripts* create them; return their names.

        Raises :class:`~session_buddy.errors.SchemaDrift` where a table is missing or different: its rows
        cannot be made up.
        """
        ...

    def verify(self, scripts: tuple[Script, ...]) -> Verification:
        """Compare the live schema with what *scripts* create, and have the engine check the data. Never writes."""
        ...
