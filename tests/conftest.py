from __future__ import annotations

from pathlib import Path

import pytest

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
