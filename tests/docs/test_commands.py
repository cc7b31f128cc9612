"""Every command in the documentation runs, page by page, on a small store."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from session_buddy.cli import main
from session_buddy.integrations.ci.running import Ended
from session_buddy.storage import open_store
from tests.clickhouse.places import elsewhere
from tests.docs.pages import PAGES, ROOT, commands, name_of
from tests.docs.store import fill

TRANSCRIPTS = ROOT / "tests" / "importers" / "claude_code_fixtures"
_ONLY_NAMED: list[list[str]] = [[], ["db"], ["sql"]]
"""Commands that pages speak of without the arguments they need."""
WITH_COMMANDS = [page for page in PAGES if commands(page)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with transcripts, a store in the data folder, and the files that pages speak of."""
    for variable in ("CLAUDE_CONFIG_DIR", "SESSION_BUDDY_STORE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable, folder in (("XDG_DATA_HOME", ".local/share"), ("XDG_CONFIG_HOME", ".config")):
        monkeypatch.setenv(variable, str(tmp_path / folder))
    monkeypatch.chdir(tmp_path)
    # These end when somebody ends them.
    monkeypatch.setattr("session_buddy.server.serving.serve", lambda *_, **__: None)
    monkeypatch.setattr("session_buddy.server.exporting.run_exporter", lambda *_, **__: None)
    monkeypatch.setattr("session_buddy.cli.commands.live.show_live", lambda *_, **__: None)
    monkeypatch.setattr("session_buddy.server.mcp.stdio.serve_stdio", lambda *_, **__: None)
    monkeypatch.setattr("pygls.lsp.server.LanguageServer.start_io", lambda *_, **__: None)
    for place in (".claude/projects/p", "backup/.claude/projects/p", "collected/anna", "collected/ben"):
        shutil.copytree(TRANSCRIPTS, tmp_path / place, ignore=lambda _, names: {n for n in names if n[-6:] != ".jsonl"})
    monkeypatch.setattr("session_buddy.cli.telling_ci.run_command", lambda *_: Ended(exit_code=0, duration_seconds=1.0))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "junit.xml").write_text('<testsuite name="pytest"><testcase name="a"/></testsuite>')
    (tmp_path / "jobs.json").write_text('{"jobs": [], "total_count": 0}')
    (tmp_path / "crackerjack.log").write_text("✅ Fast hooks completed in 4.8s\n")
    (tmp_path / "performance-baseline.json").write_text("{}")
    (tmp_path / "team.csv").write_text("category,domain,skill\nReviews,code,our-review\n")
    url = f"sqlite:///{tmp_path}/.local/share/session-buddy/session-buddy.db"
    with open_store(url) as store:
        fill(store)
    with elsewhere():  # a page has a ClickHouse store in a folder of its own
        yield tmp_path


def test_there_are_commands_to_run() -> None:
    assert sum(len(commands(page)) for page in WITH_COMMANDS) > 40


@pytest.mark.long
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_every_command_of_a_page_runs(page: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in commands(page):
        if arguments in _ONLY_NAMED:
            arguments = [*arguments, "--help"]
        monkeypatch.setattr("sys.stdin", io.StringIO("SELECT 1"))
        with pytest.raises(SystemExit) as ended:
            main([word.replace("~/", f"{home}/") if word.startswith("~/") else word for word in arguments])
        assert not ended.value.code, arguments
