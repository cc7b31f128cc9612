"""Exit codes, and how errors are told."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from session_buddy.cli import failures
from session_buddy.errors import MissingExtra, UnknownStore
from tests.cli.conftest import Run


def test_a_store_that_no_engine_answers_to(run: Run) -> None:
    told = run("top", store="mysql://nowhere")
    assert (told.code, told.out) == (3, "")
    problem, remedy = told.err.splitlines()
    assert "mysql://nowhere" in problem
    assert "sqlite:///" in remedy
    assert run("top", "--json", store="mysql://nowhere").error == {
        "type": "UnknownStore",
        "problem": problem,
        "remedy": remedy,
        "exit_code": 3,
    }


def test_a_file_that_is_no_database(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database at all, " * 400)
    for command in ("top", "import", "status"):
        told = run(command, store=f"sqlite:///{path}")
        assert told.code == 3
        assert str(path) in told.err
        assert "Traceback" not in told.err


def test_a_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = run("import", store=f"sqlite:///{tmp_path}/file/store.db")
    assert told.code == 3
    assert len(told.err.splitlines()) == 2
    assert str(tmp_path / "file") in told.err


def test_an_empty_url_is_none_either(run: Run) -> None:
    told = run("--store", "", "top", "--json", store=None)
    assert (told.code, told.error["type"]) == (3, "UnknownStore")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("top", "--json", "--limit", "0"), "'--limit'"),
        (("top", "--limit", "0", "--json"), "'--limit'"),
        (("skill", "--json"), "NAME"),
        (("sql", "--json", "--csv", "select 1"), "exclude each other"),
        (("--unknown", "top", "--json"), "--unknown"),
        (("db", "unknown", "--json"), "unknown"),
        (("export", "--json"), "--json"),
    ],
)
def test_wrong_usage_is_told_as_json_where_that_was_asked_for(
    run: Run, arguments: tuple[str, ...], problem: str
) -> None:
    told = run(*arguments)
    assert (told.code, told.out) == (2, "")
    assert problem in told.error["problem"]
    assert told.error["remedy"].endswith("--help'.")
    assert (told.error["type"], told.error["exit_code"]) == ("WrongUsage", 2)


def test_behind_two_dashes_json_is_a_name(run: Run, filled: object) -> None:
    assert run("skill", "--", "--json").err.startswith("No skill is called '--json'.\n")


@pytest.mark.parametrize(
    "arguments", [("unknown",), ("top", "--limit", "0"), ("top", "--kind", "nothing"), ("skill",), ("db", "unknown")]
)
def test_wrong_usage_is_2(run: Run, arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert told.code == 2
    assert "Usage: session-buddy" in told.err


def test_an_interruption_is_130(run: Run, filled: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("session_buddy.reports.ranking.read_ranking", interrupted)
    told = run("top")
    assert (told.code, told.err) == (130, "Interrupted. What was stored until then is kept.\n")
    assert run("top", "--json").error == {
        "type": "Interrupted",
        "problem": "Interrupted.",
        "remedy": "What was stored until then is kept.",
        "exit_code": 130,
    }


def test_a_mistake_of_ours_is_not_hidden(run: Run, filled: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("session_buddy.reports.ranking.read_ranking", broken)
    with pytest.raises(ZeroDivisionError):
        run("top")


def test_the_exit_codes_are_in_the_help_and_in_the_reference(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text()
    for code in failures.ExitCode:
        assert f"{code.value} {code.meaning}" in shown
        assert f"- `{code.value}` {code.meaning}" in page
    assert [code.value for code in failures.ExitCode] == [0, 1, 2, 3, 130]


@pytest.mark.parametrize(
    "error", [UnknownStore("x.", remedy="y."), MissingExtra("x", extra="y"), OSError(13, "no", "f")]
)
def test_all_errors_but_a_no_are_3(error: Exception) -> None:
    assert isinstance(error, UnknownStore | MissingExtra | OSError)
    assert failures.exit_code_of(error) == 3
    assert failures.exit_code_of(failures.AnswerIsNo("x.", remedy="y.")) == 1


def test_an_error_of_the_system_has_one_type_and_names_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    for error, problem in {
        PermissionError(13, "Permission denied", "f"): "f: Permission denied.",
        # Only what could not be written for want of room or of a stdout is the answer.
        OSError(28, "No space left on device"): "The answer could not be written: No space left on device.",
        BlockingIOError(11, "Resource temporarily unavailable"): "Resource temporarily unavailable.",
    }.items():
        failures.tell(error, as_json=True)
        told = json.loads(capsys.readouterr().err)["error"]
        assert (told["type"], told["problem"]) == ("OSError", problem)


_LONG = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) SELECT i FROM n"


@pytest.mark.parametrize(
    "arguments", [["top"], ["top", "--json"], ["sql", "--csv", _LONG], ["sql", "--json", _LONG], ["db", "verify"]]
)
@pytest.mark.parametrize(("place", "reason"), [("&-", "stdout is closed"), ("/dev/full", "No space left on device")])
def test_an_answer_that_cannot_be_written_is_told_in_one_line(
    filled: object,
    home: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    place: str,
    reason: str,
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    if place == "/dev/full" and not Path(place).exists():
        pytest.skip("this system has no device that is always full")
    command = shlex.join([sys.executable, "-m", "session_buddy", "--store", url, *arguments])
    done = subprocess.run(["sh", "-c", f"{command} >{place}"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    if "--json" in arguments:
        assert json.loads(line)["error"]["problem"] == f"The answer could not be written: {reason}."
    else:
        assert line.startswith(f"The answer could not be written: {reason}. ")


def test_who_says_nothing_needs_no_stdout(home: Path, transcript: Path, url: str) -> None:
    command = shlex.join([sys.executable, "-m", "session_buddy", "--store", url, "import", "--quiet"])
    for streams in (">&-", ">&- 2>&-"):
        assert subprocess.run(["sh", "-c", f"{command} {streams}"], check=False).returncode == 0


def test_messages_do_not_take_stdout_where_there_is_no_stderr(home: Path, url: str) -> None:
    command = shlex.join([sys.executable, "-m", "session_buddy", "--store", url, "top"])
    done = subprocess.run(["sh", "-c", f"{command} 2>&-"], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (3, b"")


# Written by the command itself, and only when it has ended.
@pytest.mark.parametrize("command", ["top", "import"])
def test_a_reader_that_is_gone_before_a_short_answer_is_no_error(
    filled: object, transcript: Path, url: str, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        arguments = [sys.executable, "-m", "session_buddy", "--store", url, command]
        done = subprocess.run(arguments, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_version(run: Run) -> None:
    from session_buddy import __version__

    assert run("--version") == (0, f"session-buddy {__version__}\n", "")
