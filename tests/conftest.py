from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Who is started in the background may be made deaf to Ctrl-C or to the end of a terminal, and so are the processes that
# tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Its limit for an example is wall time, which says nothing on a machine that is busy with other tests.
settings.register_profile("without a clock", deadline=None)
# What is judged is judged by the same examples each time; whoever works on it meets others with every run.
settings.register_profile("the same each time", deadline=None, derandomize=True)
settings.load_profile("the same each time" if os.environ.get("CI") else "without a clock")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real inputs beside the repository; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip(f"the real inputs are not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def transcripts(shared: Path) -> Path:
    """Real Claude Code transcripts."""
    folder = shared / "data" / "claude_code" / "projects"
    if not folder.is_dir():
        pytest.skip(f"no transcripts at {folder}")
    return folder


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything a test may need is there (NO_SKIPS is set), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
