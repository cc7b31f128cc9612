"""What is learned or brought up to date now and then, and how it went the last time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from session_buddy.errors import SessionBuddyError
from session_buddy.storage import Clock, Store
from session_buddy.storage.tables import plain_table

__all__ = ["Job", "JobRun", "read_runs", "run_job"]

_JOBS = plain_table("refresh_jobs")


class Job(NamedTuple):
    """Something to do every so often."""

    name: str
    meaning: str
    """What it does, to begin a sentence with."""
    seconds: float
    """How often a server does it."""
    action: Callable[[Store, str], int]
    """Does it as of a moment, and returns how many rows it brought up to date; 0 where there was nothing to do."""


class JobRun(msgspec.Struct, frozen=True, kw_only=True):
    """How a job went the last time, whoever did it."""

    job: str
    started_at: str
    duration_seconds: float
    rows: int
    """Those it brought up to date; 0 where there was nothing to do."""
    error: str | None = None
    """Why it failed; nothing is lost by that, and the next time it begins anew."""


def run_job(store: Store, job: Job, clock: Clock, *, seconds: Callable[[], float] = time.monotonic) -> JobRun:
    """Do *job*, keep how it went, and return that; a failure is kept, and raised again."""
    started_at, begun = clock(), seconds()
    try:
        rows = job.action(store, started_at)
    except Exception as error:
        told = error.problem if isinstance(error, SessionBuddyError) else repr(error)
        _keep(
            store, JobRun(job=job.name, started_at=started_at, duration_seconds=seconds() - begun, rows=0, error=told)
        )
        raise
    run = JobRun(job=job.name, started_at=started_at, duration_seconds=seconds() - begun, rows=rows)
    _keep(store, run)
    return run


def read_runs(store: Store) -> dict[str, JobRun]:
    """Return how each job went the last time, by its name; jobs that were never done are not there."""
    rows = store.query(f"SELECT {_JOBS.selected} FROM {_JOBS.source}").rows
    return {
        name: JobRun(job=name, started_at=started, duration_seconds=took, rows=count, error=error)
        for name, started, took, count, error in rows
    }


def _keep(store: Store, run: JobRun) -> None:
    store.put_rows(_JOBS, [(run.job, run.started_at, run.duration_seconds, run.rows, run.error)])
