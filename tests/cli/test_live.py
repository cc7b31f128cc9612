from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from session_buddy.cli.commands.live import follow
from session_buddy.cli.screens.live import live_screen
from session_buddy.model import Invocation, Kind, Outcome
from session_buddy.ordering import RankingOrder
from session_buddy.reports.latest import read_latest
from session_buddy.reports.ranking import read_ranking, without_tools
from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import NOW, FakeClock, invocation, shifted


class Done(Exception):
    """The test has seen enough."""


def test_shows_again_what_changed_and_nothing_where_nothing_did(url: str, filled: list[Invocation]) -> None:
    shown: list[str] = []
    waits = 0
    with open_store(url, clock=FakeClock()) as store, open_store(url, clock=FakeClock()) as other:

        def wait(_: float) -> None:
            nonlocal waits
            waits += 1
            if waits == 3:
                other.record([invocation("later", skill_name="brand-new", kind=Kind.SKILL)])
            if waits == 6:
                raise Done

        with pytest.raises(Done):
            follow(store, lambda: shown.append(read_latest(store, 1)[0].skill), wait=wait)
    assert len(shown) == 2
    assert shown[0] != "brand-new" and shown[1] == "brand-new"


def test_counts_the_last_day_of_skills_that_there_is_no_room_for(url: str, filled: list[Invocation]) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record([invocation(f"rare-{n}", skill_name=f"rare-{n}", invoked_at=NOW) for n in range(3)])
        ((uses,),) = store.query(
            "SELECT count(*) FROM skill_invocation WHERE kind <> 'tool' AND invoked_at > ?", [shifted(NOW, days=-1)]
        ).rows
        ranking = read_ranking(store, without_tools(), RankingOrder.USES, sys.maxsize)
        console = Console(width=80, height=24, record=True, file=io.StringIO())
        console.print(live_screen(ranking, [], now=NOW, width=80, height=24, limit=1))
    text = console.export_text()
    assert "rare-" not in text, "there is room for one skill"
    assert f"{uses} uses in the last 24 hours" in text


def test_moves_on_although_nothing_happens(url: str, filled: list[Invocation]) -> None:
    shown: list[float] = []
    waited = 0.0

    def wait(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if waited > 11:
            raise Done

    with open_store(url, clock=FakeClock()) as store, pytest.raises(Done):
        follow(store, lambda: shown.append(waited), wait=wait)
    assert shown == pytest.approx([0, 5, 10], abs=0.5)


@pytest.mark.parametrize(("width", "height"), [(40, 14), (80, 24), (200, 60)])
def test_the_screen_fits(url: str, width: int, height: int) -> None:
    with open_store(url, clock=FakeClock()) as store:
        store.record(
            invocation(f"e{n}", skill_name=f"skill-{n}", outcome=Outcome.FAILED, project="/x/[red]shop\x1b[2J")
            for n in range(80)
        )
        ranking = read_ranking(store, without_tools(), RankingOrder.FAILURES, 100)
        latest = read_latest(store, 10)
    console = Console(width=width, height=height, markup=False, highlight=False, force_terminal=False)
    with console.capture() as capture:
        console.print(live_screen(ranking, latest, now=NOW, width=width, height=height))
    lines = capture.get().rstrip("\n").split("\n")
    assert len(lines) <= height and max(len(line) for line in lines) <= width
    assert "skill-0" in capture.get() and "Now" in capture.get() and "\x1b[2J" not in capture.get()


def test_an_empty_store_is_said_to_be(url: str) -> None:
    with open_store(url, clock=FakeClock()) as store:
        ranking = read_ranking(store, without_tools(), RankingOrder.USES, 20)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(live_screen(ranking, [], now=NOW, width=80, height=24))
    assert "Nothing was used yet" in capture.get()


def test_needs_a_terminal(run: Run, filled: list[Invocation]) -> None:
    answer = run("top", "--live")
    assert answer.code == 2 and "needs a terminal" in answer.err
    answer = run("top", "--live", "--json")
    assert answer.code == 2 and "--json" in answer.error["problem"]


def test_in_a_real_terminal_it_follows_other_processes_and_ends_at_ctrl_c(
    url: str, filled: list[Invocation], home: Path
) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "session_buddy", "--store", url, "top", "--live"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    try:
        wait_for_text(controller, "pytest-run")
        with open_store(url) as store:
            store.record([invocation("new", skill_name="came-later", kind=Kind.SKILL)])
        wait_for_text(controller, "came-later")
        process.send_signal(signal.SIGINT)
        assert "Traceback" not in rest_of(controller)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def wait_for_text(terminal: int, wanted: str, *, seconds: float = 30) -> None:
    seen, deadline = "", time.monotonic() + seconds
    while wanted not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen):
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65_536).decode(errors="replace")


def rest_of(terminal: int) -> str:
    seen = b""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            return seen.decode(errors="replace")
        if not part:
            return seen.decode(errors="replace")
        seen += part
