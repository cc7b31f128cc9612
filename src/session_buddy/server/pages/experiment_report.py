"""Everything about one experiment as one HTML file: it opens anywhere, without a network or any script."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from markupsafe import Markup

from session_buddy.experiments.design import Experiment
from session_buddy.reports.experiment_wording import margins_of
from session_buddy.reports.experiments import ExperimentReport
from session_buddy.server.pages.experiment_drawings import WIDTH, drawn_course, drawn_forest
from session_buddy.server.pages.rendering import rendered

__all__ = ["report_document", "report_name"]

_LONGEST_NAME = 80


def report_document(report: ExperimentReport) -> str:
    """Return *report* as a whole document: style and charts are in it, texts are escaped, nothing is loaded."""
    margins = margins_of(report.experiment)
    return rendered(
        "experiment-report.html",
        report=report,
        margins=margins,
        style=_style(),
        width=f"{WIDTH:g}",
        forest=drawn_forest(report.analysis.comparisons, margins),
        course=drawn_course(report.course),
        now=report.analysis.at,
    )


def report_name(experiment: Experiment) -> str:
    """Return what the file may be called on any system.

    >>> from session_buddy.experiments.design import Experiment
    >>> report_name(Experiment(test_id=7, test_name="a/b: c?", control_strategy="a", treatment_strategy="b",
    ...     start_date="2026-01-31T09:30:00.000Z"))
    'experiment-a-b-c.html'
    """
    words = re.sub(r"[^A-Za-z0-9-]+", "-", experiment.test_name).strip("-") or str(experiment.test_id)
    return f"experiment-{words[:_LONGEST_NAME]}.html"


@cache
def _style() -> Markup:
    """Return the style sheet of the pages, which is ours: nothing in it is escaped."""
    return Markup((Path(__file__).parents[1] / "static" / "style.css").read_text(encoding="utf-8"))
