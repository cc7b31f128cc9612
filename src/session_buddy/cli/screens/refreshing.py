"""The screen of ``refresh``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from session_buddy.cli.screens.layout import Column, fitted
from session_buddy.formats import NOTHING, ago, count, duration, printable
from session_buddy.reports.refreshing import JobFigures, JobList

__all__ = ["jobs_screen"]

_COLUMNS = (
    Column("job", justify="left"),
    Column("last run"),
    Column("took"),
    Column("rows"),
    Column("every", rank=2),
    Column("", rank=1, justify="left"),
)


def jobs_screen(listed: JobList, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield fitted(_COLUMNS, [_row(job, now) for job in listed.jobs], width)


def _row(job: JobFigures, now: str) -> tuple[str, ...]:
    last = job.last
    if last is None:
        return (job.job, "never", NOTHING, NOTHING, duration(job.every_seconds), "")
    told = "" if last.error is None else f"failed: {printable(last.error)}"
    return (
        job.job,
        ago(last.started_at, now),
        duration(last.duration_seconds),
        count(last.rows),
        duration(job.every_seconds),
        told,
    )
