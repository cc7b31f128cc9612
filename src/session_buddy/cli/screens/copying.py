"""What a copy says of itself, in plain lines."""

from __future__ import annotations

from collections.abc import Iterator

from session_buddy.formats import count, duration, plural, printable
from session_buddy.storage.copying import CopyReport

__all__ = ["copy_lines"]

_SHOWN = 10


def copy_lines(report: CopyReport) -> Iterator[str]:
    """Yield what *report* says, line by line."""
    told = f"{plural(report.added, 'event')} copied in {duration(report.seconds)}"
    if report.completed:
        told += f", {count(report.completed)} known before say more now"
    yield told
    rows = sum(table.rows for table in report.tables)
    if report.same:
        yield (
            f"Both stores hold the same: {plural(report.source_events, 'event')} on {plural(report.days, 'day')},"
            f" {plural(rows, 'row')} in {plural(len(report.tables), 'other table')}."
        )
        return
    yield f"The stores differ. Source: {plural(report.source_events, 'event')}, target: {count(report.target_events)}."
    for day in report.different_days[:_SHOWN]:
        events = plural(day.source_events, "event")
        yield f"  {day.day}: {events} in the source, {count(day.target_events)} in the target"
    yield from _more(len(report.different_days), "day")
    if tables := [table.table for table in report.tables if not table.same]:
        yield f"  Tables: {', '.join(tables)}"
    if report.refused_count:
        yield f"{plural(report.refused_count, 'event')} of the source could not be copied:"
        for refused in report.refused[:_SHOWN]:
            yield f"  {printable(refused.event_id)}: {printable(refused.reason)}"
        yield from _more(report.refused_count, "event")


def _more(number: int, what: str) -> Iterator[str]:
    if number > _SHOWN:
        yield f"  … and {plural(number - _SHOWN, f'more {what}')} (--json lists them)"
