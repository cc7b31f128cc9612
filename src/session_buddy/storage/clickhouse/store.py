"""The way up: ClickHouse, in this process (``chdb``) or on servers, under the same names and views."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from session_buddy.errors import InvalidInput, StoreError
from session_buddy.model import BadLine, Invocation, SkillFacts, parse_time
from session_buddy.storage.clickhouse import event_log, pruning, recovery
from session_buddy.storage.clickhouse.catalogue import enter_facts
from session_buddy.storage.clickhouse.changes import Plan, plan
from session_buddy.storage.clickhouse.columns import milliseconds
from session_buddy.storage.clickhouse.connection import open_client, parse_url, translated
from session_buddy.storage.clickhouse.parameters import bound
from session_buddy.storage.clickhouse.plain import put_plain_rows, stands
from session_buddy.storage.clickhouse.scratch import drop_abandoned
from session_buddy.storage.clickhouse.tail import ClickHouseTail
from session_buddy.storage.clickhouse.upkeep import ROLL_UPS, SCRIPTS, drifted_roll_ups, rebuild_roll_ups
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
                        delivered again counts once, whoever delivers it. Where a server without replicas
                        died within an insert, or forgot its tokens, the roll-ups are recounted before all
                        else; :meth:`record` of other processes is refused meanwhile.
    Recounts            :meth:`rebuild` and :meth:`prune` run one at a time: the second is refused with
                        :class:`~session_buddy.errors.StoreAway`, as is :meth:`record`. One that was killed
                        is taken over two minutes after its last sign of life. Not covered: a process that
                        stood still for so long in the middle of a statement, and a cluster's node that
                        hears of a recount more than a second late; :meth:`drifted` finds both.
    Known events        An event is looked for a day around the time it tells. Told again with another time
                        further off, it is a second one.
    Time                Years 1970 to 2105; others are refused.
    Concurrent          ``chdb``: one process has the folder open, others wait for their patience. Servers:
                        any number of processes.
    Roll-ups            Are views over sums and cannot be written. ``skill_dependencies.lift_score``, the
                        percentiles and the cached windows are true when read, so :meth:`refresh` has
                        nothing to do.
    Plain tables        Have no unique and no foreign keys and no triggers; of rows with one key the last
                        counts, and reading them with FINAL shows only that. Ids that are left out are
                        made up, but not counted from 1. Two processes that :meth:`swap_row` *at the same
                        moment* may both be told that they were the one; the last counts.
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
        self._unfinished: list[recovery.Begun] = []
        self._is_recount_due = False
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._clients: list[Client] = []
        target = ClickHouseTarget(self._address, patience_seconds=patience_seconds)
        try:
            self._clients.append(target.client)
            MigrationManager(scripts=SCRIPTS, target=target).ensure_current()
            self._writer = self._opened(self._address.database)
            self._reader = self._opened(self._address.database, reads_only=True)
            with translated(self._address):
                drop_abandoned(self._writer, self._opened_aside, self._address.database)
                # A clock that was set back must not make new checkpoints older than old ones.
                ((self._version,),) = self._writer.query("SELECT max(version) FROM import_checkpoint_log").result_rows
                self._unfinished = recovery.found_unfinished(self._writer)
                self._is_recount_due = recovery.is_left_behind(self._writer, alone=self._is_alone)
                # Where another process recounts, what was begun waits for the first write, and reading is possible.
                with suppress(recovery.BeingRecounted):
                    self._finish()
                    recovery.forget_old(self._writer)
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
        _refuse_impossible(checkpoints, bad_lines)
        with self._turn() as client:
            recounts = self._finish()
            present = event_log.present(client, invocations)
            planned = plan(invocations, present)
            if planned.states or checkpoints or bad_lines:
                self._version = event_log.next_version(max(self._version, present.newest_version + 1))
                self._write(planned, checkpoints, bad_lines, recounts)
        return planned.recorded

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.put_rows`."""
        with self._turn() as client:
            put_plain_rows(client, table, rows)

    def swap_row(
        self,
        table: PlainTable,
        old: tuple[Any, ...] | None,
        new: tuple[Any, ...],
        *,
        beside: Sequence[tuple[PlainTable, Sequence[tuple[Any, ...]]]] = (),
    ) -> bool:
        """See :meth:`Store.swap_row`. Rows *beside* come first: killed in between, they tell of what did not happen."""
        with self._turn() as client:
            is_there = stands(client, table, old, new[: len(table.key)])
            if is_there:
                for one, rows in (*beside, (table, [new])):
                    put_plain_rows(client, one, rows)
        return is_there

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> Rows:
        """See :meth:`Store.query`."""
        text, values = bound(sql, parameters)
        with self._reading, translated(self._address, reading=True):
            self._refuse_closed()
            self._tell_clock()
            found = self._reader.query(text, parameters=values, column_formats=_BYTES)
            columns = _unqualified(found.column_names) or self._names_of_columns(text, values)
            return Rows(columns, [tuple(row) for row in found.result_rows])

    def stream(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """See :meth:`Store.stream`."""
        text, values = bound(sql, parameters)
        with self._reading, translated(self._address, reading=True):
            self._refuse_closed()
            self._tell_clock()
            with self._reader.query_rows_stream(text, parameters=values, column_formats=_BYTES) as rows:
                if names := _unqualified(rows.source.column_names):
                    yield names
                for row in rows:
                    self._refuse_closed()
                    yield tuple(row)
            if not names:
                yield self._names_of_columns(text, values)

    def tail(self) -> ClickHouseTail:
        """See :meth:`Store.tail`. What is stored ten seconds after it was first sent is not told."""
        return ClickHouseTail(self._opened_aside(self._address.database), lambda: translated(self._address))

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
        """See :meth:`Store.rebuild`. Readers see roll-ups grow meanwhile; :meth:`record` of others is refused."""
        with self._turn() as client:
            self._recount()
            self._finish()
            recovery.forget_old(client)

    def drifted(self) -> list[str]:
        """See :meth:`Store.drifted`. The recount happens in a database beside, which is dropped afterwards."""
        with self._turn() as client:
            try:
                self._finish()
            except recovery.BeingRecounted:
                return list(ROLL_UPS)
            return drifted_roll_ups(client, self._opened_aside, self._address.database)

    def prunable(self, before: str) -> int:
        """See :meth:`Store.prunable`."""
        with self._turn() as client:
            return pruning.count_before(client, pruning.first_of_month(parse_time(before, field="before")))

    def prune(self, before: str, *, limit: int = 500) -> int:
        """See :meth:`Store.prune`. Whole months go, and all roll-ups are counted again, as by :meth:`rebuild`."""
        month = pruning.first_of_month(parse_time(before, field="before"))
        with self._turn() as client:
            self._finish()
            count = pruning.count_before(client, month)
            if count:
                with self._recounting() as guarded:
                    recovery.take_in(guarded)
                    pruning.delete_before(guarded, month)
                    recovery.forget_old(guarded, contents_seconds=0)
                    rebuild_roll_ups(guarded)
            recovery.forget_old(client)
        return count

    def close(self) -> None:
        """See :meth:`Store.close`."""
        clients, self._clients = self._clients, []
        # Each waits for what runs on it; whoever comes after that is refused.
        while clients:
            clients.pop().close()

    def _write(
        self, planned: Plan, checkpoints: Sequence[Checkpoint], bad_lines: Sequence[BadLine], recounts: int
    ) -> None:
        contents = event_log.contents_of(planned, checkpoints, bad_lines, now=self._now(), version=self._version)
        self._version += len(planned.states) + 1
        # Before it is begun: where the answer is lost, the server may have it, and it must be ended first.
        begun = recovery.Begun(contents, time.monotonic(), event_log.packed(contents), recounts=recounts)
        self._unfinished.append(begun)
        self._send_all()
        if begun.is_stale:
            raise recovery.BeingRecounted

    def _finish(self) -> int:
        """Write again what was begun: nothing else may be counted before it.

        Returns the recounts that are known; raises :class:`BeingRecounted` where another process is at one.
        """
        found = recovery.standing(self._writer)
        if found.is_recounted and not self._is_recount_due:
            if not recovery.is_left_behind(self._writer, alone=self._is_alone):
                raise recovery.BeingRecounted
            self._is_recount_due = True
        if self._is_recount_due:
            self._recount()
        elif not self._unfinished:
            return found.recounts
        self._send_all()
        return recovery.standing(self._writer).recounts

    def _send_all(self) -> None:
        while self._unfinished:
            self._send(self._unfinished[0])
            del self._unfinished[0]

    def _send(self, begun: recovery.Begun) -> None:
        """Write *begun* whole, or drop it: a recount took it in, or came before it and made its plan worthless."""
        token = begun.contents.token
        if not begun.is_put_down:
            event_log.begin(self._writer, token, begun.packed)
            begun.is_put_down = True
        was_sent = begun.was_sent
        if not was_sent:
            found = recovery.standing(self._writer, token)
            begun.is_stale = found.is_recounted or found.recounts != begun.recounts
            if begun.is_stale:
                return event_log.end(self._writer, token)
        elif not self._is_wanted(token):
            return None
        begun.was_sent = True
        clients = (self._writer, self._second_writer)
        if not event_log.deliver(clients, begun.contents, is_wanted=lambda: self._is_wanted(token)):
            return None
        if was_sent and not self._is_alone:
            recovery.outlast_stragglers(self._writer, begun.contents)
        if was_sent and recovery.may_have_forgotten(self._writer, begun):
            return self._recount(only_if_drifted=True)
        return event_log.end(self._writer, token)

    def _is_wanted(self, token: str) -> bool:
        """Tell whether the next part of a batch is to be sent, and not all of it taken in by a recount already."""
        found = recovery.standing(self._writer, token)
        if found.is_recounted and not found.is_done:
            raise recovery.BeingRecounted
        return not found.is_done

    def _recount(self, *, only_if_drifted: bool = False) -> None:
        """Take in what anybody began, and count all roll-ups again; or, if so wanted, only if any of them is wrong."""
        with self._recounting() as guarded:
            recovery.take_in(guarded)
            if not only_if_drifted or drifted_roll_ups(self._writer, self._opened_aside, self._address.database):
                rebuild_roll_ups(guarded)

    @contextmanager
    def _recounting(self) -> Iterator[Any]:
        """Recount within the block. From its beginning on a recount is known to be due, to whoever comes next."""
        database = self._address.database
        try:
            with recovery.recounting(
                self._writer, alone=self._is_alone, open_client=lambda: self._opened_aside(database)
            ) as guarded:
                self._is_recount_due = True
                yield guarded
        except recovery.BeingRecounted:
            self._is_recount_due = False  # another process does it, or leaves it behind where all can see
            raise
        self._is_recount_due = False

    def _names_of_columns(self, text: str, values: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the columns of a query that gave no rows: then the engine does not tell them."""
        from clickhouse_connect.driver.exceptions import DatabaseError

        try:
            described = self._reader.query(f"DESCRIBE ({text}\n)", parameters=values).result_rows
        except DatabaseError:
            return ()  # not a SELECT but a SHOW, say, which has no names unless it has rows
        return _unqualified(row[0] for row in described)

    @property
    def _is_alone(self) -> bool:
        """Whether no other process can have this store open."""
        return self._address.path is not None

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


def _unqualified(names: Iterable[str]) -> tuple[str, ...]:
    """Return *names* without the table before the dot, which ClickHouse adds where two tables have a column.

    >>> _unqualified(["m.kind", "kind", "sum(m.n)"])
    ('kind', 'kind', 'sum(m.n)')
    """
    return tuple(re.sub(r"^\w+\.(?=\w+$)", "", name) for name in names)


def _refuse_impossible(checkpoints: Sequence[Checkpoint], bad_lines: Sequence[BadLine]) -> None:
    """Raise for what the schema would refuse: a batch that is put down and cannot be ended stops all after it."""
    told: list[Checkpoint | BadLine] = [*checkpoints, *bad_lines]
    for kept in told:
        for field in kept.__struct_fields__:
            value = getattr(kept, field)
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise InvalidInput(
                    field,
                    f"{value} is beyond 64 bits, at {kept.path}.",
                    remedy="Correct the time of the file, or its size.",
                )
    for bad in bad_lines:
        if bad.line < 1 or bad.offset < 0 or bad.length < 0:
            raise InvalidInput(
                "line",
                f"{bad.path}, line {bad.line}, fails the CHECK of import_quarantine.",
                remedy="Lines count from 1, offsets and lengths from 0.",
            )
