"""The reference and the choices follow the code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session_buddy.cli.choices import KindChoice, PhaseChoice
from session_buddy.cli.reference import reference
from session_buddy.model import Kind, Phase
from tests.cli.conftest import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m session_buddy.cli.reference > docs/reference/cli.md"
    )


def test_the_kinds_to_choose_from_are_the_kinds_there_are() -> None:
    assert [choice.value for choice in KindChoice] == [kind.value for kind in Kind]
    assert [choice.value for choice in PhaseChoice] == [phase.value for phase in Phase]


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["up"], "Overview"),
        (["import"], "ImportSummary"),
        (["top"], "Ranking"),
        (["skill", "pytest-run"], "SkillProfile"),
        (["related", "pytest-run"], "RelatedSkills"),
        (["network"], "SkillNetwork"),
        (["paths"], "SkillPaths"),
        (["search", "tests"], "SearchAnswer"),
        (["sessions"], "SessionList"),
        (["sessions", "s1"], "Timeline"),
        (["status"], "StoreStatus"),
        (["status", "--quarantine"], "Quarantine"),
        (["anomalies"], "AnomalyList"),
        (["anomalies", "backtest"], "BacktestReport"),
        (["anomalies", "watch"], "Look"),
        (["alerts", "add", "ops", "--url", "https://example.com/"], "Target"),
        (["alerts", "list"], "TargetList"),
        (["experiment", "list"], "ExperimentIndex"),
        (["experiment", "create", "x", "--control", "a", "--treatment", "b"], "Experiment"),
        (["experiment", "power", "--baseline", "0.8", "--lift", "0.1"], "PowerFigures"),
        (["settings"], "SettingList"),
        (["db", "prune", "--days", "100", "--yes"], "Pruned"),
        (["db", "status"], "Status"),
        (["db", "verify"], "Check"),
        (["db", "repair"], "Repaired"),
    ],
)
def test_json_has_the_documented_fields(run: Run, filled: object, arguments: list[str], shape: str) -> None:
    section = PAGE.read_text(encoding="utf-8").split(f"\n### {shape}\n")[1].split("\n### ")[0]
    documented = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert list(json.loads(run(*arguments, "--json").out)) == documented
