"""Jobs keep how they went, on every engine."""

from __future__ import annotations

import pytest

from session_buddy.errors import NotFound, StoreError
from session_buddy.learning.jobs import Job, JobRun, read_runs, run_job
from session_buddy.reports.refreshing import JOBS, read_jobs, refresh
from session_buddy.storage import Store
from tests.making import NOW, FakeClock, many


def ticks() -> float:
    ticks.now += 2.5  # type: ignore[attr-defined]
    return ticks.now  # type: ignore[attr-defined,no-any-return]


ticks.now = 0.0  # type: ignore[attr-defined]


def job(rows: int = 7, error: Exception | None = None) -> Job:
    def action(_: Store, now: str) -> int:
        assert now == NOW
        if error:
            raise error
        return rows

    return Job("counting", "Counting", 60.0, action)


def test_a_run_is_kept_and_the_next_takes_its_place(store: Store) -> None:
    assert read_runs(store) == {}
    for rows in (7, 3):
        run = run_job(store, job(rows), FakeClock(), seconds=ticks)
        assert run == JobRun(job="counting", started_at=NOW, duration_seconds=2.5, rows=rows)
        assert read_runs(store) == {"counting": run}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StoreError("It is full.", remedy="Make room."), "It is full."),
        (ZeroDivisionError("oh"), "ZeroDivisionError('oh')"),
    ],
)
def test_a_failure_is_kept_and_raised(store: Store, error: Exception, told: str) -> None:
    with pytest.raises(type(error)):
        run_job(store, job(error=error), FakeClock(), seconds=ticks)
    assert read_runs(store)["counting"].error == told
    run_job(store, job(), FakeClock(), seconds=ticks)
    assert read_runs(store)["counting"].error is None


def test_all_jobs_are_done_once_and_find_nothing_new_the_second_time(store: Store) -> None:
    store.record(many(200))
    assert [one.last for one in read_jobs(store).jobs] == [None] * len(JOBS)
    first = {one.job: one.last for one in refresh(store, (), FakeClock()).jobs}
    assert list(first) == [one.name for one in JOBS]
    assert all(run and run.rows > 0 and run.error is None for run in first.values())
    second = {one.job: one.last for one in refresh(store, (), FakeClock()).jobs}
    assert {name for name, run in second.items() if run and run.rows} == {"figures"}


def test_one_job_alone_and_one_that_is_none(store: Store) -> None:
    assert [one.job for one in refresh(store, ("recommender",), FakeClock()).jobs] == ["recommender"]
    assert list(read_runs(store)) == ["recommender"]
    with pytest.raises(NotFound, match="nope") as refused:
        refresh(store, ("nope",), FakeClock())
    assert "recommender" in refused.value.suggestions
