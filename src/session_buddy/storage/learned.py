"""What was learned, as it is kept in the store: one row a model, each fit in place of the one before.

All of it can be learned again. So what is damaged, or was never written by :func:`write_model`, counts as not there;
that is decided here alone.
"""

from __future__ import annotations

import hashlib
import logging
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.storage.store import Store
from session_buddy.storage.tables import plain_table

__all__ = ["StoredModel", "read_contents", "read_model", "read_model_details", "read_model_version", "write_model"]

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MODELS = plain_table("learned_models")
_SEAL_BYTES = 16
_DAMAGES = (msgspec.MsgspecError, zlib.error, ValueError, TypeError, LookupError, SessionBuddyError)
"""What is raised by those who unpack bytes that are none of theirs."""


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
    """Return the model called *name*; ``None`` where nothing was learned yet, or it is not as it was written."""
    rows = store.query(f"SELECT {_MODELS.selected} FROM {_MODELS.source} WHERE model_name = ?", [name]).rows
    if not rows:
        return None
    sealed = StoredModel(*_MODELS.row(rows[0]))
    model = msgspec.structs.replace(sealed, data=sealed.data[_SEAL_BYTES:])
    return model if sealed.data[:_SEAL_BYTES] == _seal(model) else None


def read_contents(store: Store, name: str, unpacked: Callable[[StoredModel], T | None]) -> T | None:
    """Return what *unpacked* makes of the model called *name*; ``None`` where there is none, or it makes nothing of it.

    A store may come from anybody: whatever stands in it, no error of *unpacked* is raised.
    """
    model = read_model(store, name)
    try:
        return unpacked(model) if model else None
    except _DAMAGES as error:
        # It is whole, so somebody wrote it that way: not what happens to a disk, and worth a word.
        _log.warning("What was learned as %r makes no sense, and is learned anew: %s", name, error)
        return None


def read_model_details(store: Store, name: str) -> StoredModel | None:
    """Return the model without its data, which may be large: so whether those are whole is not known.

    Its details are a JSON object, an empty one where they are damaged.
    """
    columns = "model_name, version, algorithm, fitted_at, details"
    rows = store.query(f"SELECT {columns} FROM {_MODELS.source} WHERE model_name = ?", [name]).rows
    if not rows:
        return None
    model = StoredModel(*rows[0])
    return model if _is_object(model.details) else msgspec.structs.replace(model, details="{}")


def read_model_version(store: Store, name: str) -> int:
    """Return the version of the model called *name*, damaged or not; 0 where nothing was learned yet."""
    model = read_model_details(store, name)
    return model.version if model else 0


def write_model(store: Store, model: StoredModel) -> None:
    """Keep *model* in place of the one of its name, at once or not at all."""
    sealed = msgspec.structs.replace(model, data=_seal(model) + model.data)
    store.put_rows(_MODELS, [msgspec.structs.astuple(sealed)])


def _seal(model: StoredModel) -> bytes:
    """Return what stands before the data of *model*: another one for all that is not the same to the last bit."""
    told = msgspec.msgpack.encode(msgspec.structs.astuple(model))
    return hashlib.sha256(told).digest()[:_SEAL_BYTES]


def _is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return False
    return True
