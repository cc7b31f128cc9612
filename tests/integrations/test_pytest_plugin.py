"""``pytest -p session_buddy``: runs are recorded, and end as they would without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import session_buddy
from session_buddy.integrations.ci.attempts import Attempts
from session_buddy.reports.tried_tests import read_tests
from session_buddy.storage import open_store

TESTS = """
import os, pathlib, pytest, warnings
def test_passes(): pass
def test_fails(): assert not pathlib.Path("broken").exists()
def test_skips(): pytest.skip("not here")
@pytest.mark.xfail(strict=True)
def test_xfails(): assert 0
@pytest.fixture
def broken(): raise RuntimeError
@pytest.fixture
def leaves():
    yield
    raise RuntimeError
@pytest.mark.skipif(not pathlib.Path("broken").exists(), reason="whole")
def test_errors(broken): pass
@pytest.mark.skipif(not pathlib.Path("broken").exists(), reason="whole")
def test_leaves(leaves): pass
@pytest.mark.parametrize("n", [1, 2])
def test_many(n): pass
"""
START = "from session_buddy.cli import main; main()"
ENDS = {
    "test_passes": "completed", "test_fails": "failed", "test_skips": "abandoned", "test_xfails": "abandoned",
    "test_errors": "failed", "test_leaves": "failed", "test_many[1]": "completed", "test_many[2]": "completed",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_shop.py").write_text(TESTS)
    (folder / "broken").write_text("")
    # Warnings are errors, as in this project: the plugin must raise none.
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    taken = ("GITHUB_", "CI", "SESSION_BUDDY_", "GITLAB_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(taken)}
    return kept | {
        "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "SESSION_BUDDY_STORE": f"sqlite:///{tmp_path}/store.db",
    }  # fmt: skip


def run(
    project: Path, home: Mapping[str, str], *arguments: str, plugin: bool = True
) -> subprocess.CompletedProcess[str]:
    asked = ["-p", "session_buddy"] if plugin else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *asked, *arguments],
        cwd=project,
        env=dict(home),
        capture_output=True,
        text=True,
        timeout=120,
    )


def rows(home: Mapping[str, str], statement: str) -> list[tuple[Any, ...]]:
    with open_store(home["SESSION_BUDDY_STORE"]) as store:
        assert store.drifted() == []
        return list(store.query(statement).rows)


@pytest.mark.long
@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_run_and_its_tests_are_recorded_once(project: Path, home: dict[str, str], processes: tuple[str, ...]) -> None:
    done = run(project, home, *processes)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "session-buddy: 8 tests; recorded" in done.stdout
    ((skill, kind, outcome, error, event, session, folder),) = rows(
        home,
        "SELECT skill_name, kind, outcome, error_type, event_id, session_id, project FROM skill_invocation"
        " WHERE parent_event_id IS NULL",
    )
    assert (skill, kind, outcome, error, session, folder) == (
        "pytest-run", "shell", "failed", "exit_code", event, str(project)
    )  # fmt: skip
    tests = rows(
        home,
        "SELECT workflow_step_id, outcome, skill_name, kind, parent_event_id, session_id, duration_ms"
        " FROM skill_invocation WHERE parent_event_id IS NOT NULL",
    )
    assert {name: outcome for name, outcome, *_ in tests} == {
        f"test_shop.py::{name}": end for name, end in ENDS.items()
    }
    assert len(tests) == 8
    assert {tuple(rest[:4]) for _, _, *rest in tests} == {("test-case", "tool", event, session)}
    assert all(duration is not None for *_, duration in tests)


REPEATED = """import pathlib
def test_never(): assert 0
def test_third():
    tried = pathlib.Path("tried")
    tried.write_text((tried.read_text() if tried.exists() else "") + "x")
    assert len(tried.read_text()) > 2
"""


@pytest.mark.long
@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_what_is_tried_again_is_recorded_as_often(
    project: Path, home: dict[str, str], processes: tuple[str, ...]
) -> None:
    (project / "test_shop.py").write_text(REPEATED)
    done = run(project, home, "-p", "rerunfailures", "--reruns", "2", *processes)
    assert "1 failed, 1 passed, 4 rerun" in done.stdout, done.stdout + done.stderr
    tried = rows(
        home, "SELECT workflow_step_id, outcome FROM skill_invocation WHERE skill_name = 'test-case' ORDER BY id"
    )
    attempts = {name: [end for test, end in tried if test.endswith(name)] for name in ("never", "third")}
    assert attempts == {"never": ["failed"] * 3, "third": ["failed", "failed", "completed"]}
    assert "2 tests, 1 flaky: test_shop.py::test_third; recorded" in done.stdout


def test_it_is_off_unless_it_is_asked_for(project: Path, home: dict[str, str]) -> None:
    done = run(project, home, plugin=False)
    assert "session-buddy" not in done.stdout
    assert not Path(home["SESSION_BUDDY_STORE"].removeprefix("sqlite:///")).exists()


@pytest.mark.long
def test_what_tests_do_to_the_environment_moves_no_record(project: Path, home: dict[str, str], tmp_path: Path) -> None:
    changed = {
        "HOME": "/nowhere", "XDG_DATA_HOME": f"{tmp_path}/other", "LOGNAME": "other", "CI_PIPELINE_ID": "1",
        "SESSION_BUDDY_STORE": f"sqlite:///{tmp_path}/other.db", "SESSION_BUDDY_SERVER": "http://127.0.0.1:9",
    }  # fmt: skip
    (project / "test_shop.py").write_text(
        f"import os\ndef test_changes():\n    os.environ.update({changed!r})\n    os.chdir({str(tmp_path)!r})\n"
    )
    home["SESSION_BUDDY_STORE"] = "sqlite:///relative.db"
    done = run(project, home)
    assert "session-buddy: 1 test; recorded" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "other").exists() and not (tmp_path / "other.db").exists()
    home["SESSION_BUDDY_STORE"] = f"sqlite:///{project}/relative.db"
    told = rows(home, "SELECT skill_name, session_id = event_id FROM skill_invocation WHERE parent_event_id IS NULL")
    assert told == [("pytest-run", 1)]


@pytest.mark.long
@pytest.mark.parametrize("break_it", ["store", "disk", "delivery"])
def test_whatever_breaks_in_it_the_run_ends_as_it_would(
    project: Path, home: dict[str, str], tmp_path: Path, break_it: str
) -> None:
    (project / "broken").unlink()
    file = tmp_path / "file"
    file.write_text("")
    if break_it == "store":
        home["SESSION_BUDDY_STORE"] = f"sqlite:///{file}/store.db"
    elif break_it == "disk":
        home["XDG_DATA_HOME"] = str(file)
    else:
        home["SESSION_BUDDY_SERVER"] = "nonsense"
    done = run(project, home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "not recorded" in done.stdout
    if break_it == "store":
        assert "It waits in" in done.stdout
        file.unlink()
        file.mkdir()
        assert run(project, home).returncode == 0
        assert rows(home, "SELECT skill_name, count(*) FROM skill_invocation GROUP BY skill_name ORDER BY 1") == [
            ("pytest-run", 2), ("test-case", 16)
        ]  # fmt: skip


@pytest.mark.long
def test_a_run_without_tests_says_nothing_and_one_that_is_wrong_failed(project: Path, home: dict[str, str]) -> None:
    assert run(project, home, "-k", "nothing_is_called_so").returncode == 5
    assert run(project, home, "no_such_file.py").returncode == 4
    assert run(project, home, "--collect-only").returncode == 0
    (project / "test_shop.py").write_text("import nothing_is_called_so")
    assert run(project, home).returncode == 2
    assert rows(home, "SELECT outcome, error_type FROM skill_invocation ORDER BY id") == [
        (None, None), ("failed", "validation"), ("failed", "exit_code")
    ]  # fmt: skip


@pytest.mark.long
def test_within_ci_run_the_run_is_that_command(project: Path, home: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "session_buddy"]
    for name in ((), ("--skill", "everything")):
        subprocess.run(
            [sys.executable, "-P", "-c", START, "ci", "run", *name, "--", *command],
            cwd=project, env=home, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
    runs = rows(
        home,
        "SELECT r.skill_name, p.skill_name, r.session_id = p.session_id, r.source FROM skill_invocation r"
        " LEFT JOIN skill_invocation p ON p.event_id = r.parent_event_id WHERE r.kind = 'shell' ORDER BY r.id",
    )
    assert runs == [
        ("pytest-run", None, None, "pytest"),
        ("pytest-run", "everything", 1, "pytest"),
        ("everything", None, None, "ci"),
    ]


@pytest.mark.long
def test_flaky_is_what_passed_and_failed_at_one_commit(project: Path, home: dict[str, str]) -> None:
    home |= {"CI_PIPELINE_ID": "1", "CI_JOB_ID": "1", "CI_COMMIT_SHA": "6f96b263f472444725e0d2122722ce7140cf3bdb"}
    run(project, home)
    (project / "broken").unlink()
    run(project, home | {"CI_JOB_ID": "2"})
    with open_store(home["SESSION_BUDDY_STORE"]) as store:
        listed = read_tests(store, since="1970-01-01T00:00:00.000Z", limit=100)
    assert [one.test for one in listed.tests if one.flaky] == ["test_shop.py::test_fails"]
    (project / "broken").write_text("")
    other = home | {"CI_COMMIT_SHA": "0" * 40, "SESSION_BUDDY_STORE": home["SESSION_BUDDY_STORE"] + "2"}
    run(project, other)
    (project / "broken").unlink()
    run(project, other | {"CI_COMMIT_SHA": "1" * 40})
    with open_store(other["SESSION_BUDDY_STORE"]) as store:
        assert read_tests(store, since="1970-01-01T00:00:00.000Z", limit=100).flaky == 0, "the code was another"


def test_the_package_only_says_where_its_plugin_is() -> None:
    assert session_buddy.pytest_plugins == ("session_buddy.integrations.pytest_plugin",)
    loaded = "[m for m in sys.modules if m.startswith(('pytest', '_pytest', 'session_buddy.'))]"
    code = f"import sys, session_buddy; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------ attempts, without pytest


def reports(*told: tuple[str, str, str]) -> Attempts:
    attempts = Attempts()
    for test, when, outcome in told:
        attempts.report(test, when, outcome, seconds=0.5, started=1.0)
    return attempts


def ended(attempts: Attempts) -> list[tuple[str, str, float]]:
    return [(one.test, one.status, one.seconds) for one in attempts.ended]


def test_a_rerun_is_an_attempt_of_its_own_and_what_passes_then_is_flaky() -> None:
    attempts = reports(
        ("a", "setup", "passed"), ("a", "call", "rerun"),
        ("a", "setup", "passed"), ("a", "call", "passed"), ("a", "teardown", "passed"),
        ("b", "setup", "passed"), ("b", "call", "failed"), ("b", "teardown", "passed"),
    )  # fmt: skip
    assert ended(attempts) == [("a", "failed", 1.0), ("a", "passed", 1.5), ("b", "failed", 1.5)]
    assert attempts.flaky() == ["a"]


def test_what_is_taken_down_before_it_is_repeated_is_no_further_attempt() -> None:
    attempts = reports(
        ("a", "setup", "passed"), ("a", "call", "rerun"), ("a", "teardown", "passed"),
        ("a", "setup", "passed"), ("a", "call", "failed"), ("a", "teardown", "passed"),
    )  # fmt: skip
    attempts.end()
    assert ended(attempts) == [("a", "failed", 1.0), ("a", "failed", 1.5)]
    assert attempts.flaky() == []


def test_an_attempt_that_is_hidden_failed_if_there_was_another() -> None:
    around = ("a", "setup", "passed"), ("a", "teardown", "passed")
    attempts = reports(*around, *around, ("a", "setup", "passed"), ("a", "call", "passed"), ("a", "teardown", "passed"))
    attempts.end()
    assert [status for _, status, _ in ended(attempts)] == ["failed", "failed", "passed"]
    assert attempts.flaky() == ["a"]
    alone = reports(*around)
    alone.end()
    assert ended(alone) == []


def test_a_rerun_of_what_failed_in_its_preparation() -> None:
    attempts = reports(
        ("a", "setup", "rerun"), ("a", "setup", "passed"), ("a", "call", "passed"), ("a", "teardown", "passed")
    )
    assert [status for _, status, _ in ended(attempts)] == ["error", "passed"]


def test_an_attempt_that_was_to_be_repeated_counts_though_the_run_was_broken_off() -> None:
    attempts = reports(("a", "setup", "passed"), ("a", "call", "rerun"))
    attempts.end()
    assert ended(attempts) == [("a", "failed", 1.0)]


def test_tests_of_several_processes_come_mixed() -> None:
    attempts = reports(
        ("a", "setup", "passed"), ("b", "setup", "passed"), ("b", "call", "failed"), ("a", "call", "passed"),
        ("b", "teardown", "passed"), ("a", "teardown", "failed"),
    )  # fmt: skip
    assert ended(attempts) == [("b", "failed", 1.5), ("a", "error", 1.5)]


def test_what_was_broken_off_is_not_told_and_a_crash_is() -> None:
    attempts = reports(("a", "setup", "passed"), ("b", "???", "failed"))
    attempts.end()
    assert ended(attempts) == [("b", "error", 0.5)]
