"""What every engine of the store promises.

The **views are the read API**: ``query("SELECT * FROM v_realtime_skill_dashboard")`` is the
same statement on every engine. Engines differ in migrations and in writes only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Self

import msgspec

from session_buddy.model import BadLine, Invocation, SkillFacts
from session_buddy.storage.tables import PlainTable

__all__ = ["Checkpoint", "Clock", "Recorded", "Rows", "Store", "Tail"]

Clock = Callable[[], str]
"""Returns the present moment in the canonical form of :mod:`session_buddy.model`."""


class Recorded(msgspec.Struct, frozen=True):
    """What a call of :meth:`Store.record` did; the values add."""

    added: int = 0
    """Invocations that were not there before."""
    completed: int = 0
    """Invocations that were there and now say more (an outcome, a duration …)."""
    unchanged: int = 0
    """Invocations that were there already and say nothing new."""

    def __add__(self, other: Recorded) -> Recorded:
        return Recorded(self.added + other.added, self.completed + other.completed, self.unchanged + other.unchanged)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been read, and what its reader must remember to go on."""

    path: str
    importer: str
    """Name and version of the importer that read it."""
    identity: str
    """Tells this file from another one that took its name."""
    size: int
    modified_ns: int
    offset: int
    state: bytes


class Rows(msgspec.Struct, frozen=True):
    """The answer to a query: column names, and tuples in their order."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a mapping of column name to value."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Tail(ABC):
    """Follows what is recorded, by whatever process; see :meth:`Store.tail`. To be used from one thread at a time."""

    @abstractmethod
    def poll(self) -> list[Invocation]:
        """Return the invocations that were added, or completed by a later telling, since the last poll.

        As they are now, each once, the first recorded first. Costs next to nothing where there are none.
        Takes at most a few thousand at a time; the rest comes with the next poll.
        """

    @property
    @abstractmethod
    def lost(self) -> bool:
        """Whether the last poll passed over some because there were too many: what was shown must be read anew."""

    @abstractmethod
    def close(self) -> None:
        """Release the connection."""


class Store(ABC):
    """Where facts live.

    Guarantees of every engine:

    * **Durable**: when :meth:`record` returns, a power cut loses nothing of the batch.
    * **Atomic**: a batch, its checkpoints and its bad lines are stored together or not at all.
    * **Idempotent**: an ``event_id`` is one row however often and in whatever order it
      comes; a later telling may complete it, never double it.
    * **Exact**: the roll-ups behind the views equal a count of the event log at every commit.
    * **Concurrent**: any number of processes may record at once; a caller waits, and gets
      :class:`~session_buddy.errors.StoreBusy` only when it waited longer than its patience.
    """

    url: str

    @abstractmethod
    def record(
        self,
        batch: Iterable[Invocation],
        *,
        checkpoints: Sequence[Checkpoint] = (),
        bad_lines: Sequence[BadLine] = (),
    ) -> Recorded:
        """Store *batch* in one transaction, with how far its sources have been read."""

    @abstractmethod
    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write *rows*, in the order of the columns of *table*: new ones, and new values for keys that are there.

        Raises :class:`~session_buddy.errors.StoreError` where the engine knows that another row stands in the way.
        """

    @abstractmethod
    def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
        """Delete the rows of *table* with these *keys*, in the order of its columns; none there is no error.

        Killed on the way, some engines have deleted part of them.
        """

    @abstractmethod
    def swap_row(
        self,
        table: PlainTable,
        old: tuple[Any, ...] | None,
        new: tuple[Any, ...],
        *,
        beside: Sequence[tuple[PlainTable, Sequence[tuple[Any, ...]]]] = (),
    ) -> bool:
        """Write the row *new* where *table* has *old*, and other rows *beside* it; all or nothing.

        Return False, and write nothing, where another row has its key by now: somebody else was faster. *old* is the
        row as :attr:`PlainTable.selected` gives it, or ``None`` where there must be none.
        """

    @abstractmethod
    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Rows:
        """Return the rows of a read-only statement.

        Raises :class:`~session_buddy.errors.QueryRefused` for a statement that would write
        or is no valid SQL.
        """

    @abstractmethod
    def stream(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """Yield the rows of a read-only statement one by one, in bounded memory; the first is the column names.

        They are those that were there at the beginning. Meanwhile the store may be used for anything else, by the
        same thread too. Exhaust or close it: it holds a connection of its own.
        """

    @abstractmethod
    def tail(self) -> Tail:
        """Return a :class:`Tail` of everything that is recorded from now on."""

    @abstractmethod
    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return the checkpoint of every file ever read, by path."""

    @abstractmethod
    def describe(self, facts: Iterable[SkillFacts]) -> None:
        """Enter skills into the catalogue: category, modality and description, where they have none yet."""

    @abstractmethod
    def refresh(self) -> None:
        """Bring up to date what depends on all rows at once: lifts, percentiles, silent windows."""

    @abstractmethod
    def rebuild(self) -> None:
        """Count every roll-up again from the event log, in one transaction."""

    @abstractmethod
    def drifted(self) -> list[str]:
        """Return the roll-up tables that differ from a recount of the event log; none is expected."""

    @abstractmethod
    def prunable(self, before: str) -> int:
        """Return how many invocations :meth:`prune` would delete in all."""

    @abstractmethod
    def prune(self, before: str, *, limit: int = 500) -> int:
        """Delete invocations before the moment *before*, and whatever was counted of them; return how many.

        About *limit* at once, in one transaction: call it until it returns 0. An engine that parts its log by months
        deletes whole months that are before that moment, whatever the limit.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the files; the store can not be used afterwards.

        Calls of other threads that are at work come to their end. Whoever comes later, a write that still waits for
        its turn, and a :meth:`stream` that has rows left get a :class:`~session_buddy.errors.StoreError`.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
