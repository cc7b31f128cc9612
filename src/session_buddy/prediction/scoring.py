"""How good chances are on what was held out. Pure.

Intervals are bootstrapped over sessions, not over uses: uses of one session are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "Scores", "Sessions", "expected_calibration_error", "log_losses", "pinball_losses", "scored"]

Numbers = NDArray[np.float64]
_FEWEST_SESSIONS = 10
"""With fewer, an interval over sessions says nothing."""
_DRAWS = 1_000
_BINS = 10
_CLOSEST = 1e-6


class Estimate(NamedTuple):
    """A figure and its 95 % interval; ``None`` where sessions are too few for one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is; no without one."""
        return self.low is not None and self.low > 0


class Scores(NamedTuple):
    """The figures of one predictor."""

    log_loss: Estimate
    """Mean of -log of the chance given to what came true; the less, the better."""
    brier: Estimate
    """Mean squared distance of the chance from what came true; the less, the better."""
    auc: Estimate | None
    """How often a use that completed had the higher chance than one that failed; ``None`` with one sort alone."""
    calibration_error: Estimate
    """How far chances are from what came true of those of like chance, in ten parts of equal number."""


class Sessions:
    """Draws of sessions with replacement, the same for everything that is compared."""

    def __init__(self, session: NDArray[np.int64], *, seed: int = 0, draws: int = _DRAWS) -> None:
        _, self._place = np.unique(session, return_inverse=True)
        self.count = int(self._place.max()) + 1 if len(session) else 0
        self.times: Numbers = np.empty((0, self.count))
        """How often each session is drawn, one row a draw; no rows where sessions are too few."""
        if self.count >= _FEWEST_SESSIONS:
            chances = np.full(self.count, 1 / self.count)
            self.times = np.random.default_rng(seed).multinomial(self.count, chances, size=draws).astype(np.float64)

    def mean(self, values: Numbers) -> Estimate:
        """Return the mean of *values*, one a use."""
        if not len(self.times):
            return Estimate(float(values.mean()))
        sums = np.bincount(self._place, values, minlength=self.count)
        counts = np.bincount(self._place, minlength=self.count).astype(np.float64)
        return _with_interval(float(values.mean()), (self.times @ sums) / (self.times @ counts))

    def of_weights(self, figure: Callable[[Numbers], float], *, is_distance: bool = False, most: int = 200) -> Estimate:
        """Return what *figure* says of weights, one a use."""
        whole = figure(np.ones(len(self._place)))
        if not len(self.times):
            return Estimate(whole)
        drawn = np.array([figure(row[self._place]) for row in self.times[:most]])
        drawn = drawn[np.isfinite(drawn)]
        # What is drawn with replacement has more noise, which a distance takes for more distance: that is taken off.
        bias = drawn.mean() - whole if is_distance and len(drawn) else 0.0
        return _with_interval(whole, np.maximum(drawn - bias, 0.0))


def scored(completed: NDArray[np.bool_], chances: Numbers, sessions: Sessions) -> Scores:
    """Return how good *chances* are beside what came true."""
    errors = (chances - completed) ** 2
    has_both = bool(completed.any() and not completed.all())
    return Scores(
        sessions.mean(log_losses(completed, chances)),
        sessions.mean(errors),
        sessions.of_weights(_auc_of(completed, chances)) if has_both else None,
        sessions.of_weights(_calibration_error_of(completed, chances), is_distance=True),
    )


def log_losses(completed: NDArray[np.bool_], chances: Numbers) -> Numbers:
    """Return -log of the chance given to what came true, for each use; chances are kept off 0 and 1."""
    bounded = np.clip(chances, _CLOSEST, 1 - _CLOSEST)
    return -np.log(np.where(completed, bounded, 1 - bounded))


def expected_calibration_error(completed: NDArray[np.bool_], chances: Numbers) -> float:
    """Return the mean distance of chance and frequency over ten parts of equal number, 0-1.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015;
    parts of equal number as in Nixon and others, arXiv:1904.01685.
    """
    return _calibration_error_of(completed, chances)(np.ones(len(chances)))


def pinball_losses(values: Numbers, quantile: Numbers, level: float) -> Numbers:
    """Return the loss whose mean is least for the true quantile of this *level*.

    Source: Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978).
    """
    above = values - quantile
    return np.maximum(level * above, (level - 1) * above)


def _calibration_error_of(completed: NDArray[np.bool_], chances: Numbers) -> Callable[[Numbers], float]:
    order = np.argsort(chances, kind="stable")
    distances = (completed - chances)[order]

    def figure(weights: Numbers) -> float:
        given = weights[order]
        along = np.cumsum(given)
        if not len(along) or not along[-1]:
            return float("nan")
        part = np.minimum((along - given) * _BINS / along[-1], _BINS - 1).astype(np.int64)
        return float(np.abs(np.bincount(part, given * distances, minlength=_BINS)).sum() / along[-1])

    return figure


def _auc_of(completed: NDArray[np.bool_], chances: Numbers) -> Callable[[Numbers], float]:
    """Return what tells the weighted part of pairs in the right order, ties half; NaN where one sort has no weight."""
    values, place = np.unique(chances, return_inverse=True)

    def figure(weights: Numbers) -> float:
        good = np.bincount(place, weights * completed, minlength=len(values))
        bad = np.bincount(place, weights * ~completed, minlength=len(values))
        pairs = good.sum() * bad.sum()
        below = np.cumsum(bad) - bad / 2
        return float((good * below).sum() / pairs) if pairs else float("nan")

    return figure


def _with_interval(value: float, drawn: Numbers) -> Estimate:
    if not len(drawn):
        return Estimate(value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high))
