"""What is loaded, and when: import time is user time. No clock here, which would fail on a busy machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from session_buddy.importers.shell import ShellRules
from tests.cli.conftest import Run

_PROGRAM = """
import atexit, json, sys
from pathlib import Path
atexit.register(lambda: Path({loaded!r}).write_text(json.dumps(sorted(sys.modules))))
from session_buddy.cli import main
main({arguments!r})
"""


def loaded_by(arguments: list[str], folder: Path) -> set[str]:
    """Return the modules loaded by a process of its own that runs the command with *arguments*."""
    program = _PROGRAM.format(loaded=str(folder / "loaded.json"), arguments=arguments)
    environment = os.environ | {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads((folder / "loaded.json").read_text()))


def belonging_to(package: str, modules: set[str]) -> set[str]:
    return {module for module in modules if module == package or module.startswith(f"{package}.")}


HEAVY = [
    "msgspec",
    "rich",
    "sqlite3",
    "pyarrow",
    "platformdirs",
    "session_buddy.storage",
    "session_buddy.importers",
    "session_buddy.ingest",
    "session_buddy.model",
    "session_buddy.reports",
    "session_buddy.cli.screens",
]


@pytest.mark.parametrize("arguments", [["--help"], ["top", "--help"], ["db", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    loaded = loaded_by(arguments, tmp_path)
    assert "session_buddy.cli.app" in loaded
    assert {package: modules for package in HEAVY if (modules := belonging_to(package, loaded))} == {}


@pytest.fixture
def with_nothing_to_import(tmp_path: Path) -> list[str]:
    """The arguments of an import, and its transcripts, after an import."""
    transcript = tmp_path / ".claude" / "projects" / "p" / "s.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("{}\n")
    arguments = ["--store", f"sqlite:///{tmp_path}/store.db", "import"]
    assert "session_buddy.ingest" in loaded_by(arguments, tmp_path)
    return arguments


def test_an_import_with_nothing_to_do_does_without_rich(with_nothing_to_import: list[str], tmp_path: Path) -> None:
    assert belonging_to("rich", loaded_by(with_nothing_to_import, tmp_path)) == set()


@pytest.mark.skipif(
    any(requirement.startswith("pydantic") for requirement in requires("typer") or ()),
    reason="this typer loads pydantic for its first parameter, which takes longer than an import with nothing to do",
)
def test_no_command_loads_pydantic(with_nothing_to_import: list[str], tmp_path: Path) -> None:
    assert belonging_to("pydantic", loaded_by(with_nothing_to_import, tmp_path)) == set()


def test_rules_for_shell_commands_are_read_when_there_is_something_to_read(
    run: Run, transcript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    original = ShellRules.builtin

    def builtin() -> ShellRules:
        reads.append("rules")
        return original()

    monkeypatch.setattr(ShellRules, "builtin", staticmethod(builtin))
    assert run("import").code == 0
    assert reads != []
    reads.clear()
    assert run("import").code == 0
    assert reads == []


def test_the_package_itself_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import session_buddy; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours = {"session_buddy", "importlib", "importlib._bootstrap", "importlib._bootstrap_external"}
    loaded = set(done.stdout.split())
    assert not belonging_to("msgspec", loaded)
    assert {module for module in loaded if module.startswith("session_buddy")} <= ours


@pytest.mark.long
def test_a_server_loads_what_it_learns_with_when_it_learns() -> None:
    program = "import sys; import session_buddy.server.serving; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert belonging_to("fastapi", loaded)
    for heavy in ("scipy.optimize", "sklearn", "plotly", "fastembed"):
        assert not belonging_to(heavy, loaded), heavy
