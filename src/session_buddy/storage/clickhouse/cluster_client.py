"""A client for one node of a cluster: what is said to it in the words of one server takes the form of the cluster.

Statements are written once, as one server takes them. Here, and nowhere else, they become those of
:mod:`~session_buddy.storage.clickhouse.cluster`. Settings that go with every request, and what each prevents:

* ``distributed_foreground_insert=1``: an insert returns when the shards have stored it, not when it waits to be sent.
* ``distributed_product_mode=global``: a join or ``IN`` over two sharded tables sees both whole, not shard by shard.
* ``prefer_localhost_replica=0`` and ``load_balancing=in_order``: one replica of each shard writes and answers, so
  that what was written is found; the next steps in while it is away.
* ``skip_unavailable_shards=0``: an answer without one of the shards would be a wrong answer.
* ``optimize_skip_unused_shards=0``: rows of a roll-up lie where its events are, not where the hash of its key says.
* ``parallel_distributed_insert_select=0``: a recount is counted over all shards and then spread.
* ``distributed_ddl_task_timeout``: shorter than the client's patience, so that the node that did not do it is named.
* ``mutations_sync=1``: a deletion has happened when the statement returns.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from session_buddy.storage.clickhouse.cluster import Layout, clustered, layout_of
from session_buddy.storage.clickhouse.upkeep import SCRIPTS
from session_buddy.storage.migrations.scripts import load
from session_buddy.storage.migrations.statements import split

__all__ = ["ClusterClient", "reading_settings", "shipped_layout", "writing_settings"]

_READING: dict[str, Any] = {
    "distributed_product_mode": "global",
    "prefer_localhost_replica": 0,
    "load_balancing": "in_order",
    "skip_unavailable_shards": 0,
    "optimize_skip_unused_shards": 0,
}
_NO_REPETITION: dict[str, Any] = {
    "insert_deduplicate": 0,
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
}
"""Say that an insert is no repetition. Servers know the first, or, the newer they are, the others as well."""


def reading_settings() -> dict[str, Any]:
    """Return what a client must say to a node so that its answers are those of the whole cluster."""
    return dict(_READING)


def writing_settings(timeout_seconds: int) -> dict[str, Any]:
    """Return the same for one that writes, and waits *timeout_seconds* for an answer."""
    return {
        **_READING,
        "distributed_foreground_insert": 1,
        "parallel_distributed_insert_select": 0,
        "mutations_sync": 1,
        "distributed_ddl_task_timeout": max(1, timeout_seconds - 5),
    }


@cache
def shipped_layout(cluster: str) -> Layout:
    """Return how *cluster* lays out the tables of this package's scripts."""
    return layout_of((statement.sql for script in load(SCRIPTS) for statement in split(script.up)), cluster)


class ClusterClient:
    """A client of ``clickhouse_connect`` whose commands are carried out by the whole *cluster*.

    Everything but :meth:`command` is the client's own: rows go in and come out by the names that people read,
    which are tables over all shards.
    """

    def __init__(self, client: Any, cluster: str) -> None:
        self._client = client
        self._layout = shipped_layout(cluster)
        self._no_repetition = {
            name: value
            for name, value in _NO_REPETITION.items()
            if name == "insert_deduplicate" or name in client.server_settings
        }

    @property
    def database(self) -> str | None:
        """Where names without one are looked up."""
        name: str | None = self._client.database
        return name

    @database.setter
    def database(self, name: str | None) -> None:
        self._client.database = name

    def command(self, statement: str, settings: dict[str, Any] | None = None, **others: Any) -> Any:
        """Carry out *statement* on all nodes that it concerns; return the last answer.

        An ``INSERT`` is never taken for a repetition: rows are put in again after they were taken out.
        """
        layout = msgspec.structs.replace(self._layout, database=self.database or "")
        answer = None
        for made in clustered(statement, layout):
            given = {**self._no_repetition, **(settings or {})} if made.startswith("INSERT") else settings
            answer = self._client.command(made, settings=given, **others)
        return answer

    def catch_up(self, table: str) -> None:
        """Wait until this node has what other nodes wrote to *table*; do nothing where there is none yet."""
        if self.database and self._client.query(f"EXISTS TABLE {table}").result_rows[0][0]:
            self._client.command(f"SYSTEM SYNC REPLICA {table}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
