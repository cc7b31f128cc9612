"""Readings in words: what happened, against what, over how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from session_buddy.monitoring.detector import AnomalyType, Metric

__all__ = ["amount_in_words", "in_words"]

_SUBJECT = {
    Metric.COMPLETION_RATE: "success",
    Metric.VOLUME: "uses per hour",
    Metric.DURATION: "mean duration",
}


def amount_in_words(metric: Metric, value: float | None) -> str:
    """Return *value* with its unit: ``83 %``, ``12.5``, ``340 ms``, ``2.1 s``."""
    if value is None:
        return "nothing"
    if metric is Metric.COMPLETION_RATE:
        return f"{value:.0%}".replace("%", " %")
    if metric is Metric.VOLUME:
        return f"{value:.3g}"
    return f"{value * 1000:.3g} ms" if value < 0.9995 else f"{value:.3g} s"


def in_words(fields: Mapping[str, Any], *, lasting: bool = False) -> str:
    """Return the reason of a reading made of *fields*; *lasting* tells of a pattern shift."""
    metric: Metric = fields["metric"]
    subject = _SUBJECT[metric].capitalize()
    usual = amount_in_words(metric, fields["expected"])
    if lasting:
        return f"{subject} has been at a new level for days; from now on {usual} is taken as usual."
    if fields["anomaly_type"] is None:
        if fields["observed"] is None:
            return f"Nothing to measure in this hour; {usual} is usual."
        return f"{subject} of {amount_in_words(metric, fields['observed'])} is within what is usual ({usual})."
    hours: int = fields["hours"]
    span = "this hour" if hours == 1 else f"the last {hours} hours with data"
    verb = "fell" if fields["anomaly_type"] is AnomalyType.DROP else "rose"
    seen = amount_in_words(metric, fields["hours_observed"])
    return f"{subject} {verb} to {seen} over {span}; {amount_in_words(metric, fields['hours_expected'])} is usual."
