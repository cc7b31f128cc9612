"""Draw docs/images/up.svg, the screen of ``session-buddy up``: ``python -m tools.picture FOLDER…``.

The folders hold real transcripts; the picture shows names of skills and numbers, nothing else of them.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from session_buddy.cli.screens.overview import overview_screen
from session_buddy.importers.claude_code import ClaudeCode
from session_buddy.importers.shell import ShellRules
from session_buddy.ingest import import_files
from session_buddy.reports.importing import summarise
from session_buddy.reports.overview import read_overview
from session_buddy.storage import open_store

__all__ = ["PICTURE", "draw"]

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "up.svg"

_WIDTH = 104
_WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(folders: list[Path]) -> str:
    """Return the screen after an import of *folders* into an empty store, as SVG."""
    importer = ClaudeCode(ShellRules.builtin())
    console = Console(
        record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, markup=False, emoji=False, highlight=False
    )
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with tempfile.TemporaryDirectory() as place, open_store(f"sqlite:///{place}/picture.db") as store:
        started = time.perf_counter()
        report = import_files(store, [importer], {importer.name: folders}, user_id="picture")
        summary = summarise(report, store="", searched=[], seconds=time.perf_counter() - started)
        for part in overview_screen(read_overview(store, summary), now=now, width=_WIDTH):
            console.print(part)
    # Without the fonts that the template would have every reader's browser fetch from elsewhere.
    return _WEB_FONTS.sub("", console.export_svg(title="session-buddy up", unique_id="up"))


if __name__ == "__main__":
    PICTURE.write_text(draw([Path(name) for name in sys.argv[1:]]), encoding="utf-8")
