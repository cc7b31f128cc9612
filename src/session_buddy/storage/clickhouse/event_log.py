"""Writing events: looked up, planned, and then in one insert through ``invocation_change``.

Before the insert the whole of what is to be written is put down in ``unfinished_batch``, and after it marked
done. Whoever finds a batch that is not done, the next call or the next process, sends it again: under the
same token, so that what had arrived stays and what had not arrives, in every roll-up.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from session_buddy.model import BadLine, Invocation
from session_buddy.storage.clickhouse.changes import Plan, Present
from session_buddy.storage.clickhouse.columns import (
    CHANGE_TYPES,
    change_columns,
    event_columns,
    from_row,
    milliseconds,
)
from session_buddy.storage.clickhouse.connection import literal
from session_buddy.storage.clickhouse.spans import recount_spans
from session_buddy.storage.store import Checkpoint

__all__ = ["Contents", "begin", "contents_of", "deliver", "next_version", "packed", "present", "unfinished"]

_ROWS_AT_ONCE = 50_000
"""Rows in one insert: far below the million at which a server cuts an insert into blocks of its own."""
_COUNTER_BITS = 20
"""A version's lower bits: they tell rows of one millisecond apart; see V1."""
_CHECKPOINT_COLUMNS = (*Checkpoint.__struct_fields__, "imported_at", "version")
_BAD_LINE_COLUMNS = ("path", "offset", "line", "length", "reason", "seen_at")


class Contents(msgspec.Struct, frozen=True):
    """All that one call of ``record`` writes."""

    token: str
    columns: dict[str, list[Any]]
    """Of ``invocation_change``."""
    renamed: list[tuple[str, str, int]]
    """Session, skill and time (ms) of each state that left that skill."""
    checkpoints: list[tuple[Any, ...]]
    bad_lines: list[tuple[Any, ...]]


def present(client: Any, batch: Sequence[Invocation]) -> Present:
    """Look up what the store holds of *batch*: its events (by id, a day around theirs), sessions and users."""
    found = Present()
    if not batch:
        return found
    days = _around({invocation.invoked_at[:10] for invocation in batch})
    known = client.query(
        f"SELECT toString(k.day), k.event_id FROM invocation_known AS k WHERE k.day IN {days} AND k.event_key IN"
        f" {_set((i.event_id for i in batch), 'cityHash64')}"
    ).result_rows
    if known:
        rows = client.query(
            f"SELECT first_version, version, {event_columns()} FROM invocation_log FINAL WHERE toDate(invoked_at) IN"
            f" {_dates({day for day, _ in known})} AND event_id IN {_set(event_id for _, event_id in known)}"
        ).result_rows
        for first_version, version, *row in rows:
            state = from_row(row)
            found.events[state.event_id] = state
            found.first_versions[state.event_id] = first_version
            found.newest_version = max(found.newest_version, version)
    sessions = {invocation.session_id for invocation in batch}
    sessions |= {state.session_id for state in found.events.values()}
    for session, skill, count in client.query(
        "SELECT r.session_id, toString(r.skill_name), sum(r.invocation_count) AS n FROM roll_session_skill AS r"
        f" WHERE r.session_id IN {_set(sessions)} GROUP BY r.session_id, r.skill_name HAVING n > 0"
        " ORDER BY r.session_id, r.skill_name"
    ).result_rows:
        found.sessions.setdefault(session, {})[skill] = count
    users = {invocation.user_id for invocation in batch} | {state.user_id for state in found.events.values()}
    for user, skill, count in client.query(
        "SELECT r.user_id, toString(r.skill_name), sum(r.invocation_count) AS n FROM roll_user_skill AS r"
        f" WHERE r.user_id IN {_set(users)} GROUP BY r.user_id, r.skill_name HAVING n > 0"
    ).result_rows:
        found.users.setdefault(user, {})[skill] = count
    return found


def contents_of(
    planned: Plan, checkpoints: Sequence[Checkpoint], bad_lines: Sequence[BadLine], *, now: str, version: int
) -> Contents:
    """Return what is to be written for *planned*; times are *now*, versions count up from *version*."""
    (now_ms,) = milliseconds([now])
    times = milliseconds([state.invoked_at for state in planned.renamed])
    return Contents(
        token=uuid.uuid4().hex,
        columns=change_columns(planned, version) if planned.states else {},
        renamed=[(s.session_id, s.skill_name, at) for s, at in zip(planned.renamed, times, strict=True)],
        checkpoints=[(*msgspec.structs.astuple(c), now_ms, version) for c in checkpoints],
        bad_lines=[(b.path, b.offset, b.line, b.length, b.reason, now_ms) for b in bad_lines],
    )


def next_version(last: int) -> int:
    """Return a version after *last* that tells the present millisecond."""
    return max(last, time.time_ns() // 1_000_000 << _COUNTER_BITS)


def packed(contents: Contents) -> bytes:
    """Return *contents* as they are put down.

    Raises ``UnicodeEncodeError`` for text that no database takes: told before anything is begun, which then had
    to be ended before all else.
    """
    return msgspec.msgpack.encode(contents)


def begin(client: Any, token: str, packed_contents: bytes) -> None:
    """Put contents down, so that they can be sent again whatever happens."""
    client.insert(
        "unfinished_batch",
        [[token], [packed_contents], [0]],
        column_names=("token", "contents", "done"),
        column_type_names=("String", "String", "UInt8"),
        column_oriented=True,
    )


def deliver(clients: Sequence[Any], contents: Contents) -> None:
    """Write *contents* over *clients* and mark them done. Repeatable, also after it failed half-way.

    The rows of a large batch go over several clients at once: while the engine has one part of them,
    the next is turned into bytes.
    """
    client, rows = clients[0], len(contents.columns.get("version", ()))
    starts = range(0, rows, _ROWS_AT_ONCE)
    if len(starts) == 1:
        _insert_changes(client, contents, 0)
    elif rows:
        with ThreadPoolExecutor(len(clients)) as pool:
            for turn in range(0, len(starts), len(clients)):
                parts = zip(clients, starts[turn : turn + len(clients)], strict=False)
                for sent in [pool.submit(_insert_changes, one, contents, start) for one, start in parts]:
                    sent.result()
    if contents.renamed:
        recount_spans(client, contents.renamed)
    _insert(client, "import_quarantine_log", _BAD_LINE_COLUMNS, contents.bad_lines)
    _insert(client, "import_checkpoint_log", _CHECKPOINT_COLUMNS, contents.checkpoints)
    client.insert(
        "unfinished_batch",
        [[contents.token], [""], [1]],
        column_names=("token", "contents", "done"),
        column_type_names=("String", "String", "UInt8"),
        column_oriented=True,
    )


def _insert_changes(client: Any, contents: Contents, start: int) -> None:
    columns = [values[start : start + _ROWS_AT_ONCE] for values in contents.columns.values()]
    client.insert(
        "invocation_change",
        columns,
        column_names=list(contents.columns),
        column_type_names=[CHANGE_TYPES[name] for name in contents.columns],
        column_oriented=True,
        settings={"insert_deduplication_token": f"{contents.token}-{start}"},
    )


def unfinished(client: Any) -> list[Contents]:
    """Return what was begun and not marked done, oldest first."""
    rows = client.query(
        "SELECT contents FROM unfinished_batch FINAL WHERE done = 0 ORDER BY begun_at, token",
        query_formats={"String": "bytes"},
    ).result_rows
    return [msgspec.msgpack.decode(contents, type=Contents) for (contents,) in rows]


_TYPES = {
    "path": "String",
    "importer": "String",
    "identity": "String",
    "state": "String",
    "reason": "String",
    "imported_at": "DateTime64(3, 'UTC')",
    "seen_at": "DateTime64(3, 'UTC')",
    "version": "UInt64",
}


def _insert(client: Any, table: str, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
    if rows:
        types = [_TYPES.get(name, "Int64") for name in names]
        client.insert(table, rows, column_names=names, column_type_names=types)


def _set(texts: Iterable[str], function: str = "") -> str:
    """Return *texts*, each through *function*, as a set in SQL: one literal, quick to build, to parse and to ask.

    As a subquery, since ClickHouse goes through an array from its beginning for every row.
    """
    array = f"JSONExtract({literal(msgspec.json.encode(list(texts)).decode())}, 'Array(String)')"
    return f"(SELECT {function}(arrayJoin({array})))"


def _around(days: set[str]) -> str:
    """Return *days* with the day before and after each, as a list of dates in SQL."""
    dates = {datetime.fromisoformat(day).replace(tzinfo=UTC).date() for day in days}
    return _dates({str(date + timedelta(days=shift)) for date in dates for shift in (-1, 0, 1)})


def _dates(days: Iterable[str]) -> str:
    return "(" + ", ".join(f"toDate('{day}')" for day in sorted(days) if "1970-01-01" <= day < "2149") + ")"
