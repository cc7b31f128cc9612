"""A categoriser as bytes and back: arrays in msgpack, nothing that could run. Pure."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from session_buddy.catalog.taxonomy.categoriser import Categoriser
from session_buddy.catalog.taxonomy.texts import PLACES, Weighing

__all__ = ["packed", "unpacked"]


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """Arrays as little-endian bytes."""

    categories: tuple[str, ...]
    places: bytes
    weights: bytes
    unseen: float
    values: bytes
    columns: bytes
    ends: bytes
    meaning: bytes | None
    pull: bytes
    calibration: tuple[float, float, float]
    threshold: float | None
    nearest: float
    taught: int


def packed(model: Categoriser) -> bytes:
    """Return *model* as bytes; numbers that single precision holds well enough are kept in it."""
    told = _Packed(
        categories=model.categories,
        places=model.weighing.places.astype("<i4").tobytes(),
        weights=model.weighing.weights.astype("<f4").tobytes(),
        unseen=model.weighing.unseen,
        values=model.rows.data.astype("<f4").tobytes(),
        columns=model.rows.indices.astype("<i4").tobytes(),
        ends=model.rows.indptr.astype("<i8").tobytes(),
        meaning=None if model.meaning is None else model.meaning.astype("<f4").tobytes(),
        pull=model.pull.astype("<f8").tobytes(),
        calibration=model.calibration,
        threshold=model.threshold,
        nearest=model.nearest,
        taught=model.taught,
    )
    return zlib.compress(msgspec.msgpack.encode(told), 1)


def unpacked(data: bytes) -> Categoriser:
    """Return what :func:`packed` made *data* of; it judges as it did before."""
    told = msgspec.msgpack.decode(zlib.decompress(data), type=_Packed)
    ends = np.frombuffer(told.ends, "<i8")
    examples = len(ends) - 1
    rows = sparse.csr_matrix(
        (np.frombuffer(told.values, "<f4"), np.frombuffer(told.columns, "<i4"), ends), shape=(examples, PLACES)
    )
    meaning = None if told.meaning is None else np.frombuffer(told.meaning, "<f4").reshape(examples, -1)
    return Categoriser(
        categories=told.categories,
        weighing=Weighing(np.frombuffer(told.places, "<i4"), np.frombuffer(told.weights, "<f4"), told.unseen),
        rows=rows,
        meaning=meaning,
        pull=np.frombuffer(told.pull, "<f8").reshape(examples, len(told.categories)),
        calibration=told.calibration,
        threshold=told.threshold,
        nearest=told.nearest,
        taught=told.taught,
    )
