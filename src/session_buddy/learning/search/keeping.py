"""The index of a store's skills, kept and brought up to date: the part of search that talks to the store."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from session_buddy.errors import StoreError
from session_buddy.learning.search.embedding import DIMENSIONS, Embedder, Vectors32, packed, unpacked
from session_buddy.learning.search.index import SkillIndex, text_of
from session_buddy.learning.search.reranking import SkillCard
from session_buddy.learning.search.vectors import MOST_EXACT, vectors_of
from session_buddy.model import Kind
from session_buddy.storage import Store
from session_buddy.storage.tables import plain_table

__all__ = ["KeptIndex", "Progress", "Standing", "embed_missing", "embed_texts", "embedded_skills", "read_cards"]

_METRICS = """
SELECT skill_name, kind, invocation_count, completed_count, failed_count, last_invoked_at FROM skill_metrics
"""
_PHASES = "SELECT skill_name, workflow_phase, invocation_count FROM skill_phase_counts"
_DESCRIPTIONS = "SELECT skill_name, description FROM skill_description FINAL"
_EMBEDDINGS = """
SELECT text_hash, hex(embedding) FROM text_embedding FINAL WHERE model = ? AND text_hash IN ({})
"""
_EMBEDDED = "SELECT text_hash FROM text_embedding FINAL WHERE model = ?"
_EMBEDDING = plain_table("text_embedding")
_ASKED_AT_ONCE = 500
_EMBEDDED_AT_ONCE = 32
_FRESH_SECONDS = 2.0
"""Figures may be so old: whoever types asks several times a second."""

Progress = Callable[[int, int], None]
"""Is told how many texts were embedded, and of how many."""


@dataclass(frozen=True, eq=False)
class Standing:
    """An index, and what it lacks."""

    index: SkillIndex
    pending: int
    """Texts that have no vector yet."""
    unsaved: str | None
    """Why vectors could not be stored; they will be made again next time."""


def read_cards(store: Store) -> list[SkillCard]:
    """Return every skill that was used or described, by name."""
    used = {row[0]: row[1:] for row in store.query(_METRICS).rows}
    described: dict[str, str] = dict(store.query(_DESCRIPTIONS).rows)
    phases: dict[str, dict[str, int]] = defaultdict(dict)
    for skill, phase, count in store.query(_PHASES).rows:
        phases[skill][phase] = int(count)
    cards = []
    for name in sorted(used.keys() | described.keys()):
        kind, uses, completed, failed, last = used.get(name, (None, 0, 0, 0, None))
        cards.append(
            SkillCard(
                skill=name,
                description=described.get(name, ""),
                kind=Kind(kind) if kind else None,
                uses=int(uses),
                completed=int(completed),
                failed=int(failed),
                last_used_at=last,
                phases=phases.get(name, {}),
            )
        )
    return cards


def embed_texts(
    store: Store,
    texts: Sequence[str],
    embedder: Embedder,
    *,
    now: str,
    go_on: Callable[[int, int], bool] = lambda _done, _of: True,
) -> Iterator[tuple[str, Vectors32]]:
    """Yield hash and vector of each of *texts*: out of the store, else made now and stored, once per distinct text.

    What must be made comes last; before each portion of it *go_on* is asked, with how many were made, and of how many.
    Raises :class:`StoreError` where a portion cannot be stored, after having yielded it.
    """
    by_hash = {_hash(text): text for text in texts}
    missing = dict(by_hash)
    hashes = list(by_hash)
    for start in range(0, len(hashes), _ASKED_AT_ONCE):
        part = hashes[start : start + _ASKED_AT_ONCE]
        found = store.query(_EMBEDDINGS.format(", ".join("?" * len(part))), [embedder.model, *part]).rows
        rows = unpacked([bytes.fromhex(text) for _, text in found])
        # What is damaged is made again: the store sees to their length, and not to what they hold.
        whole = np.isfinite(rows.sum(axis=1)).tolist()
        for (one, _), row, is_whole in zip(found, rows, whole, strict=True):
            if is_whole:
                del missing[one]
                yield one, row
    # Texts of like length cost least together.
    left = sorted(missing, key=lambda one: len(missing[one]))
    for start in range(0, len(left), _EMBEDDED_AT_ONCE):
        if not go_on(start, len(left)):
            return
        part = left[start : start + _EMBEDDED_AT_ONCE]
        made = embedder.embed([missing[one] for one in part])
        yield from zip(part, made, strict=True)
        store.put_rows(
            _EMBEDDING,
            [(one, embedder.model, packed(row), now) for one, row in zip(part, made, strict=True)],
        )


def embed_missing(store: Store, embedder: Embedder, *, now: str) -> int:
    """Embed the texts of all skills that have no vector yet, and store them; return how many."""
    known = {row[0] for row in store.query(_EMBEDDED, [embedder.model]).rows}
    missing = {text for text in map(text_of, read_cards(store)) if _hash(text) not in known}
    return sum(1 for _ in embed_texts(store, sorted(missing), embedder, now=now))


def embedded_skills(store: Store, embedder: Embedder, *, now: str) -> tuple[list[str], Vectors32]:
    """Return every skill of *store* with the vector of its text, one row each; what has none is embedded. Blocks."""
    cards = read_cards(store)
    texts = [text_of(card) for card in cards]
    found = dict(embed_texts(store, texts, embedder, now=now))
    rows = np.array([found[_hash(text)] for text in texts], dtype=np.float32)
    return [card.skill for card in cards], rows.reshape(len(cards), DIMENSIONS)


class KeptIndex:
    """The index over a store, for as long as a process lives. Threads may share one.

    Texts are embedded once; what was fitted is fitted anew only when names or descriptions changed. While one thread
    brings it up to date, others get it as it was.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        *,
        clock: Callable[[], str],
        seconds: Callable[[], float] = time.monotonic,
        most_exact: int = MOST_EXACT,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._clock = clock
        self._seconds = seconds
        self._most_exact = most_exact
        self._lock = threading.Lock()
        self._vectors: dict[str, Vectors32] = {}
        self._texts: list[tuple[str, str]] = []
        self._standing: Standing | None = None
        self._read_at = float("-inf")

    def read(self, *, patience: float = float("inf"), progress: Progress = lambda _done, _of: None) -> Standing:
        """Return the index; new texts are embedded for up to *patience* seconds, and the rest at the next call."""
        standing = self._standing
        if standing is not None and self._lock.locked():
            return standing
        with self._lock:
            standing = self._standing
            if standing and not standing.pending and self._seconds() - self._read_at < _FRESH_SECONDS:
                return standing
            self._standing = standing = self._made(patience, progress)
            self._read_at = self._seconds()
            return standing

    def _made(self, patience: float, progress: Progress) -> Standing:
        before = self._standing
        cards = read_cards(self._store)
        texts = [(card.skill, text_of(card)) for card in cards]
        if before is not None and texts == self._texts and not before.pending:
            return replace(before, index=before.index.with_cards(cards))
        unsaved = self._embed((text for _, text in texts), patience, progress)
        hashes = [_hash(text) for _, text in texts]
        self._vectors = {one: self._vectors[one] for one in hashes if one in self._vectors}
        nothing = np.zeros(DIMENSIONS, dtype=np.float32)
        rows = np.array([self._vectors.get(one, nothing) for one in hashes], dtype=np.float32)
        vectors = vectors_of(rows.reshape(len(hashes), DIMENSIONS), most_exact=self._most_exact)
        self._texts = texts
        pending = len(set(hashes) - self._vectors.keys())
        return Standing(SkillIndex.of(cards, self._embedder, vectors), pending, unsaved)

    def _embed(self, texts: Iterable[str], patience: float, progress: Progress) -> str | None:
        until = self._seconds() + patience

        def go_on(done: int, of: int) -> bool:
            progress(done, of)
            return self._seconds() < until

        new = [text for text in texts if _hash(text) not in self._vectors]
        try:
            self._vectors.update(embed_texts(self._store, new, self._embedder, now=self._clock(), go_on=go_on))
        except StoreError as error:
            # A store that is busy or may not be written to is no reason not to search in it.
            self._vectors.update({_hash(text): row for text, row in self._rest(new, until)})
            return error.problem
        return None

    def _rest(self, texts: Sequence[str], until: float) -> Iterator[tuple[str, Vectors32]]:
        """Yield those of *texts* that have no vector with one, without storing it."""
        left = [text for text in texts if _hash(text) not in self._vectors]
        for start in range(0, len(left), _EMBEDDED_AT_ONCE):
            if self._seconds() >= until:
                return
            part = left[start : start + _EMBEDDED_AT_ONCE]
            yield from zip(part, self._embedder.embed(part), strict=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
