"""One word for one thing, wherever people read it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.detectors import hours_of_skill

from session_buddy.monitoring.detector import AnomalyType, Metric
from session_buddy.monitoring.panel import DETECTORS, new_detector

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "session_buddy"
OTHER_WORD = re.compile(r"completion\s+rate", re.IGNORECASE)
"""``completion_rate`` is a field of the specification; the word for it is success."""


def read_by_people() -> Iterator[tuple[str, str]]:
    for folder, endings in ((ROOT / "docs", ("md", "yaml")), (ROOT / "deploy", ("md", "yml", "yaml", "json"))):
        for ending in endings:
            yield from (
                (str(path), path.read_text(encoding="utf-8"))
                for path in folder.rglob(f"*.{ending}")
                # Of columns that have that name.
                if path.name != "schema.md"
            )
    yield "README.md", (ROOT / "README.md").read_text(encoding="utf-8")
    for path in (PACKAGE / "server").rglob("*"):
        if path.suffix in (".html", ".js"):
            yield str(path), path.read_text(encoding="utf-8")
    for room in ("cli", "client", "feed", "reports", "server"):
        # Docstrings as well: they are the texts of options, of the API and of the references.
        yield from ((str(path), path.read_text(encoding="utf-8")) for path in (PACKAGE / room).rglob("*.py"))
    for path in (PACKAGE / "monitoring").rglob("*.py"):
        yield from ((f"{path}:{line}", text) for line, text in _said(path))


def _said(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    explaining = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in explaining:
            yield node.lineno, node.value


def test_success_is_called_success() -> None:
    pages = list(read_by_people())
    assert len(pages) > 300
    assert [place for place, text in pages if OTHER_WORD.search(text)] == []


@pytest.mark.parametrize("detector", DETECTORS)
def test_reasons_speak_of_success(detector: str) -> None:
    watching = new_detector(detector, Metric.COMPLETION_RATE)
    readings = [watching.observe(hour) for hour in hours_of_skill(4, 30, peak=30, rate=0.95, drop_at=24 * 28 + 10)]
    told = {reading.reason.split(" ")[0] for reading in readings if reading.anomaly_type is AnomalyType.DROP}
    assert told == {"Success"}
    assert not any(OTHER_WORD.search(reading.reason) for reading in readings)
