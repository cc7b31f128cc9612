"""The health of the data: what comes from where, how far behind it is, what could not be read."""

from __future__ import annotations

import msgspec

from session_buddy.model import BadLine
from session_buddy.reports.lag import ImportLag, Present, SourceLag, read_lag
from session_buddy.reports.status import SourceFigures, bad_line_reasons, read_sources
from session_buddy.storage import Store

__all__ = ["BadFile", "DataHealth", "read_health"]

_FILES_SHOWN = 10
_LINES_SHOWN = 20

_COUNTS = """
SELECT (SELECT ifnull(sum(invocation_count), 0) FROM skill_metrics) AS invocations,
       (SELECT ifnull(sum(invocation_count - completed_count - failed_count - abandoned_count), 0)
        FROM skill_metrics) AS unknown,
       (SELECT ifnull(sum(invocation_count - duration_count), 0) FROM skill_metrics) AS untimed,
       (SELECT count(*) FROM import_checkpoint) AS files,
       (SELECT max(imported_at) FROM import_checkpoint) AS last_import_at,
       (SELECT ifnull(sum(size - offset), 0) FROM import_checkpoint WHERE size > offset) AS bytes_unread,
       (SELECT count(*) FROM import_quarantine) AS bad_lines,
       (SELECT count(DISTINCT path) FROM import_quarantine) AS bad_files
"""
_BAD_FILES = "SELECT path, count(*) AS lines FROM import_quarantine GROUP BY path ORDER BY 2 DESC, 1 LIMIT ?"
_LINES = "SELECT path, line, offset, length, reason FROM import_quarantine ORDER BY seen_at DESC, path, offset LIMIT ?"


class BadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of which lines were set aside."""

    path: str
    lines: int


class DataHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How sound the data are."""

    invocations: int
    unknown: int
    """Invocations of which nothing tells how they ended."""
    untimed: int
    """Invocations without a duration."""
    sources: list[SourceFigures]
    files: int
    """Files that were imported."""
    last_import_at: str | None
    lag: list[SourceLag]
    """How far imports are behind the files on this machine; empty where a server imports none."""
    unreadable: int
    """Files there that could not be looked at."""
    bytes_unread: int
    """What imported files had, at the last look, beyond what was read: a line still being written."""
    bad_lines: int
    bad_files: int
    """Files with such lines."""
    bad_line_reasons: dict[str, int]
    """The most frequent reasons."""
    worst_files: list[BadFile]
    newest_bad_lines: list[BadLine]


def read_health(store: Store, present: Present | None = None) -> DataHealth:
    """Return how sound the data of *store* are; looks at no files but those *present*."""
    (counts,) = store.query(_COUNTS)
    lag = read_lag(store, present) if present else ImportLag(sources=[], unreadable=[])
    return msgspec.convert(
        counts
        | {
            "sources": read_sources(store),
            "lag": lag.sources,
            "unreadable": len(lag.unreadable),
            "bad_line_reasons": bad_line_reasons(store) if counts["bad_lines"] else {},
            "worst_files": list(store.query(_BAD_FILES, [_FILES_SHOWN])),
            "newest_bad_lines": list(store.query(_LINES, [_LINES_SHOWN])),
        },
        DataHealth,
    )
