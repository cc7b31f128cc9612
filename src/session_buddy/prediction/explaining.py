"""Why a chance is what it is, and what chances depend on in all. Pure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.calibration import Calibration, chance_of
from session_buddy.prediction.features import GROUPS, columns_of
from session_buddy.prediction.predictors import Contributions, Predictor
from session_buddy.prediction.scoring import log_losses

__all__ = ["Factor", "Importance", "factors_of", "importances"]

Numbers = NDArray[np.float64]
_MOST_ROWS = 2_000
_TIMES = 3
_NOTHING = 1e-9
_COLUMNS = [columns_of(group.features) for group in GROUPS]


class Factor(NamedTuple):
    """What one thing adds to one chance."""

    group: str
    """One of ``GROUPS``, by name."""
    log_odds: float
    """What it adds; all of them and the base make the log-odds of the chance."""
    points: float
    """By how much the chance would be less without it, -1 to 1."""


class Importance(NamedTuple):
    """How much one thing matters in all."""

    group: str
    loss: float
    """By how much the log loss grows where its values are dealt out at random among uses."""


def factors_of(told: Contributions, calibration: Calibration, row: int) -> tuple[float, list[Factor]]:
    """Return the chance of one *row*, and what each group adds to it, the strongest first; not those that add nothing.

    For trees: the sum of steps along their paths; for logistic regression: weight by distance from the average; for
    rates: each rate beside the one it is drawn towards.
    """
    parts = np.array([told.amounts[row, columns].sum() for columns in _COLUMNS]) * calibration.slope
    odds = calibration.slope * told.base + calibration.intercept + parts.sum()
    chances = chance_of(np.append(odds - parts, odds))
    factors = [
        Factor(group.name, float(part), float(chances[-1] - without))
        for group, part, without in zip(GROUPS, parts, chances[:-1], strict=True)
        if abs(part) > _NOTHING
    ]
    return float(chances[-1]), sorted(factors, key=lambda one: -abs(one.log_odds))


def importances(
    predictor: Predictor, features: Numbers, completed: NDArray[np.bool_], *, seed: int
) -> list[Importance]:
    """Return how much each group matters on these rows, which the predictor was not fitted to; the most first.

    Source: Breiman, "Random forests", Machine Learning 45 (2001); groups are dealt out together.
    """
    random = np.random.default_rng(seed)
    if len(completed) > _MOST_ROWS:
        kept = random.choice(len(completed), _MOST_ROWS, replace=False)
        features, completed = features[kept], completed[kept]

    def loss(rows: Numbers) -> float:
        return float(log_losses(completed, chance_of(predictor.odds(rows))).mean())

    whole = loss(features)
    found = []
    for group in GROUPS:
        columns = columns_of(group.features)
        grown = []
        for _ in range(_TIMES):
            dealt = features.copy()
            dealt[:, columns] = features[random.permutation(len(features))][:, columns]
            grown.append(loss(dealt) - whole)
        found.append(Importance(group.name, float(np.mean(grown))))
    return sorted(found, key=lambda one: -one.loss)
