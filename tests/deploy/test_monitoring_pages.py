"""The pages about metrics, and the containers beside them, say what is so."""

from __future__ import annotations

import re
from typing import Any

import yaml
from tools import metrics_reference

from session_buddy.server.metrics_catalogue import CATALOGUE
from tests.deploy.expressions import DASHBOARDS, GRAFANA, PROMETHEUS, dashboard, rules
from tests.docs.pages import ROOT, table_after, text_of

HOW_TO = ROOT / "docs" / "how-to" / "monitor-with-prometheus.md"
COMPOSE = ROOT / "deploy" / "monitoring.yaml"


def test_the_reference_is_up_to_date() -> None:
    assert text_of(metrics_reference.PAGE) == metrics_reference.metrics_page(), "python -m tools.metrics_reference"


def test_the_reference_lists_every_metric() -> None:
    page = text_of(metrics_reference.PAGE)
    assert all(f"| `{name}` |" in page for one in CATALOGUE for name in [one.sample_names[0].removesuffix("_bucket")])


def test_every_alert_is_explained_and_nothing_else() -> None:
    explained = {cells[0].strip("`"): cells[2] for cells in table_after(HOW_TO, "## Alerts")}
    alerts = {rule["alert"]: rule.get("labels", {}).get("severity") for rule in rules() if "alert" in rule}
    assert explained.keys() == alerts.keys()
    assert {name: severity for name, severity in alerts.items() if severity} == {
        name: told for name, told in explained.items() if not told.startswith("that of the anomaly")
    }


def test_every_dashboard_is_named() -> None:
    page = text_of(HOW_TO)
    assert all(f"**{dashboard(file.name)['title']}**" in page for file in DASHBOARDS)


def test_every_place_in_the_text_exists() -> None:
    for path in re.findall(r"`?(deploy/[\w/.-]+[\w])", text_of(HOW_TO)):
        assert (ROOT / path).exists(), path


def test_the_containers_see_what_their_configuration_names() -> None:
    services: dict[str, Any] = yaml.safe_load(text_of(COMPOSE))["services"]
    mounted = dict(volume.split(":")[:2] for one in services.values() for volume in one["volumes"])
    assert all((COMPOSE.parent / source).is_dir() for source in mounted if source.startswith("."))
    assert mounted["./prometheus"] == "/etc/prometheus"
    assert "--config.file=/etc/prometheus/prometheus.yml" in services["prometheus"]["command"]
    assert (PROMETHEUS / "prometheus.yml").is_file()
    (provider,) = yaml.safe_load(text_of(GRAFANA / "provisioning/dashboards/session-buddy.yaml"))["providers"]
    assert provider["options"]["path"] == mounted["./grafana/dashboards"]
    (source,) = yaml.safe_load(text_of(GRAFANA / "provisioning/datasources/prometheus.yaml"))["datasources"]
    (address,) = [part.partition("=")[2] for part in services["prometheus"]["command"] if "listen-address" in part]
    assert source["url"] == f"http://{address}"
