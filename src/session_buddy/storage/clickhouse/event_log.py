"""Writing events, looked up and planned, in one insert through ``invocation_change``.

Before the insert the whole of what is to be written is put down in ``unfinished_batch``, and after it marked
done. Whoever finds a batch that is not done, the next call or the next process, sends it again: under the
same token, so that what had arrived stays and what had not arrives, in every roll-up.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import msgspec

from session_buddy.model import BadLine
from session_buddy.storage.clickhouse.changes import Plan
from session_buddy.storage.clickhouse.columns import (
    CHANGE_TYPES,
    change_columns,
    milliseconds,
)
from session_buddy.storage.clickhouse.native import columns_in, native
from session_buddy.storage.clickhouse.spans import recount_spans
from session_buddy.storage.store import Checkpoint

__all__ = [
    "Contents",
    "begin",
    "contents_of",
    "deliver",
    "deliver_rest",
    "end",
    "next_version",
    "packed",
    "unfinished",
]

_ROWS_AT_ONCE = 100_000
"""Rows in one insert: far below the million at which a server cuts an insert into blocks of its own."""
_COUNTER_BITS = 20
"""A version's lower bits: they tell rows of one millisecond apart; see V1."""
_LEFT_TO_MERGES = {
    "optimize_on_insert": 0,
    "exclude_materialize_skip_indexes_on_insert": "idx_invocation_event,idx_invocation_session,idx_invocation_moment",
}
"""To add up rows of one key, which views have done already within an insert; and indexes that cost more than they save
where a part is small."""
_CHECKPOINT_COLUMNS = (*Checkpoint.__struct_fields__, "imported_at", "version")
_BAD_LINE_COLUMNS = ("path", "offset", "line", "length", "reason", "seen_at")


class Contents(msgspec.Struct, frozen=True):
    """All that one call of ``record`` writes."""

    token: str
    names: list[str]
    """The columns of ``invocation_change`` that are told."""
    parts: list[bytes]
    """The rows, as they are sent: each part one block of the format Native, and one insert."""
    renamed: list[tuple[str, str, int]]
    """Session, skill and time (ms) of each state that left that skill."""
    checkpoints: list[tuple[Any, ...]]
    bad_lines: list[tuple[Any, ...]]

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The rows by column, times as numbers, with what the table takes for said."""
        parts = [columns_in(part) for part in self.parts]
        columns = {name: list(chain.from_iterable(part[name] for part in parts)) for name in self.names}
        if columns:
            columns.setdefault("sign", [1] * len(columns["version"]))
            columns.setdefault("first_version", columns["version"])
        return columns


def contents_of(
    planned: Plan, checkpoints: Sequence[Checkpoint], bad_lines: Sequence[BadLine], *, now: str, version: int
) -> Contents:
    """Return what is to be written for *planned*; times are *now*, versions count up from *version*."""
    (now_ms,) = milliseconds([now])
    times = milliseconds([state.invoked_at for state in planned.renamed])
    columns = change_columns(planned, version)
    starts = range(0, len(planned.states), _ROWS_AT_ONCE)
    return Contents(
        token=uuid.uuid4().hex,
        names=list(columns),
        parts=[
            native({name: values[start : start + _ROWS_AT_ONCE] for name, values in columns.items()}, CHANGE_TYPES)
            for start in starts
        ],
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


def deliver(clients: Sequence[Any], contents: Contents, *, is_wanted: Callable[[], bool] = lambda: True) -> bool:
    """Write *contents* over *clients*. Repeatable, also after it failed half-way; :func:`end` comes after it.

    The parts of a large batch go over several clients at once. Between them *is_wanted* is asked; returns whether
    it never said no.
    """
    client = clients[0]
    if len(contents.parts) == 1:
        _insert_changes(client, contents, 0)
    elif contents.parts:
        with ThreadPoolExecutor(len(clients)) as pool:
            for turn in range(0, len(contents.parts), len(clients)):
                if turn and not is_wanted():
                    return False
                parts = zip(clients, range(turn, len(contents.parts)), strict=False)
                for sent in [pool.submit(_insert_changes, one, contents, part) for one, part in parts]:
                    sent.result()
    if contents.renamed:
        recount_spans(client, contents.renamed)
    deliver_rest(client, contents)
    return True


def deliver_rest(client: Any, contents: Contents) -> None:
    """Write what *contents* have besides events. Repeatable."""
    _insert(client, "import_quarantine_log", _BAD_LINE_COLUMNS, contents.bad_lines)
    _insert(client, "import_checkpoint_log", _CHECKPOINT_COLUMNS, contents.checkpoints)


def end(client: Any, token: str) -> None:
    """Mark as done what was begun under *token*: for good, also where it is begun again."""
    client.insert(
        "unfinished_batch",
        [[token], [""], [1]],
        column_names=("token", "contents", "done"),
        column_type_names=("String", "String", "UInt8"),
        column_oriented=True,
    )


def _insert_changes(client: Any, contents: Contents, part: int) -> None:
    client.raw_insert(
        "invocation_change",
        contents.names,
        contents.parts[part],
        fmt="Native",
        settings={"insert_deduplication_token": f"{contents.token}-{part}", **_LEFT_TO_MERGES},
    )


def unfinished(client: Any) -> list[tuple[Contents, int]]:
    """Return what was begun and not marked done, oldest first, and how many seconds ago that was."""
    rows = client.query(
        "SELECT contents, toInt64(now() - begun_at) FROM unfinished_batch FINAL WHERE done = 0 AND contents <> ''"
        " ORDER BY begun_at, token",
        query_formats={"String": "bytes"},
    ).result_rows
    return [(msgspec.msgpack.decode(contents, type=Contents), age_seconds) for contents, age_seconds in rows]


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
