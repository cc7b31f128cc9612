"""What must hold before a database is touched."""

from __future__ import annotations

from session_buddy.errors import (
    MigrationError,
    SchemaDirty,
    SchemaDrift,
    SchemaTooNew,
    ScriptEdited,
    StoreUnreadable,
)
from session_buddy.storage.migrations.contract import Origin, Status

__all__ = ["edited", "refuse_foreign_and_newer", "refuse_untrusted", "within"]


def refuse_foreign_and_newer(status: Status) -> None:
    """Raise :class:`StoreUnreadable` for another program's database, :class:`SchemaTooNew` for a newer one's."""
    if status.origin is Origin.FOREIGN:
        raise StoreUnreadable(
            "The database belongs to another program.", remedy="Give another path; it was left as it is."
        )
    newest = max(status.version, status.dirty or 0)
    if newest > status.head:
        raise SchemaTooNew(
            f"The database is at version {newest}, this program knows versions up to {status.head}.",
            remedy=f"Upgrade session-buddy, or go back explicitly with 'db rollback --to {status.head}'.",
        )


def refuse_untrusted(status: Status) -> None:
    """Raise :class:`SchemaDirty`, :class:`SchemaDrift` or :class:`ScriptEdited` where the history is no ground."""
    if status.dirty is not None:
        raise SchemaDirty(
            f"Version {status.dirty} stopped half-way.",
            remedy="'db repair' finishes it, 'db repair --undo' takes it back.",
        )
    if [record.version for record in status.applied] != list(range(1, status.version + 1)):
        raise SchemaDrift(
            f"skill_migrations has gaps or doubles below version {status.version}.", remedy="Restore a backup."
        )
    if status.edited:
        raise edited(status)


def edited(status: Status) -> ScriptEdited:
    """Return the error that names the edited scripts."""
    return ScriptEdited(
        f"Changed since they were applied: {', '.join(status.edited)}.",
        remedy="Restore them and write a new version; if the change is meant, 'db repair --accept-edits'.",
    )


def within(goal: int, low: int, high: int, verb: str) -> int:
    """Return *goal*, or raise :class:`MigrationError`, naming the range, where it is outside of it."""
    if not low <= goal <= high:
        raise MigrationError(f"Cannot {verb} to version {goal}.", remedy=f"Give a version from {low} to {high}.")
    return goal
