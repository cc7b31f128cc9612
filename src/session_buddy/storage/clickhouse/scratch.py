"""Databases beside that of a store, in which something is built to be compared with it, and dropped again.

One whose maker was killed stays behind, and whoever comes next drops it. In a folder that only one process can have
open that is every one which this process does not use. On a server it is one whose maker has given no sign of life
for minutes: makers touch a table in it, as holders of a lock do.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from session_buddy.storage.clickhouse import table_lock
from session_buddy.storage.clickhouse.literals import literal

__all__ = ["MARK", "drop_abandoned", "scratch_database"]

MARK = "scratch_mark"
"""The table by which such a database is known, beside its name."""
_SIGN_SECONDS = 30
_SILENT_SECONDS = 300
_living: set[str] = set()
"""Those that this process uses."""

OpenDatabase = Callable[[str], Any]
"""Opens a client on a database by its name."""


@contextmanager
def scratch_database(client: Any, open_database: OpenDatabase, database: str) -> Iterator[tuple[str, Any]]:
    """Yield the name of a new database beside *database*, and a client on it; both are gone after the block."""
    drop_abandoned(client, open_database, database)
    name = f"{database}_scratch_{uuid.uuid4().hex[:8]}"
    _living.add(name)
    try:
        client.command(f"CREATE DATABASE `{name}`")
        with ExitStack() as opened:
            scratch = opened.enter_context(closing(open_database(name)))
            table_lock.create(scratch, MARK, _maker())
            if not _is_alone(client):
                signing = table_lock.signing(lambda: open_database(name), _sign, every_seconds=_SIGN_SECONDS)
                opened.enter_context(signing)
            yield name, scratch
    finally:
        try:
            _drop(client, name)
        finally:
            _living.discard(name)


def drop_abandoned(client: Any, open_database: OpenDatabase, database: str) -> None:
    """Drop what makers that are gone left behind beside *database*, and nothing else."""
    begin = f"{database}_scratch_"
    names = f"SELECT d.name FROM system.databases AS d WHERE startsWith(d.name, {literal(begin)})"
    for (name,) in client.query(names).result_rows:
        if re.fullmatch("[0-9a-f]{8}", name.removeprefix(begin)) and name not in _living:
            _drop_if_abandoned(client, open_database, name)


def _drop_if_abandoned(client: Any, open_database: OpenDatabase, name: str) -> None:
    tables = f"SELECT t.name FROM system.tables AS t WHERE t.database = {literal(name)}"
    found = {table for (table,) in client.query(tables).result_rows}
    if found and MARK not in found:
        return  # somebody else's, whatever its name
    if not _is_alone(client):
        silent = table_lock.silent_seconds(client, MARK, database=name)
        if silent is None:
            # Killed, or about to mark it. From now on time counts for this one as well.
            with closing(open_database(name)) as abandoned:
                table_lock.create(abandoned, MARK, _maker())
            return
        if silent <= _SILENT_SECONDS:
            return
    _drop(client, name)


def _maker() -> str:
    return f"process {os.getpid()}"


def _sign(client: Any) -> None:
    table_lock.sign(client, MARK)


def _drop(client: Any, name: str) -> None:
    client.command(f"DROP DATABASE IF EXISTS `{name}` SYNC")


def _is_alone(client: Any) -> bool:
    """Tell whether no other process can have open what *client* has."""
    return bool(client.uri.startswith("chdb:"))
