"""``refresh``: jobs done at once."""

from __future__ import annotations

import pytest

from session_buddy.reports.refreshing import JOBS
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("filled")


def test_it_does_every_job_and_shows_how_they_went(run: Run) -> None:
    before = run("refresh", "--show", "--json").json["jobs"]
    assert [one["last"] for one in before] == [None] * len(JOBS)
    assert "never" in run("refresh", "--show").out
    done = run("refresh", "--json").json["jobs"]
    assert [one["job"] for one in done] == [job.name for job in JOBS]
    assert all(one["last"]["rows"] and one["last"]["error"] is None for one in done)
    assert run("refresh", "--show", "--json").json["jobs"] == done
    assert "just now" in run("refresh", "--show").out


def test_a_job_that_is_none_is_named(run: Run) -> None:
    told = run("refresh", "figures", "nope")
    assert told.code == 1
    assert "There is no job 'nope'" in told.err
    assert all(one["last"] is None for one in run("refresh", "--show", "--json").json["jobs"])
