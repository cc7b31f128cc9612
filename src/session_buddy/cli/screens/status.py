"""The screens of ``status``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented
from session_buddy.formats import ago, count, plural, printable, size
from session_buddy.reports.lag import SourceLag
from session_buddy.reports.status import StoreStatus

__all__ = ["status_screen"]

_SOURCES = (
    Column("source", justify="left"),
    Column("sessions"),
    Column("uses"),
    Column("last used", rank=1),
)


def status_screen(status: StoreStatus, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield heading("Store", printable(status.store))
    head = "" if status.schema_version == status.schema_head else f" of {status.schema_head}"
    yield indented(f"{size(status.size_bytes)}, schema version {status.schema_version}{head}")
    yield indented(
        f"{plural(status.invocations, 'invocation')}, {plural(status.sessions, 'session')},"
        f" {plural(status.skills, 'skill and tool', 'skills and tools')}"
    )
    if status.sources:
        yield Text()
        rows = [
            [printable(s.source), count(s.sessions), count(s.invocations), ago(s.last_invoked_at, now)]
            for s in status.sources
        ]
        yield fitted(_SOURCES, rows, width)
    yield Text()
    yield from _files(status, now)
    if status.bad_lines:
        yield Text()
        yield heading("Set aside", f"{plural(status.bad_lines, 'line')}; session-buddy status --quarantine lists them")
        rows = [[printable(reason), count(times)] for reason, times in status.bad_line_reasons.items()]
        yield fitted((Column("most frequent reasons", justify="left"), Column("lines")), rows, width)
    yield Text()
    yield heading("Health")
    yield indented(Text("all well", "green") if not status.problems else Text("\n".join(status.problems), "red"))


def _files(status: StoreStatus, now: str) -> Iterator[RenderableType]:
    imported = f"last import {ago(status.last_import_at, now)}" if status.last_import_at else "nothing imported yet"
    yield heading("Files")
    yield indented(f"{plural(status.files, 'file')} imported, {imported}")
    if not status.files_behind:
        yield indented("nothing new to import")
        return
    for source in status.lag:
        if source.files_behind:
            yield indented(Text(f"{_behind(source, now)}: session-buddy import", "yellow"))


def _behind(source: SourceLag, now: str) -> str:
    told = f"{plural(source.files_behind, 'file')} new or changed, {size(source.bytes_behind)} to read"
    since = f", the oldest line from {ago(source.behind_since, now)}" if source.behind_since else ""
    return f"{printable(source.source)}: {told}{since}"
