from __future__ import annotations

import pytest

from session_buddy.model import Invocation
from tests.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("filled")


def test_the_latest_sessions_come_first(run: Run) -> None:
    told = run("sessions", "--json").json
    assert told["total"] == 3
    assert [session["session_id"] for session in told["sessions"]] == ["s1", "s2", "other"]
    newest = told["sessions"][0]
    assert (newest["invocations"], newest["completed"], newest["failed"], newest["abandoned"]) == (18, 13, 3, 1)
    assert newest["length_seconds"] == 480
    assert newest["project"] == "/x/shop"
    assert newest["skills"] == ["pytest-run", "agent:Explore", "mcp__web__fetch"]
    assert len(run("sessions", "--json", "--limit", "1").json["sessions"]) == 1


def test_sessions_on_a_terminal(run: Run) -> None:
    lines = run("sessions").out.splitlines()
    assert lines[1].split()[:3] == ["s1", "shop", "1"]
    assert "The latest 3 of 3 sessions" in lines[-2]


def test_one_session_step_by_step(run: Run, filled: list[Invocation]) -> None:
    expected = sorted(i.invoked_at for i in filled if i.session_id == "s1" and i.skill_name != "Read")
    told = run("sessions", "s1", "--json").json
    assert [step["invoked_at"] for step in told["steps"]] == expected
    assert told["left_out"] == 9
    assert {step["outcome"] for step in told["steps"]} == {"completed", "failed", "abandoned", None}
    everything = run("sessions", "s1", "--json", "--all").json
    assert (len(everything["steps"]), everything["left_out"]) == (18, 0)


def test_a_session_on_a_terminal(run: Run) -> None:
    shown = run("sessions", "s1").out
    assert "failed (exit_code)" in shown
    assert "9 calls of built-in tools left out" in shown


def test_the_beginning_of_an_id_must_tell_sessions_apart(run: Run) -> None:
    assert run("sessions", "o", "--json").json["session"]["session_id"] == "other"
    several = run("sessions", "s")
    assert several.code == 1
    assert several.err.startswith("Several sessions begin with 's': s1, s2\n")
    none = run("sessions", "x%")
    assert none.code == 1
    assert "No session begins with 'x%'." in none.err
