"""Exit codes, and how errors are told."""

from __future__ import annotations

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

    monkeypatch.setattr("session_buddy.cli.reports.ranking.read_ranking", interrupted)
    told = run("top")
    assert (told.code, told.err) == (130, "Interrupted. What was stored until then is kept.\n")


def test_a_mistake_of_ours_is_not_hidden(run: Run, filled: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("session_buddy.cli.reports.ranking.read_ranking", broken)
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


def test_the_version(run: Run) -> None:
    from session_buddy import __version__

    assert run("--version") == (0, f"session-buddy {__version__}\n", "")
