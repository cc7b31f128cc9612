"""``db verify`` and ``db repair``: does the store hold what it should?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from session_buddy.storage import Store
from session_buddy.storage.migrations.base import MigrationManager

__all__ = ["Check", "Repaired", "check", "recount"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """How schema, file and roll-ups compare with what they should be."""

    ok: bool
    missing: tuple[str, ...]
    """Objects of the schema that are not there."""
    different: tuple[str, ...]
    """Objects that are not as the scripts create them."""
    unexpected: tuple[str, ...]
    """Objects that somebody added; no fault."""
    damage: tuple[str, ...]
    """What the engine's own check of the file found."""
    drifted: tuple[str, ...] | None
    """Roll-ups that differ from a recount of the event log; ``null``: not counted, the schema must be right first."""
    pending: tuple[int, ...]
    """Versions of the schema that are not applied yet; no fault."""


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair did, in sentences."""

    done: list[str]


def check(manager: MigrationManager, open_store: Callable[[], Store]) -> Check:
    """Check everything. The store is opened only at the current schema, since opening would migrate it."""
    pending = manager.status().pending
    schema = manager.verify()
    drifted: tuple[str, ...] | None = None
    if schema.ok and not pending:
        with open_store() as store:
            drifted = tuple(store.drifted())
    return Check(
        ok=schema.ok and not drifted,
        missing=schema.missing,
        different=schema.different,
        unexpected=schema.unexpected,
        damage=schema.damage,
        drifted=drifted,
        pending=pending,
    )


def recount(open_store: Callable[[], Store]) -> list[str]:
    """Count the roll-ups again where any differs from the event log; return what was done, in sentences."""
    with open_store() as store:
        drifted = store.drifted()
        if drifted:
            store.rebuild()
    return [f"Counted again from the event log: {', '.join(drifted)}."] if drifted else []
