"""The way up: ClickHouse, in this process (``chdb``) or on servers, under the same names and views."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from session_buddy.errors import InvalidInput, StoreError
from session_buddy.model import BadLine, Invocation, SkillFacts
from session_buddy.storage.clickhouse import event_log
from session_buddy.storage.clickhouse.catalogue import enter_facts
from session_buddy.storage.clickhouse.changes import Plan, plan
from session_buddy.storage.clickhouse.columns import milliseconds
from session_buddy.storage.clickhouse.connection import open_client, parse_url, translated
from session_buddy.storage.clickhouse.parameters import bound
from session_buddy.storage.clickhouse.plain import put_plain_rows
from session_buddy.storage.clickhouse.upkeep import SCRIPTS, drifted_roll_ups, rebuild_roll_ups
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget
from session_buddy.storage.store import Checkpoint, Clock, Recorded, Rows, Store
from session_buddy.storage.tables import PlainTable

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseStore"]

_BYTES: dict[str, str | dict[str, str]] = {"state": "bytes", "embedding": "bytes", "centroid_embedding": "bytes"}
"""Columns of other bytes than text, to be read as such."""


class ClickHouseStore(Store):
    """A :class:`Store` in ClickHouse: the same contract, with differences that are all declared here.

    ==================  ============================================================================
    What                How it differs from SQLite
    ==================  ============================================================================
    Atomic              A batch is put down before it is written and finished by the next call or process
                        after a failure; a reader may meanwhile see a part of it, and :meth:`record` that
                        raised :class:`~session_buddy.errors.StoreAway` may yet have stored the batch.
    Exact               Two processes that tell *at the same moment* of an event, a session, or a user's
                        first use of a skill that the other has not seen yet may both count it as new. Send
                        one user's events through one process, or :meth:`rebuild`. The same batch
                        delivered again counts once, whoever delivers it.
    Known events        An event is looked for a day around the time it tells. Told again with another time
                        further off, it is a second one.
    Time                Years 1970 to 2105; others are refused.
    Concurrent          ``chdb``: one process has the folder open, others wait for their patience. Servers:
                        any number of processes.
    Roll-ups            Are views over sums and cannot be written. ``skill_dependencies.lift_score``, the
                        percentiles and the cached windows are true when read, so :meth:`refresh` has
                        nothing to do. ``is_anomalous`` is written to ``skill_anomaly_mark``.
    Plain tables        Have no unique and no foreign keys and no triggers; of rows with one key the last
                        counts, and reading them with FINAL shows only that. Ids that are left out are
                        made up, but not counted from 1.
    SQL                 Is ClickHouse's: ``JSONExtract`` for ``json_each``, ``system.tables`` for
                        ``sqlite_schema``. ``id`` in views tells rows apart and says nothing of order.
    ==================  ============================================================================

    Safe to use from several threads: writes take turns, reads take turns.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, patience_seconds: float = 300.0) -> None:
        self._address = parse_url(url)
        self.url = self._address.url
        self._clock = clock
        self._told_clock: str | None = None
        self._version = 0
        self._unfinished: list[event_log.Contents] = []
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._clients: list[Client] = []
        target = ClickHouseTarget(self._address, patience_seconds=patience_seconds)
        try:
            self._clients.append(target.client)
            MigrationManager(scripts=SCRIPTS, target=target).ensure_current()
            self._writer = self._opened(self._address.database)
            self._reader = self._opened(self._address.database, reads_only=True)
            with translated(self._address):
                self._unfinished = event_log.unfinished(self._writer)
                self._finish()
        except BaseException:
            self.close()
            raise

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
        _refuse_impossible(bad_lines)
        with self._turn() as client:
            self._finish()
            present = event_log.present(client, invocations)
            planned = plan(invocations, present)
            if planned.states or checkpoints or bad_lines:
                self._version = event_log.next_version(max(self._version, present.newest_version + 1))
                self._write(planned, checkpoints, bad_lines)
        return planned.recorded

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.put_rows`."""
        with self._turn() as client:
            put_plain_rows(client, table, rows)

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Rows:
        """See :meth:`Store.query`."""
        text, values = bound(sql, parameters)
        with self._reading, translated(self._address, reading=True):
            self._refuse_closed()
            self._tell_clock()
            found = self._reader.query(text, parameters=values, column_formats=_BYTES)
            return Rows(tuple(found.column_names), [tuple(row) for row in found.result_rows])

    def stream(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """See :meth:`Store.stream`."""
        text, values = bound(sql, parameters)
        with self._reading, translated(self._address, reading=True):
            self._refuse_closed()
            self._tell_clock()
            with self._reader.query_rows_stream(text, parameters=values, column_formats=_BYTES) as rows:
                yield tuple(rows.source.column_names)
                for row in rows:
                    yield tuple(row)

    def checkpoints(self) -> dict[str, Checkpoint]:
        """See :meth:`Store.checkpoints`."""
        fields = Checkpoint.__struct_fields__
        rows = self.query(f"SELECT {', '.join(fields)} FROM import_checkpoint").rows
        return {row[0]: Checkpoint(**dict(zip(fields, row, strict=True))) for row in rows}

    def describe(self, facts: Iterable[SkillFacts]) -> None:
        """See :meth:`Store.describe`."""
        with self._turn() as client:
            enter_facts(client, facts, now=self._now())

    def refresh(self) -> None:
        """Do nothing: on this engine all figures are true when read."""

    def rebuild(self) -> None:
        """See :meth:`Store.rebuild`. Readers see roll-ups grow meanwhile; other processes must not record."""
        with self._turn() as client:
            self._finish()
            rebuild_roll_ups(client)

    def drifted(self) -> list[str]:
        """See :meth:`Store.drifted`. The recount happens in a database beside, which is dropped afterwards."""
        with self._turn() as client:
            self._finish()
            return drifted_roll_ups(client, self._opened_aside, self._address.database)

    def close(self) -> None:
        """See :meth:`Store.close`."""
        while self._clients:
            self._clients.pop().close()

    def _write(self, planned: Plan, checkpoints: Sequence[Checkpoint], bad_lines: Sequence[BadLine]) -> None:
        contents = event_log.contents_of(planned, checkpoints, bad_lines, now=self._now(), version=self._version)
        self._version += len(planned.states) + 1
        packed = event_log.packed(contents)
        # Before it is begun: where the answer is lost, the server may have it, and it must be ended first.
        self._unfinished.append(contents)
        event_log.begin(self._writer, contents.token, packed)
        self._finish()

    def _finish(self) -> None:
        """Write, or write again, what was begun: nothing else may be counted before it."""
        while self._unfinished:
            event_log.deliver((self._writer, self._second_writer), self._unfinished[0])
            del self._unfinished[0]

    @contextmanager
    def _turn(self) -> Iterator[Client]:
        with self._writing, translated(self._address):
            self._refuse_closed()
            self._tell_clock()
            try:
                yield self._writer
            except UnicodeEncodeError as error:
                raise InvalidInput(
                    "text", "holds half a surrogate pair.", remedy="Give text that can be written as UTF-8."
                ) from error

    def _now(self) -> str:
        if self._clock:
            return self._clock()
        return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _tell_clock(self) -> None:
        """Make views mean *clock* by now, where one was given."""
        if self._clock and (now := self._clock()) != self._told_clock:
            self._version = event_log.next_version(self._version + 1)
            self._writer.insert(
                "store_clock",
                [(1, milliseconds([now])[0], self._version)],
                column_names=("id", "now", "version"),
                column_type_names=("UInt8", "DateTime64(3, 'UTC')", "UInt64"),
            )
            self._told_clock = now

    def _opened(self, database: str, *, reads_only: bool = False) -> Client:
        client = open_client(self._address, reads_only=reads_only, database=database)
        self._clients.append(client)
        return client

    def _opened_aside(self, database: str) -> Client:
        return open_client(self._address, database=database)

    @cached_property
    def _second_writer(self) -> Client:
        return self._opened(self._address.database)

    def _refuse_closed(self) -> None:
        if not self._clients:
            raise StoreError(f"The store {self.url} has been closed.", remedy="Open it again with open_store().")


def _refuse_impossible(bad_lines: Sequence[BadLine]) -> None:
    """Raise for what a constraint of the schema would refuse: nothing of a batch may be written by then."""
    for bad in bad_lines:
        if bad.line < 1 or bad.offset < 0 or bad.length < 0:
            raise InvalidInput(
                "line",
                f"{bad.path}, line {bad.line}, fails the CHECK of import_quarantine.",
                remedy="Lines count from 1, offsets and lengths from 0.",
            )
