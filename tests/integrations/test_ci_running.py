"""``ci run``: a command runs as if nobody stood between, and is recorded."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from session_buddy.importers.ci import UNNAMED
from session_buddy.importers.shell import ShellRules
from session_buddy.integrations.ci.delivering import Delivery
from session_buddy.integrations.ci.remembering import recent_commands
from session_buddy.integrations.ci.running import Ended, run_command
from session_buddy.integrations.ci.surroundings import CiPlace, commit_of, place_of
from session_buddy.integrations.ci.telling import told
from session_buddy.model import Invocation
from session_buddy.storage import open_store
from session_buddy.storage.migrations.lock import exclusive
from tests.making import invocation

PLACE = CiPlace(session_id="s", parent_event_id="p", commit="6f96b263f472444725e0d2122722ce7140cf3bdb")
COMMAND = [sys.executable, "-P", "-c", "from session_buddy.cli import main; main()"]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has nothing yet and is not in CI."""
    taken = ("GITHUB_", "CI", "SESSION_BUDDY_", "GITLAB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(taken)}
    return kept | {
        "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "SESSION_BUDDY_STORE": f"sqlite:///{tmp_path}/store.db",
    }  # fmt: skip


def ci_run(home: Mapping[str, str], *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, "ci", "run", *arguments], env=home, capture_output=True, timeout=60, **options)


def recorded(home: Mapping[str, str]) -> list[dict[str, Any]]:
    with open_store(home["SESSION_BUDDY_STORE"]) as store:
        return list(store.query("SELECT * FROM skill_invocation ORDER BY id"))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_streams_and_exit_code_are_those_of_the_command(home: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(data[::-1]);"
        " sys.stderr.write('!'); sys.exit(7)"
    )
    done = ci_run(home, "--figures", str(tmp_path / "f.json"), "--", *python(code), input=b"\x00\xffab")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"ba\xff\x00", b"!")
    (row,) = recorded(home)
    assert (row["skill_name"], row["kind"], row["workflow_step_id"]) == (UNNAMED, "tool", Path(sys.executable).name)
    assert (row["outcome"], row["error_type"], row["duration_source"]) == ("failed", "exit_code", "reported")
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["exit_code"] == 7
    assert abs(figures["duration_seconds"] * 1000 - row["duration_ms"]) <= 1
    assert figures["cpu_seconds"] > 0


def test_figures_that_cannot_be_written_cost_no_record(home: dict[str, str], tmp_path: Path) -> None:
    done = ci_run(home, "--figures", str(tmp_path / "nowhere/f.json"), "--", *python("raise SystemExit(7)"))
    assert (done.returncode, len(recorded(home))) == (7, 1)
    assert b"its figures were not written" in done.stderr


def test_options_behind_the_command_are_its_own(home: dict[str, str]) -> None:
    done = ci_run(home, *python("import sys; print(sys.argv[1:])"), "--skill", "x", "--help", "--")
    assert done.stdout.strip() == b"['--skill', 'x', '--help', '--']"


@pytest.mark.parametrize("code", [1, 2, 5, 124, 130, 143, 255])
def test_any_exit_code_is_passed_through_without_a_word(home: dict[str, str], code: int) -> None:
    done = ci_run(home, "--", "sh", "-c", f"exit {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_a_command_that_is_not_there(home: dict[str, str], tmp_path: Path) -> None:
    done = ci_run(home, "--", "no-such-command-at-all")
    assert (done.returncode, done.stdout) == (127, b"")
    assert b"No such file" in done.stderr
    (tmp_path / "plain").write_text("echo")
    assert ci_run(home, "--", str(tmp_path / "plain")).returncode == 126
    assert [row["error_type"] for row in recorded(home)] == ["not_found", "exit_code"]


def test_where_the_store_cannot_be_written_the_exit_code_is_the_same_and_nothing_is_lost(
    home: dict[str, str], tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.write_text("a file where a folder should be")
    there = home["SESSION_BUDDY_STORE"]
    home["SESSION_BUDDY_STORE"] = f"sqlite:///{away}/store.db"
    done = ci_run(home, "--", "sh", "-c", "echo out; exit 3")
    assert (done.returncode, done.stdout) == (3, b"out\n")
    assert b"was not recorded" in done.stderr and b"It waits in" in done.stderr
    away.unlink()
    away.mkdir()
    delivered = subprocess.run([*COMMAND, "ci", "deliver"], env=home, capture_output=True, timeout=60)
    assert (delivered.returncode, delivered.stderr) == (0, b"")
    assert [row["outcome"] for row in recorded(home)] == ["failed"]
    assert there != home["SESSION_BUDDY_STORE"]


def test_where_nothing_can_be_written_at_all_the_exit_code_is_the_same(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "no").write_text("")
    home |= {"XDG_DATA_HOME": f"{tmp_path}/no", "SESSION_BUDDY_STORE": f"sqlite:///{tmp_path}/no/store.db"}
    done = ci_run(home, "--", "sh", "-c", "exit 4")
    assert done.returncode == 4
    assert b"was not recorded" in done.stderr


def test_mistakes_in_the_rules_of_the_user_keep_no_command_from_running(home: dict[str, str], tmp_path: Path) -> None:
    rules = tmp_path / "config" / "session-buddy" / "shell-rules.toml"
    rules.parent.mkdir(parents=True)
    rules.write_text("[[rule]]\nnonsense = 1\n")
    done = ci_run(home, "--", "sh", "-c", "echo out")
    assert (done.returncode, done.stdout) == (0, b"out\n")
    assert b"shell-rules.toml" in done.stderr
    assert len(recorded(home)) == 1


def test_nothing_is_called_recorded_while_somebody_else_delivers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("session_buddy.integrations.ci.delivering._BUSY_SECONDS", 0.05)
    delivery = Delivery(tmp_path, default_url=f"sqlite:///{tmp_path}/s.db")
    delivery.keep([invocation("e")])
    with exclusive(delivery.folder / "lock", timeout=0):
        missed = delivery.deliver([invocation("f")])
        assert missed is not None and "Another process" in missed.reason and missed.waits_in == delivery.folder
        for waits in delivery.folder.glob("*.json"):
            waits.unlink()
        assert delivery.deliver() is None, "the other one recorded it"


def test_what_another_who_delivers_did_not_see_is_delivered_when_that_one_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    delivery = Delivery(tmp_path, default_url=f"sqlite:///{tmp_path}/s.db")
    delivery.keep([invocation("e")])
    with ExitStack() as held:
        held.enter_context(exclusive(delivery.folder / "lock", timeout=0))
        monkeypatch.setattr("session_buddy.storage.migrations.lock.time.sleep", lambda _: held.close())
        assert delivery.deliver() is None
    with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        assert store.query("SELECT event_id FROM skill_invocation").rows == [("e",)]


def test_a_server_that_is_away_costs_a_message(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("session_buddy.integrations.ci.delivering._PATIENCE_SECONDS", 0.0)
    delivery = Delivery(tmp_path, default_url="", server="http://127.0.0.1:9")
    missed = delivery.deliver([invocation("e")])
    assert missed is not None and "cannot be reached" in missed.reason and missed.waits_in == delivery.folder
    assert len(list(delivery.folder.glob("*.json"))) == 1


# Past Python's buffers: a signal may come while they are still being flushed.
WAITS = """
import os, signal, sys, time
def stop(number, frame):
    os.write(1, f"got {signal.Signals(number).name}\\n".encode())
    sys.exit(9)
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"):
    signal.signal(getattr(signal, name), stop)
os.write(1, b"ready\\n")
time.sleep(30)
"""


@pytest.fixture
def waiting(home: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """``ci run`` in a session of its own, where a terminal sends it nothing."""
    process = subprocess.Popen(
        [*COMMAND, "ci", "run", "--", *python(WAITS)], env=home, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("SIGTERM", "abandoned"), ("SIGINT", "abandoned"), ("SIGHUP", "abandoned"), ("SIGUSR1", "failed")],
)
def test_signals_are_handed_on_and_the_command_decides(
    waiting: subprocess.Popen[bytes], home: dict[str, str], name: str, outcome: str
) -> None:
    waiting.send_signal(getattr(signal, name))
    out, _ = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (9, f"got {name}\n".encode())
    assert [row["outcome"] for row in recorded(home)] == [outcome]


def test_a_command_that_a_signal_ended_ends_as_in_a_shell(home: dict[str, str]) -> None:
    done = ci_run(home, "--", "sh", "-c", "kill -SEGV $$")
    assert done.returncode == 128 + signal.SIGSEGV
    (row,) = recorded(home)
    assert row["outcome"] == "failed" and f"signal:{signal.SIGSEGV.value}" in json.loads(row["traits"])


def test_ctrl_c_at_a_terminal_comes_once(home: dict[str, str]) -> None:
    # Two signals on each other's heels are one to a handler in Python; a byte is written for each that arrives.
    counts = python(
        "import signal, socket, sys, time\n"
        "ours, theirs = socket.socketpair()\n"
        "theirs.setblocking(False)\n"
        "signal.set_wakeup_fd(theirs.fileno())\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "print('ready', flush=True)\n"
        "end = time.time() + 1.5\n"
        "while time.time() < end: time.sleep(0.05)\n"
        "ours.setblocking(False)\n"
        "sys.exit(10 + len(ours.recv(100)))"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*COMMAND, "ci", "run", "--", *counts], home)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    for _ in range(3):
        os.write(terminal, b"\x03")
        time.sleep(0.2)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 13


def test_processor_time_and_memory_of_the_command_are_counted() -> None:
    burning = (
        "import time\nend = time.process_time() + 0.3\nx = bytearray(300 << 20)\nwhile time.process_time() < end: pass"
    )
    # This process may have had more in memory, less than which cannot be told; so it is asked of a small one. It is
    # started by a shell, since a program begins with what the process had that became it, which here would be our copy.
    asking = (
        "import os, sys\nfrom session_buddy.integrations.ci.running import run_command\n"
        "ended = run_command([sys.executable, '-c', sys.argv[1]], os.environ)\n"
        "print(ended.cpu_seconds, ended.max_memory_bytes)"
    )
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", asking, burning]
    told = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    cpu_seconds, max_memory_bytes = told.stdout.split()
    assert float(cpu_seconds) >= 0.3
    assert 300 << 20 <= int(max_memory_bytes) < 600 << 20
    began = time.monotonic()
    idle = run_command(python("import time; time.sleep(0.3)"), os.environ)
    assert 0.3 <= idle.duration_seconds <= time.monotonic() - began
    assert idle.cpu_seconds is not None and idle.cpu_seconds < 0.3


# ------------------------------------------------------------------ what is told


def told_of(command: list[str], *, skill: str | None = None, **ended: Any) -> list[Invocation]:
    given = {"exit_code": 0, "duration_seconds": 12.5} | ended
    return list(
        told(
            command, Ended(**given), rules=ShellRules.builtin(), skill=skill, event_id="e",
            started_at="2026-05-01T10:00:00.000Z", place=PLACE, user_id="u", project="/x",
        )
    )  # fmt: skip


def test_rules_name_a_command_and_seconds_become_milliseconds() -> None:
    (one,) = told_of(["pytest", "-q"], cpu_seconds=3.0, max_memory_bytes=300 << 20)
    assert (one.skill_name, one.kind, one.outcome, one.duration_ms) == ("pytest-run", "shell", "completed", 12_500)
    assert (one.session_id, one.parent_event_id, one.workflow_phase) == ("s", "p", "verification")
    assert one.traits == ("commit:6f96b263f4724447", "cpu_seconds:4", "memory_mib:512")


def test_a_name_that_is_given_goes_before_the_rules() -> None:
    assert [one.skill_name for one in told_of(["make", "deploy"], skill="deploy-web")] == ["deploy-web"]
    assert told_of(["./scripts/latest.py"])[0].skill_name == UNNAMED


def test_what_a_shell_certainly_ran_is_told_too() -> None:
    main, other = told_of(["sh", "-c", "ruff check . && pytest -q"])
    assert (main.skill_name, main.event_id, main.outcome) == ("pytest-run", "e", "completed")
    assert (other.skill_name, other.event_id, other.outcome) == ("ruff-check", "e#2", "completed")
    (main,) = told_of(["sh", "-c", "ruff check . && pytest -q"], exit_code=1)
    assert main.outcome is None, "which of them failed is not known"


def test_what_was_stopped_with_us_is_no_failure() -> None:
    (one,) = told_of(["pytest"], exit_code=143, signal=15, told_to_stop=True)
    assert (one.outcome, one.error_type) == ("abandoned", None)
    (one,) = told_of(["pytest"], exit_code=137, signal=9)
    assert (one.outcome, one.error_type) == ("failed", "exit_code")


def test_sessions_are_jobs_of_ci() -> None:
    def place(**environment: str) -> CiPlace:
        return place_of(environment, folder="/x", host="h", day="2026-05-01")

    github = {"GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_REPOSITORY": "octo/shop", "GITHUB_JOB": "test"}
    one = place(**github, GITHUB_SHA="abc1234")
    assert one == CiPlace(session_id="github:octo/shop:5:2:test", parent_event_id="github:run:5:2", commit="abc1234")
    ids = {
        place(**github | changes).session_id
        for changes in ({}, {"GITHUB_RUN_ID": "6"}, {"GITHUB_RUN_ATTEMPT": "3"}, {"GITHUB_JOB": "lint"},
                        {"GITHUB_RUN_ATTEMPT": "2:test", "GITHUB_JOB": ""}, {"GITHUB_SERVER_URL": "https://ghe.example"})
    }  # fmt: skip
    assert len(ids) == 6
    two = place(
        CI_PIPELINE_ID="31", CI_JOB_ID="377", CI_SERVER_URL="https://gitlab.example.com", CI_COMMIT_SHA="abc1234"
    )
    assert two.session_id == "gitlab:gitlab.example.com:31:377"
    assert two.parent_event_id == "gitlab:gitlab.example.com:job:377"
    assert place() == place() != place_of({}, folder="/y", host="h", day="2026-05-01")
    assert place().session_id.startswith("ci:")


def test_the_commit_is_told_where_the_files_are_it(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    assert commit_of(tmp_path) is None
    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-qm", "first")
    assert commit_of(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("")
    assert commit_of(tmp_path) is not None
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) is None


def test_what_is_open_is_handed_on(home: dict[str, str], tmp_path: Path) -> None:
    redirected = ["sh", "-c", 'exec "$@" 3>"$0"', str(tmp_path / "third"), *COMMAND, "ci", "run", "--"]
    done = subprocess.run([*redirected, "sh", "-c", "echo hi >&3"], env=home, capture_output=True, timeout=60)
    assert (done.returncode, (tmp_path / "third").read_text()) == (0, "hi\n")


REPORT = (
    '<testsuite name="pytest" tests="2" failures="1"><testcase classname="t" name="a" time="0.1"/>'
    '<testcase classname="t" name="b" time="0.2"><failure/></testcase></testsuite>'
)


@pytest.mark.parametrize(
    ("script", "skill", "uses"),
    [
        ("cp ../r.xml .", "pytest-run", ["pytest-run"]),
        ("cp ../r.xml .", "nightly", ["nightly", "pytest-run"]),
        ("pytest -q -p no:asyncio -p no:cacheprovider --junit-xml=r.xml t.py", None, ["pytest-run"]),
    ],
)
def test_a_report_that_the_command_wrote_tells_of_its_run(
    home: dict[str, str], tmp_path: Path, script: str, skill: str | None, uses: list[str]
) -> None:
    (tmp_path / "r.xml").write_text(REPORT)
    work = tmp_path / "work"
    work.mkdir()
    (work / "t.py").write_text("def test_a():\n    pass\n\n\ndef test_b():\n    assert False\n")
    named = ("--skill", skill) if skill else ()
    home = home | {"PATH": f"{Path(sys.executable).parent}:{home['PATH']}"}
    assert ci_run(home, *named, "--", "sh", "-c", script, cwd=work).returncode == (0 if skill else 1)
    imported = subprocess.run([*COMMAND, "ci", "import", "r.xml"], env=home, cwd=work, capture_output=True, timeout=60)
    assert imported.returncode == 0, imported.stderr
    rows = recorded(home)
    runs = [row for row in rows if row["skill_name"] != "test-case"]
    tests = [row for row in rows if row["skill_name"] == "test-case"]
    assert sorted(row["skill_name"] for row in runs) == uses
    assert {row["session_id"] for row in rows} == {runs[0]["session_id"]}
    (run,) = [row for row in runs if row["skill_name"] == "pytest-run"]
    assert [row["parent_event_id"] for row in tests] == [run["event_id"]] * 2
    assert sorted(row["outcome"] for row in tests) == ["completed", "failed"]
    assert run["parent_event_id"] in {None, *(row["event_id"] for row in runs)}


def test_a_command_within_another_knows_which(home: dict[str, str], tmp_path: Path) -> None:
    inner = [*COMMAND, "ci", "run", "--", "true"]
    ci_run(home, "--skill", "outer", "--", *inner, cwd=tmp_path)
    inside, outside = sorted(recent_commands(tmp_path / "data/session-buddy"), key=lambda one: one.ended_at)
    assert "outer" in outside.uses
    assert (inside.within, outside.within) == (outside.event_id, None)


def test_a_report_of_another_time_or_place_is_a_run_of_its_own(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/before.xml").write_text(REPORT)
    ci_run(home, "--skill", "pytest-run", "--", *python("open('../beside.xml', 'w').close()"), cwd=tmp_path / "work")
    (tmp_path / "beside.xml").write_text(REPORT.replace('"t"', '"u"'))
    for report in ("work/before.xml", "beside.xml"):
        subprocess.run([*COMMAND, "ci", "import", report], env=home, cwd=tmp_path, capture_output=True, check=True)
    assert sum(row["skill_name"] == "pytest-run" for row in recorded(home)) == 3
