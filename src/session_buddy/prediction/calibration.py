"""Chances made to mean what they say. Pure.

calibrated log-odds = slope * log-odds + intercept, fitted to what was foretold before it happened, and drawn towards
slope 1 and intercept 0, so that few outcomes change little.
Source: J. Platt, "Probabilistic outputs for support vector machines" (1999), on log-odds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SAME", "Calibration", "chance_of", "fit_calibration", "log_odds"]

Numbers = NDArray[np.float64]
_CLOSEST = 1e-6
_DRAW = 10.0
"""The weight of slope 1 and intercept 0."""
_STEPS = 50
_CLOSE_ENOUGH = 1e-10


class Calibration(NamedTuple):
    """A line through log-odds."""

    slope: float
    intercept: float

    def applied(self, odds: Numbers) -> Numbers:
        """Return calibrated log-odds."""
        return self.slope * odds + self.intercept


SAME = Calibration(1.0, 0.0)
"""Changes nothing."""


def fit_calibration(completed: NDArray[np.bool_], odds: Numbers) -> Calibration:
    """Return the calibration of log-odds that were foretold, given what came true; :data:`SAME` for nothing."""
    at = np.array([1.0, 0.0])
    design = np.column_stack([odds, np.ones(len(odds))])
    draw = np.diag([_DRAW, _DRAW])
    for _ in range(_STEPS):
        chances = chance_of(design @ at)
        slope = design.T @ (completed - chances) - draw @ (at - [1.0, 0.0])
        bend = (design * (chances * (1 - chances))[:, None]).T @ design + draw
        step = np.linalg.solve(bend, slope)
        at = at + step
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    return Calibration(float(at[0]), float(at[1]))


def log_odds(chances: Numbers) -> Numbers:
    """Return log(p / (1 - p)); chances are kept off 0 and 1."""
    bounded = np.clip(chances, _CLOSEST, 1 - _CLOSEST)
    return np.log(bounded) - np.log1p(-bounded)


def chance_of(odds: Numbers) -> Numbers:
    """Return the chances 0-1 that log-odds stand for."""
    return np.exp(-np.logaddexp(0.0, -odds))
