from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from session_buddy.cli import main
from session_buddy.model import ErrorType, Invocation, Kind, Outcome, Phase
from session_buddy.storage import open_store
from tests.making import NOW, FakeClock, invocation, shifted


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


Run = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has nothing yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name, value in home_of(folder).items():
        monkeypatch.setenv(name, value)
    for name in ("CLAUDE_CONFIG_DIR", "SESSION_BUDDY_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("LOGNAME", "tester")
    return folder


def home_of(folder: Path) -> dict[str, str]:
    """Return the environment of a user who is at home in *folder*."""
    return {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def run(home: Path, url: str, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process against the store of the test, at the moment ``NOW``."""

    def run(*arguments: str, store: str | None = url, now: str = NOW) -> Answer:
        given = ["--store", store] if store else []
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*given, *arguments], clock=FakeClock(now))
        code = ended.value.code
        out, err = capfd.readouterr()
        return Answer(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run


def uses(skill: str, *outcomes: Outcome | None, kind: Kind = Kind.SHELL, **fields: Any) -> list[Invocation]:
    """Return one use a minute of *skill*, an hour ago, that end in *outcomes*."""
    start = fields.pop("start", shifted(NOW, hours=-1))
    return [
        invocation(
            f"{skill}-{start}-{number}",
            skill_name=skill,
            kind=kind,
            outcome=outcome,
            invoked_at=shifted(start, minutes=number),
            **fields,
        )
        for number, outcome in enumerate(outcomes)
    ]


DONE, FAILED, GONE = Outcome.COMPLETED, Outcome.FAILED, Outcome.ABANDONED


@pytest.fixture
def filled(url: str) -> list[Invocation]:
    """A small history: what is in it is said in the tests that use it."""
    history = small_history()
    with open_store(url, clock=FakeClock()) as store:
        store.record(history)
        store.refresh()
    return history


def small_history() -> list[Invocation]:
    return [
        *uses("pytest-run", DONE, DONE, FAILED, GONE, None, duration_ms=2_000, workflow_phase=Phase.VERIFICATION),
        *uses("pytest-run", FAILED, start=shifted(NOW, days=-3), session_id="s2", error_type=ErrorType.TIMEOUT),
        *uses("/clear", DONE, kind=Kind.COMMAND, session_id="s2", start=shifted(NOW, days=-3, minutes=5)),
        *uses(
            "agent:Explore", DONE, DONE, kind=Kind.SUBAGENT, follow_up_actions=("pytest-run", "Read"), project="/x/shop"
        ),
        *uses("mcp__web__fetch", FAILED, FAILED, kind=Kind.MCP, error_type=ErrorType.API),
        *uses("Read", *[DONE] * 9, kind=Kind.TOOL),
        *uses("Explain", DONE, kind=Kind.SKILL, session_id="other", start=shifted(NOW, days=-400)),
    ]


@pytest.fixture
def transcript(home: Path) -> Path:
    """One session as Claude Code writes it, with one line that is none; it lies where it is looked for."""
    return written_transcript(home)


def written_transcript(home: Path) -> Path:
    path = home / ".claude" / "projects" / "-x-shop" / "11111111-2222-3333-4444-555555555555.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{line}\n" for line in transcript_lines()))
    return path


def transcript_lines() -> list[str]:
    shared = {"sessionId": path_id(), "version": "2.1.0", "cwd": "/x/shop", "isSidechain": False}

    def call(number: int, name: str, given: dict[str, Any]) -> str:
        content = [{"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}]
        message = {"id": f"msg_{number}", "role": "assistant", "model": "m", "content": content}
        return line("assistant", number * 2, message)

    def result(number: int, **fields: Any) -> str:
        content = [{"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "", **fields}]
        return line("user", number * 2 + 1, {"role": "user", "content": content})

    def line(kind: str, number: int, message: dict[str, Any]) -> str:
        moment = f"2026-06-10T09:00:{number:02}.000Z"
        return json.dumps({**shared, "type": kind, "uuid": f"u{number}", "timestamp": moment, "message": message})

    return [
        call(1, "Bash", {"command": "pytest -q"}),
        result(1, is_error=False),
        call(2, "Read", {"file_path": "/x/shop/a.py"}),
        result(2),
        "{this is no JSON",
        call(3, "Bash", {"command": "ruff check ."}),
        result(3, is_error=True, content="Exit code 1"),
    ]


def path_id() -> str:
    return "11111111-2222-3333-4444-555555555555"
