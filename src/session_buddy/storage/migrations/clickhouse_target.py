"""Migrations on a ClickHouse database, which cannot undo a statement.

There is no transaction around a script here. What carries the weight instead:

* Every statement of these scripts is idempotent (``IF NOT EXISTS``, ``IF EXISTS``, ``OR REPLACE``), and scripts
  change no events. Half a script plus the whole script is the whole script.
* A version is marked *dirty* before its first statement and *applied* after its last. A dirty database is refused
  until ``repair`` has finished the version, or taken it back: it runs the script, or its down script, whole.
  Where no event is stored yet, as when the first opening was killed, the next opening finishes it by itself.
* The automatic backup is left to the operator, who has ``BACKUP DATABASE`` and replicas.

What the scripts *should* have created is found by running them in a database beside, which is dropped again.

On a cluster every statement is carried out by all nodes (see
:class:`~session_buddy.storage.clickhouse.cluster_client.ClusterClient`), and compared is what the asked node has.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from session_buddy.errors import MigrationError, MigrationLocked, SchemaDrift, StoreError
from session_buddy.storage.clickhouse import recount_lock, table_lock
from session_buddy.storage.clickhouse.connection import Address, open_client, translated
from session_buddy.storage.clickhouse.literals import literal
from session_buddy.storage.clickhouse.scratch import MARK, scratch_database
from session_buddy.storage.migrations import clickhouse_history as history
from session_buddy.storage.migrations.clickhouse_schema import names_in_cluster, schema
from session_buddy.storage.migrations.contract import Origin, Position, Record, Stamp, State, Verification
from session_buddy.storage.migrations.lock import exclusive
from session_buddy.storage.migrations.scripts import Script, Source
from session_buddy.storage.migrations.statements import split

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseTarget"]

_SIGN_SECONDS = 30
"""Between two signs of life of who migrates a server."""
_SILENT_SECONDS = 300
"""Who has given none for so long is dead, and the lock was left behind; on the server's clock."""
_POLL_SECONDS = 0.2
_VIEW = re.compile(r"^CREATE (?:MATERIALIZED )?VIEW ")
_CREATED = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:MATERIALIZED\s+)?(?:TABLE|VIEW)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)"
)


class ClickHouseTarget:
    """One database of a ClickHouse as a :class:`~session_buddy.storage.migrations.contract.Target`.

    The caller closes it, or its :attr:`client`. *patience_seconds* is how long a folder is waited for that another
    process has open.
    """

    def __init__(self, address: Address, *, patience_seconds: float = 0.0) -> None:
        self._address = address
        self._patience_seconds = patience_seconds
        self._token: str | None = None
        """Ours, while we have the lock of a server."""

    @cached_property
    def client(self) -> Client:
        """The connection over which everything here is done; it stands on the database once that exists."""
        return open_client(self._address, patience_seconds=self._patience_seconds)

    def close(self) -> None:
        """Close the connection, if one was opened."""
        if "client" in vars(self):
            self.client.close()

    def stands_at(self, version: int) -> bool:
        """See :meth:`Target.stands_at`."""
        found = self.position()
        return found.origin is Origin.OURS and found.version == version and found.dirty is None

    def position(self) -> Position:
        """See :meth:`Target.position`."""
        with translated(self._address):
            return history.position(self.client) if self._stands_on_database() else Position(Origin.EMPTY)

    def records(self) -> tuple[Record, ...]:
        """See :meth:`Target.records`."""
        with translated(self._address):
            return history.records(self.client) if self._stands_on_database() else ()

    def stored_down(self, version: int) -> Source:
        """See :meth:`Target.stored_down`."""
        with translated(self._address):
            self._stands_on_database()
            return history.stored_down(self.client, version)

    def lock(self, timeout: float) -> AbstractContextManager[None]:
        """See :meth:`Target.lock`. In this process by a file, on a server by a table; makes a missing database."""
        self._create_database()
        if self._address.path is not None:
            beside = self._address.path.resolve()
            return exclusive(beside.with_name(f"{beside.name}.{self._address.database}.lock"), timeout=timeout)
        return self._locked_by_table(timeout)

    def save(self, version: int, taken_at: str, keep: int) -> Path | None:
        """Take no backup: scripts change no events, and a server's backups are its operator's."""
        return None

    def backup(self, path: Path) -> None:
        """Refuse: a ClickHouse database is no file."""
        raise StoreError(
            f"{self._address.url} is not one file that could be copied to {path}.",
            remedy="Use BACKUP DATABASE, or 'session-buddy db copy' into a SQLite file.",
        )

    def apply(self, script: Script, stamp: Stamp) -> None:
        """See :meth:`Target.apply`."""
        self._create_database()
        with translated(self._address):
            self._require(script.version - 1)
            history.create(self.client)
            history.begin(self.client, script, stamp)
            began = time.perf_counter()
            self._run_up(script)
            elapsed_ms = round((time.perf_counter() - began) * 1000)
            history.end(self.client, script.version, State.APPLIED, duration_ms=elapsed_ms)

    def revert(self, version: int, down: Source, kept: tuple[Script, ...] | None) -> None:
        """See :meth:`Target.revert`."""
        with translated(self._address):
            self._require(version)
            self._refuse_harm(down, kept or ())
            history.end(self.client, version, State.DIRTY)
            self._run(down)
            history.end(self.client, version, State.ROLLED_BACK)

    def finish(self, scripts: tuple[Script, ...], version: int) -> None:
        """See :meth:`Target.finish`. Runs the whole script: what took effect already stays as it is."""
        with translated(self._address):
            going_down = self._going_down(version)
            if going_down:
                self._run(history.stored_down(self.client, version))
            else:
                self._run_up(scripts[version - 1])
            # How long the part before the stop took is not known; the whole is then told as 0.
            state = State.ROLLED_BACK if going_down else State.APPLIED
            history.end(self.client, version, state, duration_ms=0)

    def finish_without_events(self, scripts: tuple[Script, ...], *, patience_seconds: float) -> bool:
        """Complete a dirty version on its way up where no event is stored, so that nothing can be miscounted.

        Return whether the database is not dirty now, which who held the lock may have seen to. False, and nothing was
        done, where there are events, a script was changed, or the version was on its way down.
        """
        with self.lock(patience_seconds), translated(self._address):
            version = self.position().dirty
            if version is None:
                return True
            began = [record for record in history.records(self.client) if record.version == version][-1]
            is_known = version <= len(scripts) and began.up_sha256 == scripts[version - 1].up.sha256
            if not is_known or self._going_down(version) or self._has_events():
                return False
            self.finish(scripts, version)
        return True

    def undo(self, scripts: tuple[Script, ...], version: int) -> None:
        """See :meth:`Target.undo`. Runs the whole down script: what is not there is passed over."""
        with translated(self._address):
            if self._going_down(version):
                raise MigrationError(
                    f"Version {version} stopped while it was being rolled back: what is gone cannot be undone.",
                    remedy="Finish it with 'db repair', then migrate again.",
                )
            self._run(history.stored_down(self.client, version))
            history.dismiss(self.client, version)

    def accept(self, script: Script) -> None:
        """See :meth:`Target.accept`."""
        with translated(self._address):
            history.accept(self.client, script)

    def mark(self) -> bool:
        """Do nothing: the history is the only mark of a ClickHouse database."""
        return False

    def restore(self, scripts: tuple[Script, ...]) -> list[str]:
        """See :meth:`Target.restore`."""
        with translated(self._address):
            expected, live = self._built(scripts), schema(self.client, self._address.database)
            wrong = [name for name, sql in expected.items() if live.get(name) != sql]
            if self._is_new_node(wrong, live):
                for script in scripts:
                    self._run(script.up, only_schema=True)
                return sorted(wrong)
            if tables := [name for name in wrong if name.startswith("table ")]:
                raise SchemaDrift(
                    f"Missing or different: {', '.join(sorted(tables))}.", remedy="Restore a backup of the database."
                )
            # Views that others read come first in the scripts, as they do in the order of names told here.
            for name in wrong:
                if name in live:
                    self.client.command(f"DROP VIEW IF EXISTS {name.split()[-1]} SYNC")
                # Other nodes of a cluster may have it, and go on feeding their roll-ups through it.
                self.client.command(_VIEW.sub(r"\g<0>IF NOT EXISTS ", expected[name], count=1))
            return sorted(wrong)

    def verify(self, scripts: tuple[Script, ...]) -> Verification:
        """See :meth:`Target.verify`."""
        if self.position().origin is Origin.EMPTY:
            return Verification(missing=(), different=(), unexpected=(), damage=())
        with translated(self._address):
            expected, live = self._built(scripts), schema(self.client, self._address.database)
            own = {f"table {history.TABLE}", f"table {history.LOCK}", f"table {recount_lock.LOCK}"}
            return Verification(
                missing=tuple(sorted(expected.keys() - live.keys())),
                different=tuple(sorted(n for n in expected.keys() & live.keys() if expected[n] != live[n])),
                unexpected=tuple(sorted(live.keys() - expected.keys() - own)),
                damage=tuple(self._damage()),
            )

    def _stands_on_database(self) -> bool:
        """Tell whether the database exists, which another process may have made just now; stand on it if so."""
        name, path = self._address.database, self._address.path
        if path is not None and not path.exists():
            return False  # to open it would make it
        exists = bool(self.client.query(f"SELECT 1 FROM system.databases WHERE name = {literal(name)}").result_rows)
        self.client.database = name if exists else None
        return exists

    def _create_database(self) -> None:
        with translated(self._address):
            self.client.command(f"CREATE DATABASE IF NOT EXISTS {self._address.database}")
            self._stands_on_database()

    def _catch_up(self) -> None:
        """On a node of a cluster, know what the others have done, also where this one was not there at the time."""
        with translated(self._address):
            cluster, database = self._address.cluster, self._address.database
            if cluster and history.TABLE in names_in_cluster(self.client, cluster, database):
                history.create(self.client)
                self.client.command(f"SYSTEM SYNC REPLICA {history.TABLE}")

    def _is_new_node(self, wrong: Sequence[str], live: dict[str, str]) -> bool:
        """Tell whether what is *wrong* is only that tables are missing which other nodes have, and can send."""
        if not self._address.cluster or any(name in live for name in wrong):
            return False
        there = names_in_cluster(self.client, self._address.cluster, self._address.database)
        return any(name.startswith("table ") for name in wrong) and {name.split()[-1] for name in wrong} <= there

    @contextmanager
    def _locked_by_table(self, timeout: float) -> Iterator[None]:
        """Hold the lock, however long it takes. A statement after it was broken is refused."""
        deadline = time.monotonic() + timeout
        token = f"process {os.getpid()} since {int(time.time())}, {uuid.uuid4().hex[:8]}"
        while not self._takes_lock(token):
            if time.monotonic() >= deadline:
                raise MigrationLocked(
                    f"Another process has been changing {self._address.url} for over {timeout:g} s.",
                    remedy=f"Wait until it is done. If it is gone, its lock is broken {_SILENT_SECONDS} s after that.",
                )
            time.sleep(_POLL_SECONDS)
        try:
            with table_lock.signing(
                lambda: self._opened(self._address.database),
                lambda client: table_lock.sign(client, history.LOCK),
                every_seconds=_SIGN_SECONDS,
            ):
                self._token = token
                self._catch_up()
                yield
        finally:
            self._token = None
            with translated(self._address):
                table_lock.release(self.client, history.LOCK, token)

    def _takes_lock(self, token: str) -> bool:
        with translated(self._address):
            silent = table_lock.silent_seconds(self.client, history.LOCK)
            if silent is not None and silent > _SILENT_SECONDS:
                # Two may break one lock, and the second that of the first: who lost is refused its next statement.
                table_lock.drop(self.client, history.LOCK)
            return table_lock.create(self.client, history.LOCK, token)

    def _refuse_without_lock(self) -> None:
        """Raise where the lock was taken and is lost since."""
        if self._token and table_lock.holder(self.client, history.LOCK) != self._token:
            raise MigrationLocked(
                f"This process stood still for so long that another one went on changing {self._address.url}.",
                remedy="Look at 'db status' when that is done.",
            )

    def _require(self, version: int) -> None:
        found = history.position(self.client)
        if found.origin is Origin.FOREIGN or found.version != version:
            raise MigrationError(
                f"The database is at version {found.version}, no longer at {version}.",
                remedy="Somebody changed it meanwhile without the migration lock: look at 'db status'.",
            )

    def _has_events(self) -> bool:
        is_there = self.client.query("EXISTS TABLE invocation_log").result_rows[0][0]
        return bool(is_there and self.client.query("SELECT 1 FROM invocation_log LIMIT 1").result_rows)

    def _going_down(self, version: int) -> bool:
        """Tell whether dirty *version* was on its way out: then its up script had once finished."""
        newest = [record for record in history.records(self.client) if record.version == version][-1]
        return newest.duration_ms is not None

    def _refuse_harm(self, down: Source, kept: Sequence[Script]) -> None:
        """Raise where *down* drops what the scripts *kept* created. Asked before: nothing could be taken back."""
        needed = {name for script in kept for name in _CREATED.findall(script.up.sql)}
        dropped = set(re.findall(r"\bDROP\s+(?:TABLE|VIEW)\s+(?:IF\s+EXISTS\s+)?(\w+)", down.sql))
        if hurt := sorted(needed & dropped):
            raise MigrationError(
                f"{down.name} takes away what older versions need: {', '.join(hurt)}.",
                remedy="A down script may remove only what its up added: correct it, then 'db repair --accept-edits'.",
            )

    def _run_up(self, script: Script) -> None:
        self._run(script.up)
        if script.backfill:
            self._run(script.backfill)

    def _run(self, source: Source, client: Client | None = None, *, only_schema: bool = False) -> None:
        from clickhouse_connect.driver.exceptions import DatabaseError

        for statement in split(source):
            if only_schema and statement.sql.startswith("INSERT"):
                continue
            self._refuse_without_lock()
            try:
                (client or self.client).command(statement.sql.removesuffix(";"))
            except DatabaseError as error:
                if error.code is None:
                    raise
                raise MigrationError(
                    f"{source.name}, line {statement.line}: {str(error).strip()}",
                    remedy="What ran before is there: correct the script, then 'db repair' finishes or undoes it.",
                ) from error

    def _built(self, scripts: Sequence[Script]) -> dict[str, str]:
        """Return the schema that *scripts* create."""
        with scratch_database(self.client, self._opened, self._address.database) as (beside, client):
            for script in scripts:
                self._run(script.up, client)
            built = schema(self.client, beside)
        del built[f"table {MARK}"]
        return built

    def _opened(self, database: str) -> Client:
        return open_client(self._address, database=database)

    def _damage(self) -> Iterator[str]:
        stored = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        for (name,) in self.client.query(stored).result_rows:
            for row in self.client.query(f"CHECK TABLE {name}").result_rows:
                if 0 in row:
                    yield f"{name}: {row}"
