"""``import``: what an import did."""

from __future__ import annotations

import msgspec

from session_buddy.ingest import ImportReport

__all__ = ["ImportSummary", "UnreadableFile", "summarise"]


class UnreadableFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read."""

    path: str
    reason: str


class ImportSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    store: str
    """The URL of the store."""
    searched: list[str]
    """The files and folders in which transcripts were looked for."""
    files_found: int
    files_read: int
    """Files that were new or had grown since the last import."""
    bytes_read: int
    seconds: float
    """From the start of the search to the last commit."""
    added: int
    """Invocations that are new."""
    completed: int
    """Invocations told more than once, before or in this import, of which the later telling said more."""
    unchanged: int
    """Invocations that were told of again, in a file that was read."""
    bad_lines: int
    """Lines that could not be understood and were set aside: see ``status --quarantine``."""
    unreadable: list[UnreadableFile]


def summarise(report: ImportReport, *, store: str, searched: list[str], seconds: float) -> ImportSummary:
    """Return *report* as it is shown."""
    return ImportSummary(
        store=store,
        searched=searched,
        files_found=report.files_found,
        files_read=report.files_read,
        bytes_read=report.bytes_read,
        seconds=round(seconds, 3),
        added=report.recorded.added,
        completed=report.recorded.completed,
        unchanged=report.recorded.unchanged,
        bad_lines=report.bad_lines,
        unreadable=[UnreadableFile(path=path, reason=reason) for path, reason in report.unreadable],
    )
