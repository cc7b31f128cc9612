"""``db copy``: what the command says and returns."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from session_buddy.cli.copying import _CopyBar
from session_buddy.cli.screens.copying import copy_lines
from session_buddy.storage.copying import CopyReport, DayDifference, Refused, TableCopy
from tests.cli.conftest import Run


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'target.db'}"


def test_a_copy_says_that_both_hold_the_same(run: Run, filled: list[object], url: str, target: str) -> None:
    told = run("db", "copy", url, target, store=None)
    assert told.code == 0
    first, second = told.out.splitlines()
    assert first.startswith(f"{len(filled)} events copied in ")
    assert second.startswith(f"Both stores hold the same: {len(filled)} events on 3 days, ")
    assert run("top", "--json", store=target).json == run("top", "--json", store=url).json
    assert run("db", "copy", url, target, "--quiet", store=None).out == ""


def test_in_json(run: Run, filled: list[object], url: str, target: str) -> None:
    told = run("db", "copy", url, target, "--json", store=None)
    assert (told.json["same"], told.json["added"], told.json["different_days"]) == (True, len(filled), [])


def test_what_differs_is_told_and_the_exit_code_says_no(run: Run, filled: object, url: str, target: str) -> None:
    run("db", "copy", url, target, store=None)
    with closing(sqlite3.connect(target.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(
            "INSERT INTO skill_invocation (session_id, skill_name, invoked_at)"
            " VALUES ('own', 'own', '2026-06-01T00:00:00.000Z')"
        )
    told = run("db", "copy", url, target, "--quiet", store=None)
    assert told.code == 1
    assert "  2026-06-01: 0 events in the source, 1 in the target\n" in told.out


def test_a_source_that_is_not_there_is_not_made(run: Run, url: str, target: str) -> None:
    told = run("db", "copy", url, target, "--json", store=None)
    assert (told.code, told.error["type"]) == (3, "StoreError")
    assert not Path(url.removeprefix("sqlite:///")).exists()
    assert not Path(target.removeprefix("sqlite:///")).exists()


def test_an_empty_file_is_no_source(run: Run, url: str, target: str) -> None:
    Path(url.removeprefix("sqlite:///")).touch()
    told = run("db", "copy", url, target, store=None)
    assert told.code == 3
    assert told.err == f"There is no store at {url}.\nCheck the name of the source; it comes first.\n"
    assert not Path(target.removeprefix("sqlite:///")).exists()


def test_a_store_is_not_copied_to_itself(run: Run, filled: object, url: str) -> None:
    assert run("db", "copy", url, url, "--json", store=None).error["type"] == "InvalidInput"


def test_long_lists_of_differences_are_cut_short() -> None:
    report = CopyReport(
        same=False,
        source_events=30,
        target_events=0,
        days=12,
        different_days=[
            DayDifference(day=f"2026-06-{day:02}", source_events=1, target_events=0) for day in range(1, 13)
        ],
        tables=[TableCopy(table="store_settings", rows=1, same=False), TableCopy(table="other", rows=1, same=True)],
        added=0,
        completed=2,
        unchanged=0,
        refused_count=11,
        refused=[Refused(event_id=f"e{number}\x1b", reason="bad") for number in range(11)],
        seconds=1.0,
    )
    lines = list(copy_lines(report))
    assert lines[0] == "0 events copied in 1.0 s, 2 known before say more now"
    assert lines[2] == "  2026-06-01: 1 event in the source, 0 in the target"
    assert lines[12:14] == ["  … and 2 more days (--json lists them)", "  Tables: store_settings"]
    assert lines[14] == "11 events of the source could not be copied:"
    assert "\x1b" not in "".join(lines)
    assert lines[-1] == "  … and 1 more event (--json lists them)"


def test_each_part_of_the_work_has_a_bar(capfd: pytest.CaptureFixture[str]) -> None:
    with _CopyBar(shown=True) as bar:
        bar("Copying events", 1, 4)
        bar("Copying events", 4, 4)
        bar("Checking the source", 2, 4)
        assert bar._bar
        assert [(task.description, task.completed, task.total) for task in bar._bar.tasks] == [
            ("Copying events", 4, 4),
            ("Checking the source", 2, 4),
        ]
    assert capfd.readouterr().out == ""
