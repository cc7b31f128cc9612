"""Write the dashboards and alert rules of deploy/grafana: ``python -m tools.grafana``.

Dashboards are described in :mod:`tools.grafana_panels`; JSON is what Grafana wants, not what people can review.
The alert rules are those of Prometheus, in the form of Grafana's own alerting, for those who have no Alertmanager.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.grafana_panels import HEALTH, HERE, OVERVIEW, SKILL, Panel

__all__ = ["FOLDER", "files"]

ROOT = Path(__file__).parent.parent / "deploy"
FOLDER = ROOT / "grafana"
_ALERTS = ROOT / "prometheus" / "rules" / "alerts.yml"
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_PROVISIONED = "session-buddy-prometheus"
_WIDTH = 24

_SKILL_PAGE = "/d/session-buddy-skill?var-instance=${instance}&var-skill=${__data.fields.skill}&${__url_time_range}"
_TABLE_LINK = {
    "matcher": {"id": "byName", "options": "skill"},
    "properties": [{"id": "links", "value": [{"title": "Open this skill", "url": _SKILL_PAGE}]}],
}
_TABLE_FIELDS = [
    _TABLE_LINK,
    {"matcher": {"id": "byName", "options": "Invocations"}, "properties": [{"id": "decimals", "value": 0}]},
    {
        "matcher": {"id": "byName", "options": "Success"},
        "properties": [{"id": "unit", "value": "percentunit"}],
    },
    {"matcher": {"id": "byName", "options": "Last used"}, "properties": [{"id": "unit", "value": "dateTimeFromNow"}]},
]


def files() -> dict[Path, str]:
    """Return what is to be written, by path."""
    instance = _variable("instance", "Instance", "label_values(session_buddy_build_info, instance)")
    skill = _variable("skill", "Skill", f"label_values(session_buddy_invocations_started_total{{{HERE}}}, skill)")
    dashboards = [
        _dashboard("session-buddy-overview", "Session-Buddy: overview", OVERVIEW, [instance], "now-24h"),
        _dashboard("session-buddy-skill", "Session-Buddy: a skill", SKILL, [instance, skill], "now-7d"),
        _dashboard("session-buddy-health", "Session-Buddy: data and server", HEALTH, [instance], "now-6h"),
    ]
    written = {
        FOLDER / "dashboards" / f"{one['uid']}.json": json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        for one in dashboards
    }
    alerts = yaml.safe_load(_ALERTS.read_text(encoding="utf-8"))
    head = "# Written by tools/grafana.py from the alert rules of Prometheus. Change those, then run it again.\n"
    rules = yaml.safe_dump(_alerting(alerts), sort_keys=False, width=120, allow_unicode=True)
    return written | {FOLDER / "provisioning" / "alerting" / "session-buddy.yaml": head + rules}


def _dashboard(
    uid: str, title: str, panels: list[Panel], variables: list[dict[str, Any]], since: str
) -> dict[str, Any]:
    datasource = {"name": "datasource", "label": "Datasource", "type": "datasource", "query": "prometheus"}
    return {
        "uid": uid,
        "title": title,
        "tags": ["session-buddy"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": since, "to": "now"},
        "timezone": "browser",
        "links": [
            {"type": "dashboards", "tags": ["session-buddy"], "title": "", "keepTime": True, "asDropdown": False}
        ],
        "templating": {"list": [datasource, *variables]},
        "panels": list(_placed(panels)),
    }


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": False,
        "includeAll": False,
    }


def _placed(panels: Iterable[Panel]) -> Iterator[dict[str, Any]]:
    """Place *panels* in rows, from left to right; those of a row have one height."""
    x = y = height = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _WIDTH:
            x, y = 0, y + height
        height = panel.height
        yield _panel(number, panel) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}}
        x += panel.width


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    table = panel.type == "table"
    defaults = {"unit": panel.unit, "custom": panel.custom} | panel.limits
    return {
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "type": panel.type,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": _TABLE_FIELDS if table else []},
        "options": panel.options,
        "targets": [
            _target(chr(ord("A") + place), name, expression, panel)
            for place, (name, expression) in enumerate(panel.queries.items())
        ],
        "transformations": _as_table(panel) if table else [],
    }


def _target(reference: str, name: str, expression: str, panel: Panel) -> dict[str, Any]:
    at_once = panel.type in ("stat", "bargauge", "table")
    return {
        "refId": reference,
        "datasource": _DATASOURCE,
        "expr": expression,
        "legendFormat": name or "__auto",
        "instant": at_once,
        "range": not at_once,
        "format": {"table": "table", "heatmap": "heatmap"}.get(panel.type, "time_series"),
        "exemplar": panel.exemplars,
    }


def _as_table(panel: Panel) -> list[dict[str, Any]]:
    """Put the answers beside one another, each value under the name of its query."""
    names = list(panel.queries)
    values = [f"Value #{chr(ord('A') + place)}" for place in range(len(names))] if len(names) > 1 else ["Value"]
    renamed = {"excludeByName": {"Time": True}, "renameByName": dict(zip(values, names, strict=True))}
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": renamed}]


def _alerting(alerts: dict[str, Any]) -> dict[str, Any]:
    groups = [
        {
            "orgId": 1,
            "name": group["name"],
            "folder": "Session-Buddy",
            "interval": "1m",
            "rules": [_alert(rule) for rule in group["rules"]],
        }
        for group in alerts["groups"]
    ]
    return {"apiVersion": 1, "groups": groups}


def _alert(rule: dict[str, Any]) -> dict[str, Any]:
    expressions = {"type": "__expr__", "uid": "__expr__"}
    # Whatever Prometheus returns is an alert, also where its value is 0.
    asked = {"refId": "A", "expr": f"({rule['expr']}) * 0 + 1", "instant": True, "range": False}
    condition = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [0]}}],
        "datasource": expressions,
    }
    return {
        "uid": rule["alert"].lower(),
        "title": rule["alert"],
        "condition": "B",
        "data": [
            {"refId": "A", "relativeTimeRange": {"from": 600, "to": 0}, "datasourceUid": _PROVISIONED, "model": asked},
            {
                "refId": "B",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": "__expr__",
                "model": condition,
            },
        ],
        "noDataState": "OK",
        "execErrState": "Error",
        "for": rule.get("for", "0s"),
        # Grafana takes $labels for a variable of the environment in some versions; this form says the same in all.
        "annotations": {name: text.replace("$labels.", ".Labels.") for name, text in rule["annotations"].items()},
        "labels": rule.get("labels", {}),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
