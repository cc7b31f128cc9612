"""What the page about experiments shows runs as it stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from session_buddy.experiments.lifecycle import CHANGEABLE, Action
from session_buddy.experiments.records import Experiments
from tests.docs.pages import ROOT, blocks, table_after, text_of

PAGE = ROOT / "docs" / "how-to" / "run-an-experiment.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    shown = blocks(PAGE, "python")
    assert len(shown) == 5
    try:
        for block in shown:
            exec(block, scope)
        assert scope["answer"].lower() == "where is it?"
        experiments: Experiments = scope["experiments"]
        summary = scope["store"].query("SELECT control_outcomes + treatment_outcomes FROM v_ab_test_summary").rows
        assert summary == [(4,)]
        assert [event.action for event in experiments.history("search")] == ["create", "start"]
        assert "of at least 100 users" in capsys.readouterr().out
    finally:
        scope["store"].close()


def test_the_page_names_every_step_and_what_may_change() -> None:
    steps = " ".join(row[0] for row in table_after(PAGE, "## What may change, and when"))
    assert {f"`{action}`" for action in Action if action is not Action.CHANGE} == set(steps.replace(",", "").split())
    section = text_of(PAGE).partition("`change` still takes")[2].partition("\n\nExperiments that")[0]
    assert {name for name in CHANGEABLE if f"`{name}`" in section} == CHANGEABLE
