"""The model card: what was learned from what, how it fared, and what it must not be used for."""

from __future__ import annotations

import msgspec

from session_buddy.prediction.choosing import PLAIN_RATES, Candidate, Choice
from session_buddy.prediction.duration import DurationFigures, Durations
from session_buddy.prediction.features import GROUPS
from session_buddy.prediction.scoring import Estimate

__all__ = ["LIMITS", "CandidateFigures", "Figure", "GroupFigures", "ModelCard", "Span", "card_of"]

LIMITS = (
    "It tells how likely a use is to complete, and not whether what it did was any good.",
    "Do not judge people by it: a user's rate says which work fell to them, and how their tools were set up.",
    "It does not tell what would happen: a skill that fails in hard sessions may be the right one there.",
    "It was learned from the uses in this store; elsewhere its chances may be wrong.",
    "Uses that were abandoned, and those whose end is not known, are neither completions nor failures here.",
)
"""What it must not be used for, and what it does not say."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its 95 % interval, bootstrapped over sessions."""

    value: float
    low: float | None
    """``null`` where sessions are too few for an interval."""
    high: float | None


class CandidateFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How one way of telling chances fared on what came later."""

    name: str
    is_baseline: bool
    log_loss: Figure
    """Mean of -log of the chance given to what came true; the less, the better."""
    brier: Figure
    """Mean squared distance of the chance from what came true; the less, the better."""
    auc: Figure | None
    """How often a use that completed had the higher chance than one that failed; 0.5 is no better than a coin."""
    calibration_error: Figure
    """How far chances are from what came true, 0-1."""
    gain: Figure
    """By how much its log loss is less than that of the best baseline."""


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How much one thing matters in all."""

    group: str
    meaning: str
    loss: float
    """By how much the log loss grows where its values are dealt out at random among uses; negative by chance."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned from."""

    first_at: str | None
    last_at: str | None
    outcomes: int
    completed: int
    failed: int
    sessions: int
    skills: int


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is told of what was learned."""

    version: int
    fitted_at: str
    algorithm: str
    """Which way answers."""
    is_fallback: bool
    """Whether that is a baseline, since nothing learned certainly beat it."""
    reason: str
    chosen_at: str
    held_out: int
    """How many uses were foretold from what came before them, to choose by."""
    held_out_sessions: int
    candidates: list[CandidateFigures]
    """The least log loss first."""
    importances: list[GroupFigures]
    """What chances depend on, the most first."""
    data: Span
    durations: DurationFigures | None
    durations_reason: str
    limits: list[str]

    @property
    def beats_plain_rates(self) -> bool:
        """Whether what answers is certainly better than every plain rate, be it a baseline itself."""
        if not self.is_fallback:
            return True
        # Gains are beside the best baseline: if that answers, it is certainly better than what certainly loses to it.
        plain = [one.gain.high for one in self.candidates if one.name in PLAIN_RATES]
        return self.algorithm not in PLAIN_RATES and all(high is not None and high < 0 for high in plain)


def card_of(
    choice: Choice,
    durations: Durations | None,
    *,
    version: int,
    fitted_at: str,
    chosen_at: str,
    span: Span,
) -> ModelCard:
    """Return the card of what was chosen and fitted."""
    meanings = {group.name: group.meaning for group in GROUPS}
    return ModelCard(
        version=version,
        fitted_at=fitted_at,
        algorithm=choice.name,
        is_fallback=choice.is_fallback,
        reason=choice.reason,
        chosen_at=chosen_at,
        held_out=choice.held_out,
        held_out_sessions=choice.sessions,
        candidates=[_figures(one) for one in choice.candidates],
        importances=[
            GroupFigures(group=one.group, meaning=meanings[one.group], loss=one.loss) for one in choice.importances
        ],
        data=span,
        durations=durations.figures if durations else None,
        durations_reason=durations.reason if durations else "No duration is known.",
        limits=list(LIMITS),
    )


def _figures(candidate: Candidate) -> CandidateFigures:
    scores = candidate.scores
    return CandidateFigures(
        name=candidate.name,
        is_baseline=candidate.is_baseline,
        log_loss=_figure(scores.log_loss),
        brier=_figure(scores.brier),
        auc=_figure(scores.auc) if scores.auc else None,
        calibration_error=_figure(scores.calibration_error),
        gain=_figure(candidate.gain),
    )


def _figure(estimate: Estimate) -> Figure:
    return Figure(value=estimate.value, low=estimate.low, high=estimate.high)
