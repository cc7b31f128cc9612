"""The contract of models: what a detector needs to know of how a metric scatters.

A model measures an hour as an *amount* over an *exposure*: completions over outcomes, uses over one hour,
log seconds over timed uses. Amounts and exposures add, so hours do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

from session_buddy.monitoring.cusum import Spread
from session_buddy.monitoring.detector import AnomalyType, Metric, Severity
from session_buddy.monitoring.habit import Habit
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.series import Counts

__all__ = ["TAIL", "Model", "Thresholds"]

TAIL = 0.005
"""The part of such hours that lies below a band, and the part above it."""


class Thresholds(msgspec.Struct, frozen=True):
    """Evidence (natural log of a likelihood ratio) from which on a drop or a spike is called one."""

    drop: float
    spike: float


class Model(ABC):
    """The distribution of one metric."""

    metric: ClassVar[Metric]
    thresholds: ClassVar[Thresholds]
    least_shift: ClassVar[float]
    """The smallest lasting change worth a word, in the unit of deviations."""
    relative: ClassVar[bool] = False
    """Whether deviations are fractions of what was expected, rather than differences."""

    @abstractmethod
    def profile(self) -> Profile:
        """Return an empty profile with this metric's priors."""

    @abstractmethod
    def spread(self) -> Spread:
        """Return the prior of this metric's scatter."""

    @abstractmethod
    def measure(self, counts: Counts) -> tuple[float, float]:
        """Return amount and exposure; an exposure of 0 says nothing."""

    @abstractmethod
    def missing(self, profile: Profile, hours: int, habit: Habit) -> str | None:
        """Return what is missing for a judgement after *hours*, or ``None``."""

    @abstractmethod
    def variance(self, mean: float, exposure: float, spread: float) -> float:
        """Return the variance of an hour's amount."""

    @abstractmethod
    def evidence(self, amount: float, exposure: float, mean: float, spread: float, doubt: float) -> tuple[float, float]:
        """Return the log-likelihood ratios for a drop and for a spike.

        *doubt* is the standard error of *mean*: the baseline is given the benefit of it.
        """

    @abstractmethod
    def scatter(self, amount: float, exposure: float, mean: float, spread: float) -> tuple[float, float]:
        """Return what this hour adds to :class:`Spread`; outliers are cut."""

    @abstractmethod
    def band(self, mean: float, exposure: float, spread: float) -> tuple[float, float]:
        """Return the limits between which at least 99 % of such hours lie, as values; *exposure* is above 0."""

    @abstractmethod
    def severity(self, kind: AnomalyType, value: float, usual: float) -> Severity:
        """Say how much a deviation from *usual* to *value* matters."""

    def is_regular(self, habit: Habit) -> bool:
        """Tell whether a skill of this *habit* is used regularly enough; :meth:`missing` asks for it."""
        return True

    def bounded(self, mean: float) -> float:
        """Keep an expectation within what is possible."""
        return mean

    def value(self, mean: float) -> float:
        """Turn amount per exposure into the unit people read."""
        return mean
