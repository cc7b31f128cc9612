"""What an import says of itself. Plain lines: an import with nothing to do does not wait for ``rich``."""

from __future__ import annotations

from collections.abc import Iterator

from session_buddy.formats import count, duration, plural, printable, size
from session_buddy.reports.importing import ImportSummary

__all__ = ["import_lines", "nothing_found_lines"]

_UNREADABLE_SHOWN = 3


def import_lines(summary: ImportSummary) -> Iterator[str]:
    """Yield what *summary* says, line by line."""
    if summary.files_read:
        speed = f", {size(summary.bytes_read / summary.seconds)}/s" if summary.seconds > 0 else ""
        yield (
            f"Read {count(summary.files_read)} of {plural(summary.files_found, 'file')}:"
            f" {size(summary.bytes_read)} in {duration(summary.seconds)}{speed}"
        )
        # Before this import or within it: copies of a session tell of the same calls, some of them less.
        again = f"; {count(summary.completed)} told more than once, the later telling said more"
        more = again if summary.completed else ""
        yield f"{plural(summary.added, 'new invocation')}{more}"
    elif summary.files_found:
        yield f"{plural(summary.files_found, 'file')}, none of them new or changed."
    if summary.bad_lines:
        lines = plural(summary.bad_lines, "line")
        yield f"{lines} not understood and set aside: session-buddy status --quarantine"
    if summary.unreadable:
        yield f"{plural(len(summary.unreadable), 'file')} could not be read:"
        for file in summary.unreadable[:_UNREADABLE_SHOWN]:
            yield f"  {printable(file.path)}: {file.reason}"
        if len(summary.unreadable) > _UNREADABLE_SHOWN:
            yield f"  … and {count(len(summary.unreadable) - _UNREADABLE_SHOWN)} more (--json lists all)"


def nothing_found_lines(summary: ImportSummary) -> Iterator[str]:
    """Yield where transcripts were looked for in vain, and what to do next."""
    yield "No transcripts found. Looked in:"
    for place in summary.searched:
        yield f"  {printable(place)}"
    yield "Next: use one of these agents once, set CLAUDE_CONFIG_DIR, CODEX_HOME … where their folders are elsewhere,"
    yield "or name a file or folder: session-buddy import ~/backup/.claude/projects"
