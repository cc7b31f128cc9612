"""The screens of ``predict``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from session_buddy.cli.screens.layout import Column, fitted, heading, indented, note, rate
from session_buddy.formats import NOTHING, ago, count, duration, percent, plural, shown_name
from session_buddy.prediction.card import Figure, ModelCard
from session_buddy.reports.prediction import Prediction

__all__ = ["card_screen", "prediction_screen"]

_FACTORS = (
    Column("what", justify="left"),
    Column("points", note="points = by how much the chance would be less without it"),
)
_WAYS = (
    Column("way", justify="left"),
    Column("log loss"),
    Column(
        "gain", note="gain = by how much its log loss is less than that of the best baseline, with its 95 % interval"
    ),
    Column("interval", rank=1),
    Column("Brier", rank=3),
    Column("AUC", rank=1),
    Column("calibration", rank=2, note="calibration = how far its chances are from what came true"),
)
_IMPORTANCES = (
    Column("what chances depend on", justify="left"),
    Column("loss", note="loss = by how much the log loss grows where it is dealt out at random"),
)


def prediction_screen(prediction: Prediction, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield indented(
        Text.assemble(
            f"{shown_name(prediction.skill)} completes with a chance of ",
            rate(prediction.chance),
            f"{_in(prediction)}; {percent(prediction.success_rate)}"
            f" of {count(prediction.completed + prediction.failed)} so far",
        )
    )
    if prediction.median_seconds is not None:
        yield indented(
            Text(
                f"likely to take {duration(prediction.median_seconds)}; one of ten less than"
                f" {duration(prediction.low_seconds)}, one of ten more than {duration(prediction.high_seconds)}"
            )
        )
    if prediction.factors:
        yield fitted(_FACTORS, [(one.meaning, points(one.points)) for one in prediction.factors], width)
    learned = f", learned {ago(prediction.fitted_at, now)}" if prediction.version else ""
    yield indented(note(f"for {prediction.asked_by}; by {prediction.algorithm}{learned}"))
    if prediction.is_fallback:
        yield indented(note(prediction.reason))


def card_screen(card: ModelCard, *, now: str, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the screen."""
    yield indented(Text(f"{card.algorithm}, version {card.version}, learned {ago(card.fitted_at, now)}"))
    yield indented(note(card.reason))
    data = card.data
    if data.first_at and data.last_at:
        seen = f"{plural(data.outcomes, 'outcome')} ({count(data.failed)} failed) of {plural(data.skills, 'skill')}"
        span = f"{data.first_at[:10]} to {data.last_at[:10]}"
        yield indented(note(f"from {seen} in {plural(data.sessions, 'session')}, {span}"))
    if card.candidates:
        rows = [
            (
                one.name,
                f"{one.log_loss.value:.4f}",
                f"{one.gain.value:+.4f}",
                _interval(one.gain),
                f"{one.brier.value:.4f}",
                f"{one.auc.value:.3f}" if one.auc else NOTHING,
                f"{one.calibration_error.value:.4f}",
            )
            for one in card.candidates
        ]
        yield fitted(_WAYS, rows, width)
        yield indented(
            note(f"{plural(card.held_out, 'use')} in {plural(card.held_out_sessions, 'session')} foretold from before")
        )
    if card.importances:
        yield fitted(_IMPORTANCES, [(one.meaning, f"{one.loss:+.4f}") for one in card.importances], width)
    if card.durations:
        kinds = "; ".join(f"{percent(within)} of kind {kind}" for kind, within in card.durations.within_kinds.items())
        yield indented(
            note(
                f"durations: {card.durations_reason} {percent(card.durations.within)} lay between .1 and .9"
                f"{f' ({kinds})' if kinds else ''}"
            )
        )
    if card.limits:
        yield heading("what it does not say")
        for limit in card.limits:
            yield indented(note(limit))


def points(part: float) -> str:
    """Return a part of a chance in points of a hundred: ``+3.2``."""
    return f"{100 * part:+.1f}"


def _in(prediction: Prediction) -> str:
    return (
        f" in {'its usual ' if prediction.is_usual_phase else ''}{prediction.phase.value}" if prediction.phase else ""
    )


def _interval(figure: Figure) -> str:
    return NOTHING if figure.low is None or figure.high is None else f"{figure.low:+.4f} to {figure.high:+.4f}"
