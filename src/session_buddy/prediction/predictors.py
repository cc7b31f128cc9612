"""What every way to tell a chance promises, and the plain ways: rates so far, and logistic regression. Pure."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.calibration import log_odds
from session_buddy.prediction.features import CATEGORIES, FEATURES, PLAIN_RATE, RATES, columns_of
from session_buddy.prediction.forest import Forest

__all__ = [
    "Blend",
    "Contributions",
    "GlobalRate",
    "Logistic",
    "Predictor",
    "SkillRate",
    "UserSkillRate",
    "fit_logistic",
]

Numbers = NDArray[np.float64]
_RIDGE_STRENGTH = 0.1
"""scikit-learn's ``C``."""
_FARTHEST = 3.0
_USER_SKILL = FEATURES.index("user_skill_rate")
_SKILL = FEATURES.index("skill_rate")
_ALL = FEATURES.index("all_rate")


class Contributions(msgspec.Struct, frozen=True):
    """Log-odds taken apart: base + the sum of a row is the log-odds of that row."""

    base: float
    amounts: Numbers
    """One row a use, one column for each of ``FEATURES``."""


class GlobalRate(msgspec.Struct, frozen=True, tag="global"):
    """The rate of everything so far, the same for all skills."""

    def odds(self, features: Numbers) -> Numbers:
        """Return the log-odds for each row."""
        return log_odds(features[:, _ALL])

    def contributions(self, features: Numbers) -> Contributions:
        """Return what each feature adds: the rate of all, beside even odds."""
        return _steps(features, [(_ALL, self.odds(features))])


class SkillRate(msgspec.Struct, frozen=True, tag="skill"):
    """The skill's rate so far, drawn towards that of all by one use."""

    def odds(self, features: Numbers) -> Numbers:
        """Return the log-odds for each row."""
        return log_odds(features[:, PLAIN_RATE])

    def contributions(self, features: Numbers) -> Contributions:
        """Return what each feature adds: the rate of all, then how the skill differs from it."""
        return _steps(features, [(_ALL, log_odds(features[:, _ALL])), (_SKILL, self.odds(features))])


class UserSkillRate(msgspec.Struct, frozen=True, tag="user_skill"):
    """The user's rate with the skill so far, drawn towards the skill's, and that towards its kind's."""

    def odds(self, features: Numbers) -> Numbers:
        """Return the log-odds for each row."""
        return log_odds(features[:, _USER_SKILL])

    def contributions(self, features: Numbers) -> Contributions:
        """Return what each feature adds: the rate of all, how the skill differs, how the user does."""
        steps = [(place, log_odds(features[:, place])) for place in (_ALL, _SKILL, _USER_SKILL)]
        return _steps(features, steps)


class Logistic(msgspec.Struct, frozen=True, tag="logistic"):
    """A weighted sum of features: rates as log-odds, numbers that are names each as a feature of its own."""

    weights: list[float]
    means: list[float]
    scales: list[float]
    intercept: float

    def odds(self, features: Numbers) -> Numbers:
        """Return the log-odds for each row."""
        odds: Numbers = self._scaled(features) @ np.array(self.weights) + self.intercept
        return odds

    def contributions(self, features: Numbers) -> Contributions:
        """Return what each feature adds to a use that is average in everything."""
        parts = self._scaled(features) * np.array(self.weights)
        amounts = np.zeros((len(features), len(FEATURES)))
        np.add.at(amounts.T, _DESIGNED, parts.T)
        return Contributions(self.intercept, amounts)

    def _scaled(self, features: Numbers) -> Numbers:
        return _scaled(_design(features), np.array(self.means), np.array(self.scales))


class Blend(msgspec.Struct, frozen=True, tag="blend"):
    """The log-odds of a forest, or their mean with those of a logistic regression."""

    forest: Forest
    logistic: Logistic | None = None

    def odds(self, features: Numbers) -> Numbers:
        """Return the log-odds for each row."""
        boosted = self.forest.values(features)
        return boosted if self.logistic is None else (boosted + self.logistic.odds(features)) / 2

    def contributions(self, features: Numbers) -> Contributions:
        """Return what each feature adds: along the paths of the trees, and by weight."""
        base, amounts = self.forest.contributions(features)
        if self.logistic is None:
            return Contributions(base, amounts)
        beside = self.logistic.contributions(features)
        return Contributions((base + beside.base) / 2, (amounts + beside.amounts) / 2)


Predictor = GlobalRate | SkillRate | UserSkillRate | Logistic | Blend
"""Whatever tells log-odds of completing from features, and takes them apart."""


def fit_logistic(features: Numbers, completed: NDArray[np.bool_]) -> Logistic:
    """Return a logistic regression; both outcomes must be there."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    design = _design(features)
    means, scales = design.mean(axis=0), design.std(axis=0)
    scales[scales < 1e-9] = 1.0
    model = LogisticRegression(C=_RIDGE_STRENGTH, max_iter=2_000).fit(_scaled(design, means, scales), completed)
    return Logistic(model.coef_[0].tolist(), means.tolist(), scales.tolist(), float(model.intercept_[0]))


_LEFT_OUT = ("kind", "previous_kind", "all_rate")
"""What a weighted sum makes worse of what comes later: a kind's rate says it, and that of all drifts with time."""
_CONTINUOUS = tuple(name for name in FEATURES if name not in CATEGORIES and name not in _LEFT_OUT)
_NAMED = {name: codes for name, codes in CATEGORIES.items() if name not in _LEFT_OUT}
_DESIGNED = columns_of((*_CONTINUOUS, *(name for name, codes in _NAMED.items() for _ in codes)))
"""The feature behind each column of the design."""
_CODES = np.array([code for codes in _NAMED.values() for code in codes])
_ARE_RATES = np.flatnonzero([name in RATES for name in _CONTINUOUS])


def _scaled(design: Numbers, means: Numbers, scales: Numbers) -> Numbers:
    """Return *design* in standard deviations, bounded: what was hardly ever seen may not outweigh all that was."""
    return np.clip((design - means) / scales, -_FARTHEST, _FARTHEST)


def _design(features: Numbers) -> Numbers:
    design: Numbers = features[:, _DESIGNED]
    design[:, _ARE_RATES] = log_odds(design[:, _ARE_RATES])
    design[:, len(_CONTINUOUS) :] = design[:, len(_CONTINUOUS) :] == _CODES
    return design


def _steps(features: Numbers, steps: list[tuple[int, Numbers]]) -> Contributions:
    """Return log-odds that are told in steps: each is what it adds to the one before."""
    amounts = np.zeros((len(features), len(FEATURES)))
    before = np.zeros(len(features))
    for place, odds in steps:
        amounts[:, place] = odds - before
        before = odds
    return Contributions(0.0, amounts)
