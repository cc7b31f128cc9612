"""BM25 over names and descriptions: which skills say the words of a question. Pure.

Our own, and no database's: two engines would weigh the same words differently, and neither knows two fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array  # type: ignore[import-untyped]

from session_buddy.learning.words import spoken_name, stems_of, words_of

__all__ = ["K1", "K3", "NAME_WEIGHT", "Asked", "B", "TermIndex"]

K1 = 1.2
"""How soon a word said again in a skill counts less."""
B = 0.75
"""How much long texts count less, 0-1."""
K3 = 1.0
"""How soon a word said again in the question counts less: tasks are told at length, and repeat their file names."""
NAME_WEIGHT = 2.0
"""A word in a name counts as so many in a description."""
_ENOUGH_WORDS = 4

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A question as this index understands it: of each of its words that any skill has, how often and how written."""

    counts: dict[int, int]
    written: dict[int, str]

    def weight(self, term: int) -> float:
        """Return how much a word of the question counts."""
        count = self.counts[term]
        return (K3 + 1) * count / (K3 + count)


@dataclass(frozen=True, eq=False)
class TermIndex:
    """The words of many skills; skills are numbered in the order in which they were given."""

    numbers: dict[str, int]
    """Each stem's number."""
    weights: csc_array
    """Skills by stems: what a stem that is asked for adds to the score of a skill."""
    in_names: csc_array
    """Skills by stems: 1 where the stem stands in the name."""
    name_sizes: NDArray[np.int64]
    """How many different stems each name has, and words of one letter, which no question is searched for."""
    rarity: NDArray[np.float64]
    """What each stem weighs: ``ln(1 + (N - df + ½) / (df + ½))``."""

    @classmethod
    def of(cls, names: Sequence[str], descriptions: Sequence[str]) -> TermIndex:
        """Return the index of skills with these *names* and *descriptions* (empty where there is none).

        BM25F (Robertson, Zaragoza and Taylor, 2004): fields are joined before the saturation, ``tf = Σ w·n / (1 - b +
        b·length/mean length)``; then ``tf·(k1 + 1) / (tf + k1) · ln(1 + (N - df + ½) / (df + ½))``.
        """
        numbers: dict[str, int] = {}
        named = _counts([stems_of(spoken_name(name)) for name in names], numbers)
        described = _counts([stems_of(description) for description in descriptions], numbers)
        shape = (len(names), len(numbers))
        named.resize(shape)
        described.resize(shape)
        told = csr_array(NAME_WEIGHT * _by_length(named) + _by_length(described))
        frequencies = np.bincount(told.indices, minlength=shape[1])
        rarity = np.log1p((shape[0] - frequencies + 0.5) / (frequencies + 0.5))
        told.data = (told.data * (K1 + 1) / (told.data + K1) * rarity[told.indices]).astype(np.float32)
        columns = csc_array(told)
        columns.sort_indices()
        sizes = np.diff(named.indptr) + [_letters_of(name) for name in names]
        return cls(numbers, columns, csc_array(named), sizes.astype(np.int64), rarity)

    def asked(self, question: str) -> Asked:
        """Return what this index makes of the words of *question*."""
        counts: Counter[int] = Counter()
        written: dict[int, str] = {}
        for word, ending in words_of(question):
            number = self.numbers.get(ending)
            if number is not None:
                counts[number] += 1
                written.setdefault(number, word)
        return Asked(dict(counts), written)

    def scores(self, asked: Asked) -> Scores:
        """Return the score of each skill: 0 where none of the words stands."""
        found = np.zeros(self.weights.shape[0], dtype=np.float32)
        for term in asked.counts:
            begin, end = self.weights.indptr[term], self.weights.indptr[term + 1]
            found[self.weights.indices[begin:end]] += asked.weight(term) * self.weights.data[begin:end]
        return found

    def enough(self, asked: Asked) -> float:
        """Return what a skill of mean length scores that says the four weightiest words of the question once each."""
        weights = sorted((asked.weight(term) * float(self.rarity[term]) for term in asked.counts), reverse=True)
        return sum(weights[:_ENOUGH_WORDS])

    def named(self, asked: Asked) -> NDArray[np.bool_]:
        """Return of each skill whether all words of its name stand in the question."""
        found = np.zeros(len(self.name_sizes), dtype=np.int64)
        for term in asked.counts:
            found[self.in_names.indices[self.in_names.indptr[term] : self.in_names.indptr[term + 1]]] += 1
        whole: NDArray[np.bool_] = (found == self.name_sizes) & (self.name_sizes > 0)
        return whole

    def matched(self, asked: Asked, skill: int) -> list[str]:
        """Return the words of the question that *skill* has, as they were written, those that count most first."""
        parts: list[tuple[float, str]] = []
        for term, word in asked.written.items():
            begin, end = self.weights.indptr[term], self.weights.indptr[term + 1]
            place = begin + np.searchsorted(self.weights.indices[begin:end], skill)
            if place < end and self.weights.indices[place] == skill:
                parts.append((-asked.weight(term) * float(self.weights.data[place]), word))
        return [word for _, word in sorted(parts)]


def _counts(texts: Sequence[Sequence[str]], numbers: dict[str, int]) -> csr_array:
    """Return texts by stems: how often each stands in each; new stems get the next of the *numbers*."""
    data: list[int] = []
    places: list[int] = []
    ends = [0]
    for stems in texts:
        counted = Counter(stems)
        places += [numbers.setdefault(one, len(numbers)) for one in counted]
        data += counted.values()
        ends.append(len(places))
    parts = (np.array(data, dtype=np.float64), np.array(places, dtype=np.int32), np.array(ends, dtype=np.int32))
    return csr_array(parts, shape=(len(texts), len(numbers)))


def _letters_of(name: str) -> int:
    """Return how many words of one letter *name* has: without them ``step-1`` would be named by every step."""
    return len({word for word in spoken_name(name).split() if len(word) == 1})


def _by_length(counts: csr_array) -> csr_array:
    """Return *counts* with those of long texts made less."""
    lengths = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    mean = lengths.mean() if lengths.any() else 1.0
    scaled = counts.copy()
    scaled.data = scaled.data / np.repeat(1 - B + B * lengths / mean, np.diff(counts.indptr))
    return scaled
