from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_migrate_and_status(run: Run, file: Path) -> None:
    before = run("db", "status", "--json")
    assert (before.code, before.json["version"], before.json["pending"]) == (1, 0, [1, 2, 3, 4])
    assert not file.exists()
    assert run("db", "migrate", "--to", "3").out == "Applied: version 1, version 2, version 3.\n"
    assert "Pending: 4" in run("db", "status").out
    assert run("db", "migrate", "--json").json == {"versions": [4]}
    after = run("db", "status", "--json")
    assert (after.code, after.json["version"], after.json["pending"]) == (0, 4, [])
    assert run("db", "migrate").out.startswith("Nothing to do")


def test_rollback_takes_out_one_version_or_down_to_one(run: Run, filled: object) -> None:
    assert run("db", "rollback", "--yes").out.startswith("Rolled back: version 4.\n")
    assert run("db", "status").code == 1
    assert run("db", "rollback", "--to", "1", "--yes", "--json").json["versions"] == [3, 2]
    assert run("db", "status", "--json").json["version"] == 1


def test_rollback_names_the_backup_it_made(run: Run, filled: object, file: Path) -> None:
    told = run("db", "rollback", "--yes").out.splitlines()
    (backup,) = file.parent.glob("store.db.v4.*.backup")
    assert told == ["Rolled back: version 4.", f"Backup of what was there: {backup}"]
    again = run("db", "rollback", "--yes", "--json").json
    assert Path(again["backup"]) in set(file.parent.glob("store.db.v3.*.backup"))
    assert run("db", "rollback", "--to", "2", "--yes", "--json").json == {"versions": [], "backup": None}


def test_rollback_where_nobody_can_be_asked_needs_a_yes(
    run: Run, filled: object, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run("db", "rollback")
    assert (told.code, told.out) == (2, "")
    assert "--yes" in told.err
    assert run("db", "rollback", "--json").error["type"] == "WrongUsage"
    monkeypatch.setattr("sys.stdin", None)
    assert run("db", "rollback").code == 2
    assert run("db", "status", "--json").json["version"] == 4
    assert list(file.parent.glob("*.backup")) == []


@pytest.mark.parametrize("command", [("migrate",), ("rollback", "--to", "0")])
def test_a_dry_run_prints_sql_and_changes_nothing(run: Run, filled: object, command: tuple[str, ...]) -> None:
    if command == ("migrate",):
        run("db", "rollback", "--to", "3", "--yes")
    version = run("db", "status", "--json").json["version"]
    told = run("db", *command, "--dry-run")
    assert told.code == 0
    assert ("CREATE TABLE" if command == ("migrate",) else "DROP TABLE") in told.out
    assert run("db", *command, "--dry-run", "--json").json == {"sql": told.out}
    assert run("db", "status", "--json").json["version"] == version


@pytest.mark.parametrize(("typed", "version"), [("n\n", 4), ("y\n", 3)])
def test_rollback_asks_on_a_terminal(
    run: Run, filled: object, monkeypatch: pytest.MonkeyPatch, typed: str, version: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(typed))
    told = run("db", "rollback")
    assert "Take its newest version out of" in told.err
    assert run("db", "status", "--json").json["version"] == version
    if version == 4:
        assert told.code == 1
        assert "Nothing was changed." in told.err
        assert run("db", "rollback", "--yes").code == 0


def test_verify_is_quiet_about_a_sound_store(run: Run, filled: object) -> None:
    told = run("db", "verify", "--json")
    assert told.code == 0
    assert told.json == {
        "ok": True,
        "missing": [],
        "different": [],
        "unexpected": [],
        "damage": [],
        "drifted": [],
        "pending": [],
    }
    assert "✗" not in run("db", "verify").out


def test_verify_finds_roll_ups_that_drifted_and_repair_counts_them_again(run: Run, filled: object, file: Path) -> None:
    execute(file, "UPDATE skill_metrics SET abandoned_count = 77 WHERE skill_name = 'pytest-run'")
    told = run("db", "verify", "--json")
    assert (told.code, told.json["ok"], told.json["drifted"]) == (1, False, ["skill_metrics"])
    assert "skill_metrics" in run("db", "verify").out
    assert run("db", "repair").out == "Counted again from the event log: skill_metrics.\n"
    assert run("db", "verify").code == 0
    assert run("db", "repair").out == "Nothing to repair.\n"
    assert run("db", "repair", "--json").json == {"done": []}


def test_verify_finds_missing_objects_and_then_counts_nothing(run: Run, filled: object, file: Path) -> None:
    execute(file, "DROP VIEW v_ab_test_summary")
    told = run("db", "verify", "--json")
    assert (told.code, told.json["ok"], told.json["drifted"]) == (1, False, None)
    assert told.json["missing"] == ["view v_ab_test_summary"]
    assert "view v_ab_test_summary" in run("db", "verify").out


def test_verify_does_not_migrate(run: Run, filled: object) -> None:
    run("db", "rollback", "--yes")
    told = run("db", "verify", "--json")
    assert (told.json["ok"], told.json["pending"], told.json["drifted"]) == (True, [4], None)
    assert run("db", "status", "--json").json["version"] == 3


def test_backup_is_a_store_of_its_own(run: Run, filled: object, file: Path, tmp_path: Path) -> None:
    told = run("db", "backup")
    copy = tmp_path / "store-20260615T123456Z.db"
    assert told.out == f"{copy}\n"
    counting = ("sql", "SELECT count(*) AS n FROM skill_invocation", "--json")
    assert run(*counting, store=f"sqlite:///{copy}").json == run(*counting).json
    named = run("db", "backup", str(tmp_path / "named.db"), "--json").json
    assert named == {"backup": str(tmp_path / "named.db"), "size_bytes": (tmp_path / "named.db").stat().st_size}
    again = run("db", "backup")
    assert again.code == 3
    assert "exists already" in again.err


@pytest.mark.parametrize("command", ["rollback", "verify", "repair", "backup"])
def test_without_a_store_there_is_nothing_to_change(run: Run, command: str, file: Path) -> None:
    assert run("db", command).code == 3
    assert not file.exists()


@pytest.mark.parametrize(("place", "problem"), [("missing/x.db", "its folder does not exist"), ("", "is a folder")])
def test_a_backup_goes_where_a_file_can_be(run: Run, filled: object, tmp_path: Path, place: str, problem: str) -> None:
    told = run("db", "backup", str(tmp_path / place))
    assert told.code == 3
    assert told.err.startswith(f"{tmp_path / place}: {problem}.\n")
    assert "partial" not in told.err


def test_where_no_file_may_be_made_the_given_path_is_named(
    run: Run, filled: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the refusal is played.
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    told = run("db", "backup", str(tmp_path / "x.db"))
    assert told.code == 3
    assert told.err.startswith(f"{tmp_path / 'x.db'}: Permission denied.\n")


def test_another_programs_database_is_not_backed_up(run: Run, file: Path) -> None:
    execute(file, "CREATE TABLE theirs (x)")
    told = run("db", "backup")
    assert told.code == 3
    assert told.err.startswith(f"{file} belongs to another program.\n")
    assert [path.name for path in file.parent.glob("store*")] == ["store.db"]


def test_another_programs_database_is_left_alone(run: Run, file: Path) -> None:
    execute(file, "CREATE TABLE theirs (x)")
    content = file.read_bytes()
    assert run("db", "status", "--json").json["origin"] == "foreign"
    for command in (("db", "migrate"), ("import",), ("top",), ("db", "verify")):
        told = run(*command)
        assert told.code == 3
        assert "Traceback" not in told.err
    assert file.read_bytes() == content
