"""A column as its different values, and for each row the place of its value among them. Pure.

Most columns here hold few values, and that is how ClickHouse takes them (``LowCardinality``). What stands beside
what in a batch is then a question of whole numbers, answered for all rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["DictionaryColumn", "pairs"]


class DictionaryColumn:
    """A column, encoded: row *n* holds ``values[places[n]]``. Rows of it are taken by a slice."""

    def __init__(self, values: list[Any], places: npt.NDArray[np.uint32]) -> None:
        self.values, self.places = values, places

    @classmethod
    def of(cls, rows: Sequence[Any], *, nullable: bool = False) -> DictionaryColumn:
        """Return *rows* encoded, values in the order in which they first come.

        Where it is *nullable*, ``None`` is at place 0, whether it comes or not.
        """
        seen = _Seen({None: 0} if nullable else {})
        if rows and rows[0] == rows[-1] and rows.count(rows[0]) == len(rows):
            places = np.full(len(rows), seen[rows[0]], np.uint32)
        else:
            places = np.fromiter(map(seen.__getitem__, rows), np.uint32, len(rows))
        return cls(list(seen), places)

    @property
    def only_none(self) -> bool:
        """Whether no row says anything; told of columns that are nullable."""
        return self.values == [None]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: slice) -> DictionaryColumn:
        return DictionaryColumn(self.values, self.places[rows])


class _Seen(dict[Any, int]):
    """Places of values; one that was not seen before gets the next."""

    def __missing__(self, value: Any) -> int:
        place = self[value] = len(self)
        return place


def pairs(one: DictionaryColumn, other: DictionaryColumn) -> Iterator[tuple[int, Any, Any, int]]:
    """Yield the different pairs of values that rows of both columns hold, in the order in which they first come.

    Of each pair: the first row that holds it, the two values, and how many rows hold it.
    """
    both = one.places.astype(np.int64) * len(other.values) + other.places
    _, first, counts = np.unique(both, return_index=True, return_counts=True)
    in_order = np.argsort(first)
    rows = first[in_order]
    ones = map(one.values.__getitem__, one.places[rows].tolist())
    others = map(other.values.__getitem__, other.places[rows].tolist())
    return zip(rows.tolist(), ones, others, counts[in_order].tolist(), strict=True)
