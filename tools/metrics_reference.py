"""Write docs/reference/metrics.md from the catalogue of metrics: ``python -m tools.metrics_reference``."""

from __future__ import annotations

from pathlib import Path

from session_buddy.reports.metrics import MAX_SKILLS
from session_buddy.server.metrics_catalogue import CATALOGUE, DURATION, Described
from session_buddy.server.metrics_collector import BOUNDS_MS

__all__ = ["PAGE", "metrics_page"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "metrics.md"

_HEAD = """\
# Metrics

<!-- Written by tools/metrics_reference.py from src/session_buddy/server/metrics_catalogue.py. Change that, then run it
again. -->

What a server and the exporter have at `/metrics`, for Prometheus. How to use them, with ready rules and dashboards:
[Monitor with Prometheus and Grafana](../how-to/monitor-with-prometheus.md).

- Times are seconds, sizes bytes, ratios fractions from 0 to 1.
- The label `skill` is the name of a skill, any text; beyond {max_skills} skills the rest is summed as `other`.
- The label `kind` is one of `skill`, `command`, `mcp`, `subagent`, `shell`, `tool`.
- Who asks for OpenMetrics gets it, with exemplars at the buckets of durations where the store is a SQLite file: the
  `event_id` of an invocation that failed or was slow (its `session_id` where that id is too long).
- Beside these, `process_…` tells of the memory, processor time and open files of the process, where the platform can.

"""
_WHERE = {
    "always": "## Always",
    "store": "## While the store answers",
    "server": "## Of a server only",
}


def metrics_page() -> str:
    """Return the whole page."""
    return _HEAD.format(max_skills=MAX_SKILLS) + "\n".join(_section(where) for where in _WHERE) + _buckets()


def _section(where: str) -> str:
    rows = "".join(_row(one) for one in CATALOGUE if one.where == where)
    return f"{_WHERE[where]}\n\n| Metric | Type | Labels | |\n|---|---|---|---|\n{rows}"


def _row(one: Described) -> str:
    name = one.name if one.type == "histogram" else one.sample_names[0]
    labels = ", ".join(f"`{label}`" for label in one.labels)
    return f"| `{name}` | {one.type} | {labels} | {one.help} |\n"


def _buckets() -> str:
    bounds = ", ".join(f"{bound / 1000:g}" for bound in BOUNDS_MS)
    return f"\n## Buckets\n\nUpper bounds of `{DURATION.name}`, in seconds: {bounds}, and none.\n"


if __name__ == "__main__":
    PAGE.write_text(metrics_page(), encoding="utf-8")
