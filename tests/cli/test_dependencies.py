"""``related``, ``network`` and ``paths``."""

from __future__ import annotations

import pytest

from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.dependencies import LONELY, go_together
from tests.making import FakeClock


@pytest.fixture
def joined(url: str) -> str:
    with open_store(url, clock=FakeClock()) as store:
        go_together(store)
    return url


def test_before_anything_was_looked_at_they_say_how(run: Run, url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        go_together(store, is_refreshed=False)
    for command in (("related", "commit"), ("network",), ("paths",)):
        assert "'session-buddy refresh' does it" in run(*command).out
    assert run("related", "commit", "--json").json["related"][0]["q_value"] is None


def test_what_goes_with_a_skill(run: Run, joined: str) -> None:
    shown = run("related", "RUN-test").out
    assert "run-test  in 12 of 55 sessions" in shown and "2 of 2 related skills" in shown
    assert "after it in all of 12, median 59.8 s" in shown and "q < 0.001" in shown
    assert "Read" not in shown and "Read" in run("related", "run-test", "--all").out
    assert "1 of 2 related skills" in run("related", "run-test", "--limit", "1").out
    assert "With nothing in particular." in run("related", LONELY).out
    told = run("related", "comit", "--json")
    assert told.code == 1 and "commit" in told.error["suggestions"]


def test_the_network_by_lift_and_support(run: Run, joined: str) -> None:
    assert "4 of 4 pairs" in run("network").out
    assert "write-test first in all of 12" in run("network").out
    found = run("network", "--min-lift", "10", "--json").json
    assert [one["sessions"] for one in found["pairs"]] == [3] and found["min_lift"] == 10
    assert run("network", "--min-sessions", "12", "--json").json["total"] == 3
    assert "No two skills go together so often." in run("network", "--min-sessions", "50").out
    assert run("network", "--min-sessions", "2").code == 2
    assert run("network", "--min-lift", "nan").code == 2


def test_paths(run: Run, joined: str) -> None:
    shown = run("paths").out
    assert "write-test → run-test → commit" in shown and "2 min 00 s" in shown and "2 of 2 paths" in shown
    assert "Paths  with commit, in 3 sessions or more" in run("paths", "--skill", "commit").out
    assert run("paths", "--min-length", "3", "--json").json["total"] == 1
    assert "There are none." in run("paths", "--min-sessions", "20").out
