"""What was learned, as it is kept in the store: one row a model, each fit in place of the one before."""

from __future__ import annotations

import msgspec

from session_buddy.storage.store import Store
from session_buddy.storage.tables import plain_table

__all__ = ["StoredModel", "read_model", "read_model_details", "write_model"]

_MODELS = plain_table("learned_models")


class StoredModel(msgspec.Struct, frozen=True):
    """One row of ``learned_models``."""

    model_name: str
    version: int
    """Grows by one with each fit."""
    algorithm: str
    fitted_at: str
    details: str
    """JSON: settings, and the figures it was chosen by."""
    data: bytes = b""


def read_model(store: Store, name: str) -> StoredModel | None:
    """Return the model called *name*; ``None`` where nothing was learned yet."""
    rows = store.query(f"SELECT {_MODELS.selected} FROM {_MODELS.source} WHERE model_name = ?", [name]).rows
    return StoredModel(*_MODELS.row(rows[0])) if rows else None


def read_model_details(store: Store, name: str) -> StoredModel | None:
    """Return the same without its data, which may be large."""
    columns = "model_name, version, algorithm, fitted_at, details"
    rows = store.query(f"SELECT {columns} FROM {_MODELS.source} WHERE model_name = ?", [name]).rows
    return StoredModel(*rows[0]) if rows else None


def write_model(store: Store, model: StoredModel) -> None:
    """Keep *model* in place of the one of its name, at once or not at all."""
    store.put_rows(_MODELS, [msgspec.structs.astuple(model)])
