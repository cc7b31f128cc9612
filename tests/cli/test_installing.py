"""``install``, ``uninstall`` and ``statusline`` on the command line, and what hooks told in between."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest

from session_buddy.storage import open_store
from tests.cli.conftest import Run
from tests.making import invocation

OWN = '{"model": "opus"}'


@pytest.fixture
def settings(home: Path) -> Path:
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text(OWN)
    return home / ".claude" / "settings.json"


def test_hooks_go_in_are_heard_and_come_out(run: Run, settings: Path) -> None:
    answer = run("install", "claude-code")
    assert (answer.code, answer.out) == (0, "")
    assert "claude mcp add" in answer.err and "is kept in" in answer.err
    (group,) = json.loads(settings.read_text())["hooks"]["PostToolUse"]
    event = {"session_id": "s1", "hook_event_name": "PostToolUse", "tool_name": "mcp__db__query", "tool_use_id": "t1"}
    command = group["hooks"][0]["command"]
    subprocess.run(command, shell=True, input=json.dumps(event).encode(), check=True)
    # The next command reads it, and makes the store for it.
    ranking = run("top", "--json").json
    assert [(row["skill"], row["invocations"]) for row in ranking["skills"]] == [("mcp__db__query", 1)]
    assert "Nothing to do" in run("install", "claude-code").err
    assert run("uninstall", "claude-code").code == 0
    assert settings.read_text() == OWN
    assert "Nothing to do" in run("uninstall", "claude-code").err


def test_a_dry_run_prints_the_settings_and_changes_none(run: Run, settings: Path) -> None:
    answer = run("install", "claude-code", "--via", "server", "--token-variable", "BUDDY", "--dry-run")
    assert json.loads(answer.out)["hooks"]["Stop"][0]["hooks"][0]["allowedEnvVars"] == ["BUDDY"]
    assert settings.read_text() == OWN
    assert run("install", "claude-code", "--dry-run", "--json").json["changed"] is True


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--server", "somewhere"], "--server"),
        (["--server", "http://me:secret@host"], "--server"),
        (["--token-variable", "sb_abc-123"], "--token-variable"),
    ],
)
def test_what_is_wrong_is_named(run: Run, settings: Path, arguments: list[str], field: str) -> None:
    answer = run("install", "claude-code", "--via", "server", *arguments, "--json")
    assert answer.code != 0
    assert answer.error["problem"].startswith(field)
    assert settings.read_text() == OWN


def test_what_cannot_be_recorded_waits_and_is_said(
    run: Run, home: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from session_buddy.cli import hearing
    from session_buddy.errors import StoreBusy

    with open_store(url) as store:
        store.record([invocation("e1")])

    def busy(*_: object) -> object:
        raise StoreBusy("It is busy.", remedy="Wait.")

    monkeypatch.setattr(hearing, "has_waiting", lambda _: True)
    monkeypatch.setattr(hearing, "_drain_of", lambda *_: busy)
    answer = run("top")
    assert answer.code == 0
    assert "waits in" in answer.err and "It is busy." in answer.err


def test_the_status_line_is_about_its_own_session(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = json.dumps({"session_id": "s1", "model": {"id": "x"}}).encode()

    def printed(data: bytes) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(data.decode()))
        answer = run("statusline")
        assert (answer.code, answer.err) == (0, "")
        return answer.out

    assert printed(given) == ""  # no store yet
    with open_store(url) as store:
        store.record(invocation(f"d{number}", session_id="s1", skill_name="deploy") for number in range(3))
        store.record([invocation("x", session_id="s2", skill_name="other")])
    assert printed(given) == "3 uses of 1 skill · 100 % success\n"
    for data in (b"", b"[]", b"{", b'{"session_id": 5}', b'{"session_id": "nobody"}'):
        assert printed(data) == ""


def test_status_says_what_lies_where_nobody_reads_it(run: Run, home: Path, url: str) -> None:
    script = Path(__file__).parents[2] / "plugin" / "scripts" / "spool-hook.sh"
    event = b'{"session_id": "s1", "hook_event_name": "PreToolUse", "tool_name": "Read", "tool_use_id": "t1"}'
    with open_store(url):
        pass
    for told in (event, b'{"no": "event"}'):
        subprocess.run(["sh", str(script)], input=told, check=True)
    own = run("status")
    assert "2 events of hooks" in own.err
    assert "install claude-code" in own.err
    run("import", store=None)
    default = run("status", store=None)
    assert "for the default store" not in default.err
    assert "1 file in" in default.err and "*.rejected" in default.err
    assert run("status").err == ""
