"""Deleting old events, by whole months, which is how the event log is parted.

Sums do not follow a deletion here: all roll-ups are counted again afterwards. So that this happens once a month
and not every day, a month stays until all of it is old enough.
"""

from __future__ import annotations

from typing import Any

from session_buddy.storage.clickhouse.columns import milliseconds

__all__ = ["count_before", "delete_before", "first_of_month"]

_FINISHED = {"mutations_sync": 2}


def first_of_month(moment: str) -> str:
    """Return the beginning of the month (UTC) of *moment*."""
    return f"{moment[:7]}-01T00:00:00.000Z"


def count_before(client: Any, month: str) -> int:
    """Return how many events there are before *month*."""
    rows = client.query(f"SELECT count() FROM invocation_log AS i FINAL WHERE {_is_before('i.invoked_at', month)}")
    return int(rows.result_rows[0][0])


def delete_before(client: Any, month: str) -> None:
    """Delete the events before *month*, and that they were known; roll-ups are the caller's to count again."""
    for table, condition in (
        ("invocation_log", _is_before("invoked_at", month)),
        ("invocation_known", f"day < toDate('{month[:10]}')"),
    ):
        client.command(f"ALTER TABLE {table} DELETE WHERE {condition}", settings=_FINISHED)


def _is_before(column: str, month: str) -> str:
    return f"{column} < fromUnixTimestamp64Milli(toInt64({milliseconds([month])[0]}), 'UTC')"
