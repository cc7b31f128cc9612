"""Texts to 384 numbers, close together where texts mean alike: by a model, or without one by words and letters."""

from __future__ import annotations

import hashlib
import logging
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from session_buddy.learning.words import stems_of

__all__ = [
    "DIMENSIONS",
    "MODEL",
    "Embedder",
    "LetterEmbedder",
    "ModelChoice",
    "ModelPlace",
    "Vectors32",
    "choose_embedder",
    "embed_question",
    "packed",
    "unpacked",
]

DIMENSIONS = 384
MODEL = "all-MiniLM-L6-v2"
_FULL_NAME = f"sentence-transformers/{MODEL}"
_FILE = "model.onnx"
_BATCH = 32
_QUESTION_WORDS = 60
"""Of a long question so many words at a time are embedded: a vector of all of it blurs, sentences say too little."""
_log = logging.getLogger(__name__)

Vectors32 = NDArray[np.float32]


class Embedder(Protocol):
    """Makes vectors of texts."""

    @property
    def model(self) -> str:
        """What tells vectors of this embedder from those of others, which cannot be compared with them."""
        ...

    @property
    def unlike(self) -> float:
        """Texts whose likeness is below that have nothing to do with each other."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors32:
        """Return one row of length 1 for each of *texts*; a text without any words may have only zeros."""
        ...


class ModelPlace(NamedTuple):
    """Where the model may come from."""

    folder: Path | None = None
    """A folder with ``model.onnx`` and ``tokenizer.json``."""
    download: bool = False
    """Whether it may be fetched from the network, once, where there is no folder."""


class ModelChoice(NamedTuple):
    """What makes vectors, and what people should know of it."""

    embedder: Embedder
    notice: str | None
    """Why it is not the model; ``None`` where it is."""


class ModelEmbedder:
    """all-MiniLM-L6-v2, run here by ONNX; threads may share one."""

    unlike = 0.25

    def __init__(self, place: ModelPlace) -> None:
        """Load it; raises whatever the libraries raise where they cannot."""
        from fastembed import TextEmbedding

        options: dict[str, Any] = {}
        if place.folder is not None:
            options = {"specific_model_path": str(place.folder), "local_files_only": True}
        self._model = TextEmbedding(_FULL_NAME, **options)
        self._lock = threading.Lock()
        # Another file under the same name (larger, or with whole bytes) makes other numbers.
        self.model = f"{MODEL}@{_digest(place.folder / _FILE)}" if place.folder else MODEL
        width = self.embed(["probe"]).shape[1]
        if width != DIMENSIONS:
            raise ValueError(f"it makes {width} numbers of a text, not {DIMENSIONS}")

    def embed(self, texts: Sequence[str]) -> Vectors32:
        """See :meth:`Embedder.embed`. Reads the first 512 tokens of a text."""
        if not texts:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        # Texts of like length together: all of a batch are made as long as its longest.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        with self._lock:
            rows = np.array(list(self._model.embed([texts[place] for place in order], batch_size=_BATCH)))
        found = np.empty(rows.shape, dtype=np.float32)
        found[order] = rows
        return _of_length_one(found)


class LetterEmbedder:
    """Words, pairs of words, and groups of three and four letters, projected onto 384 numbers; needs nothing.

    It sees that two texts are spelled alike, and not that they mean the same. Each feature adds to eight of the
    numbers; its hash says to which, and with which sign (sparse random projection, Li, Hastie and Church 2006).
    """

    model = "letters-1"
    unlike = 0.2

    def embed(self, texts: Sequence[str]) -> Vectors32:
        """See :meth:`Embedder.embed`."""
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            weights: defaultdict[str, float] = defaultdict(float)
            for feature, weight in _features(stems_of(text)):
                weights[feature] += weight
            if not weights:
                continue
            drawn = np.array([_drawn(feature) for feature in weights])
            signed = np.where(drawn & 1, 1.0, -1.0) * np.log1p(list(weights.values()))[:, np.newaxis]
            row[:] = np.bincount((drawn.ravel() >> 1) % DIMENSIONS, signed.ravel(), DIMENSIONS)
        return _of_length_one(rows)


def choose_embedder(place: ModelPlace) -> ModelChoice:
    """Return the model where it can be had, else :class:`LetterEmbedder` and a sentence that says why.

    Touches the network only where *place* says so. A process loads a model once, and again where its file changed.
    """
    return _chosen(place, _stamp(place))


@lru_cache(maxsize=2)
def _chosen(place: ModelPlace, _: int) -> ModelChoice:
    lacking = "Only words and spelling are compared, not meaning"
    if place.folder is None and not place.download:
        remedy = "name its folder with the setting search_model_folder"
        return ModelChoice(LetterEmbedder(), f"{lacking}: there is no model. To have one, {remedy}.")
    if place.folder is not None and not (place.folder / _FILE).is_file():
        return ModelChoice(LetterEmbedder(), f"{lacking}: {place.folder} has no {_FILE}.")
    try:
        return ModelChoice(ModelEmbedder(place), None)
    except ImportError:
        remedy = "pip install 'session-buddy[semantic]'"
        return ModelChoice(LetterEmbedder(), f"{lacking}: a part is not installed. To install it: {remedy}")
    except Exception as error:
        # The libraries below have no common root of errors, and a model that is broken is no reason not to search.
        _log.warning("The embedding model cannot be loaded.", exc_info=True)
        return ModelChoice(
            LetterEmbedder(), f"{lacking}: the model cannot be loaded ({type(error).__name__}: {error})."
        )


def _stamp(place: ModelPlace) -> int:
    """Return what changes with the file of the model."""
    file = None if place.folder is None else place.folder / _FILE
    return file.stat().st_mtime_ns if file is not None and file.is_file() else 0


def embed_question(embedder: Embedder, question: str) -> Vectors32:
    """Return one vector for *question*: the mean of those of its parts, so that a likeness is the mean one to them."""
    words = question.split()
    parts = [" ".join(words[place : place + _QUESTION_WORDS]) for place in range(0, len(words), _QUESTION_WORDS)]
    mean: Vectors32 = embedder.embed(parts).mean(axis=0, dtype=np.float32)
    return mean


def packed(vector: Vectors32) -> bytes:
    """Return *vector* as the specification stores it: 384 little-endian float32, 1,536 bytes."""
    return vector.astype("<f4").tobytes()


def unpacked(blobs: Sequence[bytes]) -> Vectors32:
    """Return the rows that :func:`packed` made *blobs* of."""
    whole = np.frombuffer(b"".join(blobs), dtype="<f4").astype(np.float32)
    return whole.reshape(len(blobs), DIMENSIONS)


def _features(stems: list[str]) -> Iterator[tuple[str, float]]:
    for place, word in enumerate(stems):
        yield word, 1.0
        if place:
            yield f"{stems[place - 1]} {word}", 0.5
        edged = f"<{word}>"
        for size in (3, 4):
            for start in range(len(edged) - size + 1):
                yield f"~{edged[start : start + size]}", 0.2


@lru_cache(maxsize=1 << 16)
def _drawn(feature: str) -> tuple[int, ...]:
    """Return eight numbers that follow from *feature*: the last bit is a sign, the others a place."""
    digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return struct.unpack("<8H", digest)


def _of_length_one(rows: Vectors32) -> Vectors32:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
