"""Following the event log of a ClickHouse: rows by their version, which tells when they were written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from session_buddy.model import Invocation
from session_buddy.storage.clickhouse.columns import event_columns, from_row
from session_buddy.storage.store import Tail

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["ClickHouseTail"]

_AT_ONCE = 2_000
_TOO_MANY = 10 * _AT_ONCE
_OVERLAP = 10_000 << 20
"""How far a poll looks back before the newest version seen, ten seconds: versions are made by the clocks of those who
write, and rows become visible when they are stored. What comes later than that is in every view, but is not told."""


class ClickHouseTail(Tail):
    """A :class:`Tail` on a client of its own."""

    def __init__(self, client: Client, guard: Callable[[], AbstractContextManager[None]]) -> None:
        self._client, self._guard = client, guard
        self._lost = False
        self._seen: dict[tuple[str, int], None] = {}
        with guard():
            self._newest = self._passed_over = self._newest_version()

    @property
    def lost(self) -> bool:
        """See :attr:`Tail.lost`."""
        return self._lost

    def poll(self) -> list[Invocation]:
        """See :meth:`Tail.poll`."""
        self._lost = False
        with self._guard():
            ((waiting,),) = self._client.query(
                "SELECT count() FROM invocation_log WHERE version > {since:UInt64}", {"since": self._newest}
            ).result_rows
            if waiting > _TOO_MANY:
                self._lost = True
                self._newest = self._passed_over = self._newest_version()
                self._seen.clear()
                return []
            rows = self._rows_of(self._unseen_since(max(self._newest - _OVERLAP, self._passed_over))[:_AT_ONCE])
        self._remember(rows)
        latest = {row[1]: row for row in rows}  # an event that was completed meanwhile is told once
        return [from_row(row[2:]) for row in latest.values()]

    def close(self) -> None:
        """See :meth:`Tail.close`."""
        self._client.close()

    def _newest_version(self) -> int:
        return int(self._client.query("SELECT max(version) FROM invocation_log").result_rows[0][0])

    def _unseen_since(self, version: int) -> list[int]:
        """Return the versions after *version* that were not told yet, the earliest first."""
        rows = self._client.query(
            "SELECT version, event_id FROM invocation_log WHERE version > {since:UInt64} ORDER BY version",
            {"since": version},
        ).result_rows
        return [written for written, event_id in rows if (event_id, written) not in self._seen]

    def _rows_of(self, versions: list[int]) -> list[Any]:
        """Return version, id and all else of the rows written as *versions*, but for those told already."""
        if not versions:
            return []
        rows = self._client.query(
            f"SELECT version, event_id, {event_columns()} FROM invocation_log"
            " WHERE version BETWEEN {first:UInt64} AND {last:UInt64} ORDER BY version",
            {"first": versions[0], "last": versions[-1]},
        ).result_rows
        return [row for row in rows if (row[1], row[0]) not in self._seen]

    def _remember(self, rows: list[Any]) -> None:
        for row in rows:
            self._seen[row[1], row[0]] = None
            self._newest = max(self._newest, row[0])
        if len(self._seen) > 4 * _TOO_MANY:
            oldest = self._newest - _OVERLAP
            self._seen = {key: None for key in self._seen if key[1] > oldest}
