"""What Grafana is given fits together: dashboards, datasource, folders, alert rules."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import grafana

from tests.deploy.expressions import DASHBOARDS, GRAFANA, dashboard, grafana_alerts, rules
from tests.docs.pages import text_of

NAMES = [file.name for file in DASHBOARDS]
VARIABLES = {"datasource", "instance", "skill"}


def provisioned(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text_of(GRAFANA / "provisioning" / path))
    return found


@pytest.mark.parametrize("path", grafana.files(), ids=lambda path: path.name)
def test_files_are_as_the_tool_writes_them(path: Path) -> None:
    assert text_of(path) == grafana.files()[path], "python -m tools.grafana"


def test_no_dashboard_is_left_from_before() -> None:
    assert {*DASHBOARDS} == {path for path in grafana.files() if path.suffix == ".json"}
    assert len({dashboard(name)["uid"] for name in NAMES}) == len(NAMES) == 3


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_beside_one_another(name: str) -> None:
    panels = dashboard(name)["panels"]
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]
    cells = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels)
    ]
    assert max(x for cell in cells for x, _ in cell) < 24
    assert not [pair for pair in combinations(cells, 2) if pair[0] & pair[1]]


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_and_asks_the_chosen_datasource(name: str) -> None:
    for panel in dashboard(name)["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [target["refId"] for target in panel["targets"]] == [*"ABCDEFG"[: len(panel["targets"])]]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_that_is_used_is_defined(name: str) -> None:
    page = dashboard(name)
    defined = {variable["name"] for variable in page["templating"]["list"]}
    text = text_of(GRAFANA / "dashboards" / name)
    used = {one for one in VARIABLES if f"${one}" in text or f"${{{one}}}" in text}
    # The table of skills links to another page, with the instance and its own skill.
    assert used <= defined
    assert defined - {"datasource"} <= used


@pytest.mark.parametrize("name", NAMES)
def test_no_sum_runs_over_several_stores(name: str) -> None:
    for panel in dashboard(name)["panels"]:
        for target in panel["targets"]:
            selectors = target["expr"].count("{")
            assert target["expr"].count('instance="$instance"') == selectors >= 1


def test_the_links_between_pages_lead_to_pages() -> None:
    uids = {dashboard(name)["uid"] for name in NAMES}
    linked = {
        part.partition("?")[0] for name in NAMES for part in text_of(GRAFANA / "dashboards" / name).split("/d/")[1:]
    }
    assert linked == {"session-buddy-skill"}
    assert linked <= uids


def test_alert_rules_are_those_of_prometheus() -> None:
    ours = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    theirs = {rule["title"]: rule for rule in grafana_alerts()}
    assert ours.keys() == theirs.keys()
    (source,) = provisioned("datasources/prometheus.yaml")["datasources"]
    for name, rule in theirs.items():
        asked, condition = rule["data"]
        assert asked["datasourceUid"] == source["uid"]
        assert ours[name]["expr"] in asked["model"]["expr"]
        assert rule["for"] == ours[name].get("for", "0s")
        assert (condition["refId"], condition["model"]["expression"]) == (rule["condition"], asked["refId"])
        assert "$" not in "".join(rule["annotations"].values())
    assert len({rule["uid"] for rule in theirs.values()}) == len(theirs)
    assert all(len(rule["uid"]) <= 40 for rule in theirs.values())
