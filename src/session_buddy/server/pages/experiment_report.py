"""Everything about one experiment as one HTML file: it opens anywhere, without a network or any script."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from markupsafe import Markup

from session_buddy.reports.experiment_wording import margins_of
from session_buddy.reports.experiments import ExperimentReport
from session_buddy.server.pages.experiment_drawings import WIDTH, drawn_course, drawn_forest
from session_buddy.server.pages.rendering import rendered

__all__ = ["report_document"]


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


@cache
def _style() -> Markup:
    """Return the style sheet of the pages, which is ours: nothing in it is escaped."""
    return Markup((Path(__file__).parents[1] / "static" / "style.css").read_text(encoding="utf-8"))
