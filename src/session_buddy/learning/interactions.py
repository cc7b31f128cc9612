"""Who used what: the matrix that recommendations are learned from, users in rows and skills in columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array as Matrix  # type: ignore[import-untyped]

__all__ = ["Interactions", "Matrix", "rows_of"]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Users by skills; a user may be a session, where there are too few users to compare.

    Guarantees: each pair stands once, indices of a row are sorted, and what there is of a pair is 1.
    """

    skills: tuple[str, ...]
    used: Matrix
    """1 where a user used a skill."""
    ages: NDArray[np.float64]
    """Days since the last use, of each pair of :attr:`used` in its order; 0 where times do not matter."""
    since: NDArray[np.float64]
    """Days since the first use, likewise; below 0 for what is yet to come."""
    rates: NDArray[np.float64]
    """The part of each skill's uses that completes, 0-1."""
    texts: tuple[str, ...]
    """What is known of each skill in words; its name at least."""

    @classmethod
    def of_pairs(
        cls,
        users: NDArray[np.int64],
        skills: NDArray[np.int64],
        *,
        shape: tuple[int, int],
        ages: NDArray[np.float64] | None = None,
        since: NDArray[np.float64] | None = None,
        rates: NDArray[np.float64] | None = None,
        names: Sequence[str] = (),
        texts: Sequence[str] = (),
    ) -> Interactions:
        """Return the interactions of *users* with *skills*, by number.

        Of a pair told twice the youngest of *ages* and the oldest of *since* stay; that is the same as *ages* where it
        is not told.
        """
        last = np.zeros(len(users)) if ages is None else np.asarray(ages, dtype=np.float64)
        first = last if since is None else np.asarray(since, dtype=np.float64)
        order = np.lexsort((skills, users))
        users, skills, last, first = users[order], skills[order], last[order], first[order]
        is_first = np.ones(len(users), dtype=bool)
        is_first[1:] = (users[1:] != users[:-1]) | (skills[1:] != skills[:-1])
        starts = np.flatnonzero(is_first)
        if len(starts):
            last, first = np.minimum.reduceat(last, starts), np.maximum.reduceat(first, starts)
        users, skills = users[starts], skills[starts]
        ends = np.searchsorted(users, np.arange(shape[0] + 1))
        used = Matrix((np.ones(len(skills), dtype=np.float32), skills, ends), shape=shape)
        named = tuple(names) or tuple(str(number) for number in range(shape[1]))
        return cls(named, used, last, first, np.ones(shape[1]) if rates is None else rates, tuple(texts) or named)

    def with_used(self, kept: NDArray[np.bool_]) -> Interactions:
        """Return the same with only the pairs that are *kept*: one truth value each, in the order of :attr:`used`."""
        owners = np.repeat(np.arange(self.used.shape[0]), np.diff(self.used.indptr))[kept]
        ends = np.searchsorted(owners, np.arange(self.used.shape[0] + 1))
        used = Matrix((self.used.data[kept], self.used.indices[kept], ends), shape=self.used.shape)
        return Interactions(self.skills, used, self.ages[kept], self.since[kept], self.rates, self.texts)

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each skill."""
        return {name: place for place, name in enumerate(self.skills)}

    @cached_property
    def users_of_skills(self) -> NDArray[np.int64]:
        """How many users each skill has."""
        return np.bincount(self.used.indices, minlength=len(self.skills))

    def profile(self, skills: Iterable[str]) -> Matrix:
        """Return one row with these *skills*; those not known here are left out."""
        return rows_of([sorted({self.places[name] for name in skills if name in self.places})], len(self.skills))


def rows_of(rows: Sequence[Sequence[int]], width: int) -> Matrix:
    """Return a matrix with 1 at the columns that each of *rows* names."""
    ends = np.cumsum([0, *(len(row) for row in rows)])
    columns = np.fromiter((column for row in rows for column in row), dtype=np.int64, count=int(ends[-1]))
    return Matrix((np.ones(len(columns), dtype=np.float32), columns, ends), shape=(len(rows), width))
