"""The default engine: one documented SQLite file, open to any SQLite tool."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from session_buddy.errors import InvalidInput, QueryRefused, StoreError, StoreUnreadable
from session_buddy.model import BadLine, Invocation, SkillFacts, parse_time
from session_buddy.storage.fitting import refuse_wrong_types
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.sqlite.catalogue import enter_facts
from session_buddy.storage.sqlite.connection import begin_immediate, open_reader, open_writer
from session_buddy.storage.sqlite.event_log import record_batch
from session_buddy.storage.sqlite.plain import drop_plain_rows, put_plain_rows, stands
from session_buddy.storage.sqlite.pruning import COUNT_BEFORE, prune_events
from session_buddy.storage.sqlite.tail import SQLiteTail
from session_buddy.storage.sqlite.upkeep import digest_roll_ups, rebuild_roll_ups, refresh_figures
from session_buddy.storage.store import Checkpoint, Clock, Recorded, Rows, Store
from session_buddy.storage.tables import PlainTable

__all__ = ["SQLiteStore"]

_SAVE_CHECKPOINT = """
INSERT INTO import_checkpoint (path, importer, identity, size, modified_ns, offset, state, imported_at)
VALUES (?, ?, ?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT (path) DO UPDATE SET importer = excluded.importer, identity = excluded.identity, size = excluded.size,
    modified_ns = excluded.modified_ns, offset = excluded.offset, state = excluded.state,
    imported_at = excluded.imported_at
"""
_SAVE_BAD_LINE = """
INSERT INTO import_quarantine (path, offset, line, length, reason, seen_at)
VALUES (?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO NOTHING
"""
_ROWS_AT_ONCE = 32
"""A stream takes so many out of SQLite each time."""


class SQLiteStore(Store):
    """A :class:`Store` in one SQLite file in WAL mode: one writer at a time, readers never wait.

    Safe to use from several threads: writes take turns, reads take turns, and :meth:`close` waits for both. A stream
    waits for nobody, and nobody for it.
    """

    def __init__(self, path: Path, *, clock: Clock | None = None, patience_seconds: float = 300.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        MigrationManager(db_path=path).ensure_current()
        self.url = f"sqlite:///{path}"
        self.path = path
        self._clock = clock
        self._patience_seconds = patience_seconds
        with _explained(path):
            self._reader = open_reader(path, clock=clock)
        self._closed = False
        # Held while SQLite runs on the writer, or on the reader.
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._streams: dict[sqlite3.Connection, threading.Lock] = {}

    @cached_property
    def _writer(self) -> sqlite3.Connection:
        # Opened with the first write, so that a file one may only read can be read.
        return open_writer(self.path, clock=self._clock, patience_seconds=self._patience_seconds)

    def record(
        self,
        batch: Iterable[Invocation],
        *,
        checkpoints: Sequence[Checkpoint] = (),
        bad_lines: Sequence[BadLine] = (),
    ) -> Recorded:
        """See :meth:`Store.record`."""
        invocations = batch if isinstance(batch, list | tuple) else list(batch)
        if not (invocations or checkpoints or bad_lines):
            return Recorded()
        refuse_wrong_types(invocations)
        with self._transaction() as connection:
            recorded = record_batch(connection, invocations)
            connection.executemany(_SAVE_BAD_LINE, ((b.path, b.offset, b.line, b.length, b.reason) for b in bad_lines))
            connection.executemany(
                _SAVE_CHECKPOINT,
                ((c.path, c.importer, c.identity, c.size, c.modified_ns, c.offset, c.state) for c in checkpoints),
            )
        return recorded

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.put_rows`."""
        with self._transaction() as connection:
            put_plain_rows(connection, table, rows)

    def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.drop_rows`. All or nothing."""
        with self._transaction() as connection:
            drop_plain_rows(connection, table, keys)

    def swap_row(
        self,
        table: PlainTable,
        old: tuple[Any, ...] | None,
        new: tuple[Any, ...],
        *,
        beside: Sequence[tuple[PlainTable, Sequence[tuple[Any, ...]]]] = (),
    ) -> bool:
        """See :meth:`Store.swap_row`."""
        with self._transaction() as connection:
            is_there = stands(connection, table, old, new[: len(table.key)])
            if is_there:
                for one, rows in ((table, [new]), *beside):
                    put_plain_rows(connection, one, rows)
        return is_there

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Rows:
        """See :meth:`Store.query`."""
        with _explained(self.path), self._step(self._reading):
            cursor = self._reader.execute(sql, parameters)
            return Rows(_columns(cursor), cursor.fetchall())

    def stream(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """See :meth:`Store.stream`."""
        with _explained(self.path), self._reader_aside() as (reader, stepping):
            with self._step(stepping):
                cursor = reader.execute(sql, parameters)
            yield _columns(cursor)
            while True:
                with self._step(stepping):
                    rows = cursor.fetchmany(_ROWS_AT_ONCE)
                if not rows:
                    return
                yield from rows

    def tail(self) -> SQLiteTail:
        """See :meth:`Store.tail`."""
        return SQLiteTail(self.path)

    def checkpoints(self) -> dict[str, Checkpoint]:
        """See :meth:`Store.checkpoints`."""
        fields = Checkpoint.__struct_fields__
        with self._step(self._reading):
            rows = self._reader.execute(f"SELECT {', '.join(fields)} FROM import_checkpoint").fetchall()
        return {row[0]: Checkpoint(**dict(zip(fields, row, strict=True))) for row in rows}

    def describe(self, facts: Iterable[SkillFacts]) -> None:
        """See :meth:`Store.describe`."""
        with self._transaction() as connection:
            enter_facts(connection, facts)

    def refresh(self) -> None:
        """See :meth:`Store.refresh`."""
        with self._transaction() as connection:
            refresh_figures(connection)

    def rebuild(self) -> None:
        """See :meth:`Store.rebuild`."""
        with self._transaction() as connection:
            rebuild_roll_ups(connection)

    def drifted(self) -> list[str]:
        """See :meth:`Store.drifted`. The recount happens in a transaction that is rolled back."""
        with self._writing:
            self._begin()
            try:
                kept = digest_roll_ups(self._writer)
                rebuild_roll_ups(self._writer)
                recounted = digest_roll_ups(self._writer)
            finally:
                self._writer.execute("ROLLBACK")
        return [table for table, digest in kept.items() if recounted[table] != digest]

    def prunable(self, before: str) -> int:
        """See :meth:`Store.prunable`."""
        ((count,),) = self.query(COUNT_BEFORE, [parse_time(before, field="before")]).rows
        return int(count)

    def prune(self, before: str, *, limit: int = 500) -> int:
        """See :meth:`Store.prune`. The room in the file is used again, not given back."""
        with self._transaction() as connection:
            return prune_events(connection, parse_time(before, field="before"), limit)

    def close(self) -> None:
        """See :meth:`Store.close`."""
        self._closed = True
        # Closed under a statement that runs in another thread, SQLite reads memory that was given back.
        for reader, stepping in ((self._reader, self._reading), *self._streams.items()):
            with stepping:
                reader.close()
        with self._writing:
            if "_writer" in vars(self):
                self._writer.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError(f"The store {self.url} has been closed.", remedy="Open it again with open_store().")

    def _begin(self) -> None:
        self._refuse_closed()
        begin_immediate(self._writer, self.path, self._patience_seconds, before_each=self._refuse_closed)

    @contextmanager
    def _step(self, running: threading.Lock) -> Iterator[None]:
        """Let SQLite run on the connection that *running* is held for."""
        with running:
            self._refuse_closed()
            yield

    @contextmanager
    def _reader_aside(self) -> Iterator[tuple[sqlite3.Connection, threading.Lock]]:
        """Yield a reader for one stream, and the lock to hold while SQLite runs on it."""
        self._refuse_closed()
        reader, stepping = open_reader(self.path, clock=self._clock), threading.Lock()
        self._streams[reader] = stepping
        try:
            yield reader, stepping
        finally:
            del self._streams[reader]
            with stepping:
                reader.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            self._begin()
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException as error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and (damaged := _damaged(self.path, error)):
                    raise damaged from error
                if isinstance(error, UnicodeEncodeError):
                    raise InvalidInput(
                        "text", "holds half a surrogate pair.", remedy="Give text that can be written as UTF-8."
                    ) from error
                raise


def _columns(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    if cursor.description is None:
        raise QueryRefused("There is no statement that gives rows.", remedy="Write a SELECT.")
    return tuple(column[0] for column in cursor.description)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says of a query into errors of this package."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = _code(error)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        if code == sqlite3.SQLITE_AUTH:
            raise QueryRefused(
                "This statement would write or change settings; only reading is allowed here.",
                remedy="Write through the API, or open the file with a SQLite tool of your own.",
            ) from error
        if damaged := _damaged(path, error):
            raise damaged from error
        raise QueryRefused(
            f"SQLite refuses the statement: {error}.", remedy="Correct the SQL, or the value it stumbles over."
        ) from error


def _damaged(path: Path, error: sqlite3.DatabaseError) -> StoreError | None:
    """Return what to raise where the file or its disk is at fault, None where the statement is."""
    code = _code(error)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreUnreadable(
            f"{path} is damaged: {error}.", remedy="Check it with 'session-buddy db verify', or restore a backup."
        )
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return StoreError(
            f"{path} cannot be used: {error}.", remedy="See that its disk has room and that you may write there."
        )
    return None


def _code(error: sqlite3.DatabaseError) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
