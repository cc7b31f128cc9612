"""What the pages say of experiments is so."""

from __future__ import annotations

import re

from session_buddy.experiments.metrics import METRICS
from session_buddy.experiments.verdict import Decision
from session_buddy.server.pages import page_routes
from tests.docs.pages import ROOT, table_after, text_of
from tests.docs.test_api_reference import DOCUMENT

PAGE = ROOT / "docs" / "how-to" / "run-an-experiment.md"


def test_every_metric_is_explained_and_which_way_is_better() -> None:
    told = {
        name: better
        for cells, _, better in table_after(PAGE, "## Which metric means what")
        for name in re.findall(r"`(\w+)`", cells)
    }
    assert told == {name: "more" if metric.is_higher_better else "less" for name, metric in METRICS.items()}


def test_every_decision_is_explained() -> None:
    told = [cells[0].strip("`") for cells in table_after(PAGE, "## What the verdict says")]
    assert sorted(told) == sorted(Decision)


def test_the_paths_that_it_names_are_there() -> None:
    named = re.findall(r"/api/v1/experiments(?:/search/(\w+))?", text_of(PAGE))
    assert {"assignments", "outcomes", ""} == set(named)
    for below in named:
        assert "/api/v1/experiments" + (f"/{{name}}/{below}" if below else "") in DOCUMENT["paths"]


def test_the_files_that_the_dashboard_has_are_all_told_of() -> None:
    told = re.findall(r"`/experiments/NAME/(\w+\.csv)`", text_of(ROOT / "docs" / "dashboard.md"))
    paths = [str(getattr(route, "path", "")) for route in page_routes()]
    served = [path.removeprefix("/experiments/{name:path}/") for path in paths if path.endswith(".csv")]
    assert sorted(told) == sorted(file for file in served if "/" not in file)
