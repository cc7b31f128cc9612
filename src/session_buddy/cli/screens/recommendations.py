"""The screens of ``recommend``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from session_buddy.cli.screens.layout import Column, fitted, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, duration, percent, plural, shown_name
from session_buddy.reports.recommendations import Recommendations
from session_buddy.reports.recommender_evaluation import Evaluation
from session_buddy.reports.similar import SimilarOnes

__all__ = ["evaluation_screen", "recommendations_screen", "similar_screen"]

_ADVICE = (
    Column("skill", justify="left"),
    Column("success"),
    Column("here", rank=1, note="here = the chance that it completes here and now, see 'session-buddy predict'"),
    Column("avg", rank=2),
    Column("why", rank=1, justify="left"),
)
_SIMILARITY = (Column("similarity"), Column("in common"), Column("skills", rank=1))
_RECOMMENDERS = (
    Column("recommender", justify="left"),
    Column("nDCG@10"),
    Column("±"),
    Column("Recall@20"),
    Column("±", rank=1),
    Column("coverage", rank=2),
    Column("calibration", rank=3, note="calibration = how far its chances are from what came true"),
)


def recommendations_screen(answer: Recommendations, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    known = plural(len(answer.known), "known skill")
    if answer.skills:
        rows = [
            (
                shown_name(one.skill),
                rate(one.success_rate),
                rate(one.chance),
                duration(one.avg_duration_seconds),
                one.why,
            )
            for one in answer.skills
        ]
        yield fitted(_ADVICE, rows, width)
    else:
        yield note("Nothing to recommend: everything that goes with these skills is used already, or nothing is known.")
    learned = f"{answer.algorithm}, learned {ago(answer.fitted_at, now)}"
    yield indented(note(f"for {answer.asked_by}, from {known}{_in(answer)}; by {learned}"))
    for one in answer.left_out:
        yield indented(
            note(
                f"left out: {shown_name(one.skill)}, which completed {count(one.completed)} of"
                f" {count(one.completed + one.failed)}"
            )
        )


def similar_screen(found: SimilarOnes, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    if found.similar:
        rows = [(one.id, f"{one.similarity:.2f}", count(one.in_common), count(one.skills)) for one in found.similar]
        yield fitted((Column(found.compared, justify="left"), *_SIMILARITY), rows, width)
    else:
        yield note(f"No other {found.compared} uses any of these skills.")
    yield indented(note(f"to {found.asked_by}, by {plural(len(found.known), 'known skill')}"))


def evaluation_screen(evaluation: Evaluation, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    if not evaluation.candidates:
        yield note("Not enough data: nobody used two skills yet, so nothing can be held out.")
        return
    rows = [
        (
            _named(one.algorithm, one.ridge, one.content),
            f"{one.ndcg:.3f}",
            f"{one.ndcg_margin:.3f}",
            f"{one.recall:.3f}",
            f"{one.recall_margin:.3f}",
            percent(one.coverage),
            NOTHING if one.calibration_error is None else f"{one.calibration_error:.3f}",
        )
        for one in evaluation.candidates
    ]
    yield fitted(_RECOMMENDERS, rows, width)
    yield indented(
        note(
            f"{plural(evaluation.asked, evaluation.compared)}, {plural(evaluation.skills, 'skill')};"
            f" the fifth taken up last held out; the first is in use since {ago(evaluation.chosen_at, now)}"
        )
    )


def _in(answer: Recommendations) -> str:
    return f", in {' and '.join(answer.languages)}" if answer.languages else ""


def _named(algorithm: str, ridge: float, content: float) -> str:
    return algorithm + (f", ridge {ridge:g}" if ridge else "") + (f", content {content:g}" if content else "")
