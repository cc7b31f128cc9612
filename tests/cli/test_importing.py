"""``up``, ``import`` and ``status``."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

from session_buddy.cli import sources
from session_buddy.cli.screens.importing import import_lines
from session_buddy.reports.importing import ImportSummary, UnreadableFile
from tests.cli.conftest import Run


def test_import_reads_what_is_new_and_only_that(run: Run, transcript: Path, url: str) -> None:
    first = run("import", "--json").json
    assert (first["files_found"], first["files_read"], first["added"], first["bad_lines"]) == (1, 1, 3, 1)
    assert first["bytes_read"] == transcript.stat().st_size
    assert (first["store"], first["unreadable"]) == (url, [])
    again = run("import", "--json").json
    assert (again["files_found"], again["files_read"], again["added"]) == (1, 0, 0)
    assert "1 file, none of them new or changed." in run("import").out


def test_import_says_what_it_did(run: Run, transcript: Path) -> None:
    told = run("import", str(transcript.parent))
    assert told.code == 0
    assert "Read 1 of 1 file" in told.out
    assert "3 new invocations" in told.out
    assert "1 line not understood and set aside" in told.out
    assert told.err == ""


def test_quiet_says_nothing(run: Run, transcript: Path) -> None:
    assert run("import", "--quiet") == (0, "", "")


def test_the_bar_is_drawn_on_a_terminal_only(run: Run, transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(sources, "_bar", _recorded(sources._bar, drawn))
    lines = transcript.read_text()

    def import_something_new(*options: str, terminal: bool) -> list[str]:
        transcript.write_text(transcript.read_text() + lines.replace("toolu_", f"toolu_{transcript.stat().st_size}_"))
        monkeypatch.setattr("session_buddy.cli.sources._is_terminal", lambda: terminal)
        assert run("import", *options).code == 0
        return drawn

    assert import_something_new(terminal=False) == []
    assert import_something_new("--quiet", terminal=True) == []
    assert import_something_new("--json", terminal=True) == []
    assert import_something_new(terminal=True) == ["bar"]


def _recorded(original: Callable[[], Progress], calls: list[str]) -> Callable[[], Progress]:
    def made() -> Progress:
        calls.append("bar")
        return original()

    return made


def test_no_transcripts_is_no_failure(run: Run, home: Path) -> None:
    for command in (["import"], ["up", "--once"]):
        told = run(*command)
        assert (told.code, told.out) == (0, "")
        assert f"  {home}/.claude/projects\n" in told.err
        assert "CLAUDE_CONFIG_DIR" in told.err
    assert run("import", "--json").json["files_found"] == 0


def test_a_path_that_does_not_exist_is_named(run: Run) -> None:
    told = run("import", "/no/such/folder")
    assert told.code == 3
    assert told.err.startswith("/no/such/folder: does not exist.\n")


def test_a_file_that_is_no_transcript_is_refused_unread(run: Run, transcript: Path, tmp_path: Path, url: str) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("{}\n")
    told = run("import", str(transcript), str(notes))
    assert (told.code, told.out) == (3, "")
    assert told.err.startswith(f"{notes}: is no transcript of an agent that is read.\n")
    assert run("import", "--json", os.devnull).error["type"] == "InvalidInput"
    assert not Path(url.removeprefix("sqlite:///")).exists()
    # In a folder there may be whatever there is.
    assert run("import", "--json", str(tmp_path)).json["files_found"] == 1


def test_the_account_is_kept_as_a_hash(run: Run, transcript: Path, url: str) -> None:
    run("import", "--user", "somebody")
    users = run("sql", "SELECT DISTINCT user_id FROM skill_invocation", "--json").json
    assert len(users) == 1
    assert len(users[0]["user_id"]) == 16
    assert "somebody" not in Path(url.removeprefix("sqlite:///")).read_bytes().decode("latin-1")


def test_the_users_own_rules_are_read(run: Run, transcript: Path, home: Path) -> None:
    rules = home / "config" / "session-buddy" / "shell-rules.toml"
    rules.parent.mkdir(parents=True)
    rules.write_text("[[rule]]\nskill = 'unclear'\n")
    told = run("import")
    assert told.code == 3
    assert str(rules) in told.err
    rules.write_text(
        "[[rule]]\nskill = 'our-tests'\ncommand = 'pytest'\n"
        "category = 'Testing'\nmodality = 'testing'\ndescription = 'x'\n"
    )
    run("import")
    assert run("status", "--json").json["files_behind"] == 0
    assert "our-tests" in [row["skill"] for row in run("top", "--json").json["skills"]]


def test_up_shows_what_matters(run: Run, filled: object, transcript: Path) -> None:
    told = run("up", "--json").json
    assert told["imported"]["added"] == 3
    assert (told["holdings"]["sessions"], told["holdings"]["invocations"]) == (4, 24)
    assert told["top"][0]["skill"] == "pytest-run"
    assert told["top"][0]["invocations"] == 7
    assert "Read" not in [row["skill"] for row in told["top"]]
    assert told["total_skills"] == 6
    assert [(s["skill"], s["completed"], s["failed"]) for s in told["never_succeeded"]] == [
        ("mcp__web__fetch", 0, 2),
        ("ruff-check", 0, 1),
    ]
    shown = run("up", "--once").out
    for part in ("Most used", "What broke", "Never succeeded", "web: fetch 0 of 2", "Next", "4 sessions"):
        assert part in shown


def test_what_broke_is_counted_on_the_last_seven_days_with_uses(run: Run, filled: object) -> None:
    broke = run("up", "--json").json["broke"]
    assert (broke["since"][:10], broke["until"][:10]) == ("2025-05-11", "2026-06-15")
    assert [(s["skill"], s["failed"], s["errors"]) for s in broke["skills"]] == [
        ("mcp__web__fetch", 2, {"api": 2}),
        ("pytest-run", 2, {"exit_code": 1, "timeout": 1}),
    ]


def test_status(run: Run, transcript: Path, url: str) -> None:
    run("import")
    told = run("status", "--json").json
    assert (told["store"], told["schema_version"], told["schema_head"]) == (url, 4, 4)
    assert (told["invocations"], told["sessions"], told["files"], told["files_behind"]) == (3, 1, 1, 0)
    assert [source["source"] for source in told["sources"]] == ["claude_code"]
    assert (told["bad_lines"], sum(told["bad_line_reasons"].values()), told["problems"]) == (1, 1, [])
    assert told["size_bytes"] >= Path(url.removeprefix("sqlite:///")).stat().st_size > 0
    assert "all well" in run("status").out


def test_status_sees_files_that_are_behind(run: Run, transcript: Path) -> None:
    run("import")
    with transcript.open("a") as file:
        file.write("{}\n")
    (transcript.parent / "second.jsonl").write_text("{}\n{}\n")
    told = run("status", "--json").json
    assert (told["files"], told["files_behind"], told["bytes_behind"]) == (1, 2, 9)
    (source,) = told["lag"]
    assert (source["source"], source["files"]) == ("claude_code", 2)
    assert (source["files_behind"], source["bytes_behind"]) == (2, 9)
    assert source["behind_since"] is not None
    shown = run("status").out
    assert "claude_code: 2 files new or changed, 9 B to read, the oldest line from" in shown
    assert "session-buddy import" in shown
    transcript.unlink()
    gone = run("status", "--json").json
    assert (gone["files_behind"], gone["problems"]) == (1, [])


def test_quarantine_names_file_and_line(run: Run, transcript: Path) -> None:
    run("import")
    assert run("status", "--quarantine").out.startswith(f"{transcript}:5: ")
    (line,) = run("status", "--quarantine", "--json").json["lines"]
    assert (line["path"], line["line"], line["length"]) == (str(transcript), 5, 16)


def test_unreadable_files_are_told_and_stop_nothing(
    run: Run, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = transcript.parent / "closed.jsonl"
    closed.write_text("{}\n")
    open_path = Path.open

    # Root may read everything, so the refusal is played.
    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return open_path(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    told = run("import")
    assert told.code == 0
    assert "3 new invocations" in told.out
    assert f"{closed}: Permission denied" in told.out


@pytest.mark.parametrize("command", ["top", "sessions", "status", "export"])
def test_reading_makes_no_store(run: Run, command: str, url: str) -> None:
    told = run(command)
    assert told.code == 3
    assert told.err.startswith(f"There is no store at {url} yet.\n")
    assert not Path(url.removeprefix("sqlite:///")).exists()


@pytest.mark.parametrize(
    "command",
    [("top",), ("sessions",), ("status",), ("export",), ("sql", "SELECT 1"), ("db", "verify"), ("db", "backup")],
)
def test_an_empty_file_is_no_store_and_stays_empty(run: Run, command: tuple[str, ...], url: str) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    file.touch()
    told = run(*command)
    assert told.code == 3
    assert told.err.startswith(f"There is no store at {url} yet.\n")
    assert file.read_bytes() == b""
    assert [path.name for path in file.parent.glob("store.db*")] == ["store.db"]


def test_the_default_store_lies_in_the_data_folder(run: Run, transcript: Path, home: Path) -> None:
    assert run("import", store=None).code == 0
    file = home / "data" / "session-buddy" / "session-buddy.db"
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM skill_invocation").fetchone() == (3,)
    connection.close()


def test_the_store_may_be_named_in_the_environment(
    run: Run, transcript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BUDDY_STORE", f"sqlite:///{tmp_path}/named.db")
    assert run("import", "--json", store=None).json["store"] == f"sqlite:///{tmp_path}/named.db"


def test_unreadable_files_are_counted_and_the_first_are_named() -> None:
    files = [UnreadableFile(path=f"/x/{number}.jsonl", reason="Permission denied") for number in range(5)]
    summary = ImportSummary(
        store="", searched=[], files_found=7, files_read=5, bytes_read=10, seconds=0.5, added=1, completed=2,
        unchanged=0, bad_lines=0, unreadable=files,
    )  # fmt: skip
    assert list(import_lines(summary)) == [
        "Read 5 of 7 files: 10 B in 500 ms, 20 B/s",
        "1 new invocation; 2 told more than once, the later telling said more",
        "5 files could not be read:",
        "  /x/0.jsonl: Permission denied",
        "  /x/1.jsonl: Permission denied",
        "  /x/2.jsonl: Permission denied",
        "  … and 2 more (--json lists all)",
    ]


def test_files_read_under_other_rules_are_behind(run: Run, transcript: Path, home: Path) -> None:
    run("import")
    rules = home / "config" / "session-buddy" / "shell-rules.toml"
    rules.parent.mkdir(parents=True)
    rules.write_text("ignored = ['pytest']\n")
    assert run("status", "--json").json["files_behind"] == 1


def test_files_imported_from_elsewhere_are_watched_too(run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    elsewhere.write_text("{}\n")
    run("import", str(elsewhere))
    assert run("status", "--json").json["files_behind"] == 0
    elsewhere.write_text("{}\n{}\n")
    assert run("status", "--json").json["files_behind"] == 1
