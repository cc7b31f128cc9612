"""The way up: ClickHouse, in this process (``chdb``) or on servers, under the same names and views."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from session_buddy.errors import InvalidInput, SchemaDirty, StoreAway
from session_buddy.model import BadLine, Invocation, SkillFacts, parse_time
from session_buddy.storage.clickhouse import event_log, lookup, pruning, recovery
from session_buddy.storage.clickhouse.catalogue import enter_facts
from session_buddy.storage.clickhouse.changes import plan
from session_buddy.storage.clickhouse.clients import Clients
from session_buddy.storage.clickhouse.columns import milliseconds
from session_buddy.storage.clickhouse.connection import parse_url, translated
from session_buddy.storage.clickhouse.journal import Journal
from session_buddy.storage.clickhouse.parameters import bound
from session_buddy.storage.clickhouse.plain import drop_plain_rows, put_plain_rows, stands
from session_buddy.storage.clickhouse.reading import answer, streamed
from session_buddy.storage.clickhouse.scratch import drop_abandoned
from session_buddy.storage.clickhouse.tail import ClickHouseTail
from session_buddy.storage.clickhouse.upkeep import ROLL_UPS, SCRIPTS, drifted_roll_ups, rebuild_roll_ups
from session_buddy.storage.migrations.base import MigrationManager
from session_buddy.storage.migrations.clickhouse_target import ClickHouseTarget
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.store import Checkpoint, Clock, Recorded, Rows, Store
from session_buddy.storage.tables import PlainTable

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseStore"]

_CLOSE_SECONDS = 5.0
"""So long what runs is waited for on closing."""


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

    Safe to use from several threads: writes take turns, reads take turns; a stream waits for nobody, and nobody for it.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, patience_seconds: float = 300.0) -> None:
        self._address = parse_url(url)
        self.url = self._address.url
        self._clock = clock
        self._told_clock: str | None = None
        self._clients = Clients(self._address)
        target = ClickHouseTarget(self._address, patience_seconds=patience_seconds)
        try:
            self._clients.writes.add(target.client)
            _migrate(target, patience_seconds)
            writer = self._clients.writer
            with translated(self._address):
                drop_abandoned(writer, self._clients.aside, self._address.database)
                # A clock that was set back must not make new checkpoints older than old ones.
                ((self._version,),) = writer.query("SELECT max(version) FROM import_checkpoint_log").result_rows
                # No other process can have open what is in this one.
                is_alone = self._address.path is not None
                self._journal = Journal(self._clients, database=self._address.database, alone=is_alone)
                self._journal.resume()
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
            recounts = self._journal.finish()
            present = lookup.present(client, invocations)
            planned = plan(invocations, present)
            if planned.states or checkpoints or bad_lines:
                version = event_log.next_version(max(self._version, present.newest_version + 1))
                contents = event_log.contents_of(planned, checkpoints, bad_lines, now=self._now(), version=version)
                self._version = version + len(planned.states) + 1
                self._journal.write(contents, recounts=recounts)
        return planned.recorded

    def put_rows(self, table: PlainTable, rows: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.put_rows`."""
        with self._turn() as client:
            put_plain_rows(client, table, rows)

    def drop_rows(self, table: PlainTable, keys: Sequence[tuple[Any, ...]]) -> None:
        """See :meth:`Store.drop_rows`."""
        with self._turn() as client:
            drop_plain_rows(client, table, keys)

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
        with self._clients.reads.turn(), translated(self._address, reading=True):
            self._tell_clock()
            return answer(self._clients.reader, text, values)

    def stream(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> Generator[tuple[Any, ...], None, None]:
        """See :meth:`Store.stream`."""
        text, values = bound(sql, parameters)
        with translated(self._address, reading=True), self._clients.streaming() as (turns, client):
            self._tell_clock()
            yield from streamed(turns, client, text, values)

    def tail(self) -> ClickHouseTail:
        """See :meth:`Store.tail`. What is stored ten seconds after it was first sent is not told."""
        return ClickHouseTail(self._clients.aside(self._address.database), lambda: translated(self._address))

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
            self._journal.recount()
            self._journal.finish()
            recovery.forget_old(client)

    def drifted(self) -> list[str]:
        """See :meth:`Store.drifted`. The recount happens in a database beside, which is dropped afterwards."""
        with self._turn() as client:
            try:
                self._journal.finish()
            except recovery.BeingRecounted:
                return list(ROLL_UPS)
            return drifted_roll_ups(client, self._clients.aside, self._address.database)

    def prunable(self, before: str) -> int:
        """See :meth:`Store.prunable`."""
        with self._turn() as client:
            return pruning.count_before(client, pruning.first_of_month(parse_time(before, field="before")))

    def prune(self, before: str, *, limit: int = 500) -> int:
        """See :meth:`Store.prune`. Whole months go, and all roll-ups are counted again, as by :meth:`rebuild`."""
        month = pruning.first_of_month(parse_time(before, field="before"))
        with self._turn() as client:
            self._journal.finish()
            count = pruning.count_before(client, month)
            if count:
                with self._journal.recounting() as guarded:
                    recovery.take_in(guarded)
                    pruning.delete_before(guarded, month)
                    recovery.forget_old(guarded, contents_seconds=0)
                    rebuild_roll_ups(guarded)
            recovery.forget_old(client)
        return count

    def close(self) -> None:
        """See :meth:`Store.close`. What runs at this moment is waited for, but not for ever.

        Raises :class:`~session_buddy.errors.StoreAway` where a write has not come to its end after five seconds.
        """
        if not self._clients.close(within_seconds=_CLOSE_SECONDS):
            raise StoreAway(
                f"{self.url} was closed while a write hung in it: whether that is stored is not known.",
                remedy="Tell it again later: what is there already counts once.",
            )

    @contextmanager
    def _turn(self) -> Iterator[Client]:
        with self._clients.writes.turn(), translated(self._address):
            self._tell_clock()
            try:
                yield self._clients.writer
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
            self._clients.writer.insert(
                "store_clock",
                [(1, milliseconds([now])[0], self._version)],
                column_names=("id", "now", "version"),
                column_type_names=("UInt8", "DateTime64(3, 'UTC')", "UInt64"),
            )
            self._told_clock = now


def _migrate(target: ClickHouseTarget, patience_seconds: float) -> None:
    """Bring the schema to the newest version, also where an opening of a new store was killed while it did so."""
    manager = MigrationManager(scripts=SCRIPTS, target=target)
    try:
        manager.ensure_current()
    except SchemaDirty:
        if not target.finish_without_events(load(SCRIPTS), patience_seconds=patience_seconds):
            raise
        manager.ensure_current()


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
