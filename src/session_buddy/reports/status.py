"""``status``: what the store holds, and whether all is well."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import msgspec

from session_buddy.model import BadLine
from session_buddy.reports.lag import Present, SourceLag, read_lag
from session_buddy.storage import Store
from session_buddy.storage.locations import size_of
from session_buddy.storage.migrations.contract import Status

__all__ = [
    "Quarantine",
    "SourceFigures",
    "StoreStatus",
    "bad_line_reasons",
    "read_quarantine",
    "read_sources",
    "read_status",
]

_REASONS = 5

_COUNTS = """
SELECT (SELECT ifnull(sum(invocation_count), 0) FROM skill_metrics) AS invocations,
       (SELECT count(*) FROM skill_metrics) AS skills,
       (SELECT value FROM store_counts WHERE name = 'sessions') AS sessions,
       (SELECT count(*) FROM import_checkpoint) AS files,
       (SELECT max(imported_at) FROM import_checkpoint) AS last_import_at,
       (SELECT count(*) FROM import_quarantine) AS bad_lines
"""
_SOURCES = """
SELECT source, count(*) AS sessions, sum(invocation_count) AS invocations, max(last_invoked_at) AS last_invoked_at
FROM session_summary GROUP BY source ORDER BY 3 DESC, 1
"""
_BAD_LINES = "SELECT path, line, offset, length, reason FROM import_quarantine ORDER BY path, offset"


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What came from one importer or interface."""

    source: str
    sessions: int
    invocations: int
    last_invoked_at: str


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the store holds, and whether all is well."""

    store: str
    size_bytes: int
    """Of the file and of its write-ahead log; of a ClickHouse, what its tables take on disk."""
    schema_version: int
    schema_head: int
    """The newest version this program knows."""
    invocations: int
    sessions: int
    skills: int
    sources: list[SourceFigures]
    files: int
    """Files that were imported, whether they still exist or not."""
    last_import_at: str | None
    files_behind: int
    """Files that are new or have changed since they were imported: the next import reads them."""
    bytes_behind: int
    """What is left to read of them."""
    lag: list[SourceLag]
    """The same for each source that has files on this machine."""
    bad_lines: int
    """Lines in quarantine."""
    bad_line_reasons: dict[str, int]
    """The most frequent reasons for that."""
    problems: list[str]
    """What somebody should look at, in sentences; empty if all is well."""


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """All lines that could not be understood; their content is only in the file."""

    lines: list[BadLine]


def read_status(store: Store, schema: Status, present: Present) -> StoreStatus:
    """Return the status of *store*, whose schema stands as *schema* says, beside the files *present*."""
    (counts,) = store.query(_COUNTS)
    lag = read_lag(store, present)
    return msgspec.convert(
        counts
        | {
            "store": store.url,
            "size_bytes": size_of(store),
            "schema_version": schema.version,
            "schema_head": schema.head,
            "sources": read_sources(store),
            "files_behind": sum(source.files_behind for source in lag.sources),
            "bytes_behind": sum(source.bytes_behind for source in lag.sources),
            "lag": lag.sources,
            "bad_line_reasons": bad_line_reasons(store) if counts["bad_lines"] else {},
            "problems": list(_problems(schema, lag.unreadable)),
        },
        StoreStatus,
    )


def read_quarantine(store: Store) -> Quarantine:
    """Return every line in quarantine, in the order of files and lines."""
    return Quarantine(lines=msgspec.convert(list(store.query(_BAD_LINES)), list[BadLine]))


def read_sources(store: Store) -> list[SourceFigures]:
    """Return what came from each importer or interface, the most first."""
    return msgspec.convert(list(store.query(_SOURCES)), list[SourceFigures])


def bad_line_reasons(store: Store) -> dict[str, int]:
    """Return the most frequent reasons for which lines are in quarantine, and how many lines each."""
    counted: Counter[str] = Counter()
    for (reason,) in store.query("SELECT reason FROM import_quarantine ORDER BY reason").rows:
        # Where in the line it is matters to whoever looks at that line, not to a summary.
        counted[re.sub(r" \(byte \d+\)", "", reason)] += 1
    return dict(islice(counted.most_common(), _REASONS))


def _problems(schema: Status, unreadable: list[tuple[str, str]]) -> Iterator[str]:
    if schema.dirty is not None:
        yield f"Version {schema.dirty} of the schema stopped half-way: run 'session-buddy db repair'."
    if schema.edited:
        yield f"Scripts changed after they were applied: {', '.join(schema.edited)}. See 'session-buddy db verify'."
    for path, reason in unreadable:
        yield f"{path} cannot be read: {reason}."
