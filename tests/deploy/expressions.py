"""All expressions that are shipped: rules of Prometheus, panels and alerts of Grafana."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.docs.pages import ROOT, text_of

PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
ALERTING = GRAFANA / "provisioning" / "alerting" / "session-buddy.yaml"


def rules() -> list[dict[str, Any]]:
    """Return every rule of Prometheus."""
    groups = [group for file in RULE_FILES for group in yaml.safe_load(text_of(file))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def recorded() -> set[str]:
    """Return the names that recording rules give."""
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboard(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of(GRAFANA / "dashboards" / name))
    return found


def grafana_alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(text_of(ALERTING))["groups"] for rule in group["rules"]]


def all_expressions() -> Iterator[tuple[str, str]]:
    """Yield each expression, with a name for it."""
    for rule in rules():
        yield f"rule {rule.get('alert') or rule['record']}", rule["expr"]
    for rule in grafana_alerts():
        yield f"grafana {rule['title']}", rule["data"][0]["model"]["expr"]
    for file in DASHBOARDS:
        for panel in dashboard(file.name)["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem} {panel['id']} {panel['title']} {target['refId']}", target["expr"]
