"""Evidence that adds up over hours: Page's cumulative sum of log-likelihood ratios.

Each hour brings ``log P(hour | changed) - log P(hour | as ever)``. The sum never falls below 0, so it starts
where a change may have begun, and it is capped, so that it drains within hours once all is well again. Small
evidence of many hours counts like strong evidence of one, whatever the number of uses per hour.

Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); M. Basseville and I. Nikiforov,
"Detection of Abrupt Changes" (1993), chapter 2.2.
"""

from __future__ import annotations

from math import exp

import msgspec

__all__ = ["Cusum", "Spread", "Temper"]

_DIVISORS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2)
_ONE_DAY = 2.5

_CAP = 1.5
"""The sum stays below this many thresholds: what it can rise above, it must sink below again."""


class Cusum(msgspec.Struct):
    """One sum, for change in one direction, and what was seen since it last stood at 0."""

    threshold: float
    total: float = 0.0
    hours: int = 0
    exposure: float = 0.0
    observed: float = 0.0
    expected: float = 0.0
    variance: float = 0.0

    @property
    def level(self) -> float:
        """1 at the threshold."""
        return self.total / self.threshold

    @property
    def score(self) -> float:
        """Deviation of all that was seen since the sum left 0, in standard deviations; 0 at rest."""
        return (self.observed - self.expected) / self.variance**0.5 if self.variance > 0 else 0.0

    def add(self, evidence: float, exposure: float, observed: float, expected: float, variance: float) -> None:
        """Take in one hour: its evidence, its exposure, and what was observed and expected in units that add."""
        total = self.total + evidence
        if total <= 0:
            self.clear()
            return
        self.total = min(total, _CAP * self.threshold)
        self.hours += 1
        self.exposure += exposure
        self.observed += observed
        self.expected += expected
        self.variance += variance

    def clear(self) -> None:
        """Go back to rest."""
        self.total, self.hours = 0.0, 0
        self.exposure = self.observed = self.expected = self.variance = 0.0


class Spread(msgspec.Struct):
    """A running estimate of how much values scatter: a ratio of two sums that forget slowly.

    It begins at *prior* with the weight *prior_weight*, and never falls below *least*.
    """

    prior: float
    prior_weight: float
    keep: float
    least: float
    total: float = 0.0
    weight: float = 0.0

    @property
    def value(self) -> float:
        """The estimate."""
        mean = (self.prior * self.prior_weight + self.total) / (self.prior_weight + self.weight)
        return max(self.least, mean)

    def learn(self, total: float, weight: float) -> None:
        """Take in one hour's, or one day's, share."""
        self.total = self.total * self.keep + total
        self.weight = self.weight * self.keep + weight


class Temper(msgspec.Struct):
    """By what evidence must be divided so that it means what it says for this skill.

    Were the model right, the exponential of a day's evidence would be 1 in the mean (a likelihood ratio is an
    e-value), however the days fall. Where hours hang together (days off, loops of retries) it is more, and the
    smallest divisor is taken that brings it back to 1. One day counts for 12 at most: a fault now and then
    dulls nothing, what recurs is how this skill is.

    Source: V. Vovk and R. Wang, "E-values: calibration, combination and applications", Annals of Statistics 49 (2021).
    """

    weight: float = 30.0
    means: list[float] = msgspec.field(default_factory=lambda: [0.6] * len(_DIVISORS))
    """The mean for each divisor, begun as if some days had been calm."""
    divisor: float = 1.0
    """1 where the model holds."""

    def learn(self, evidence: float) -> None:
        """Take in a day's evidence, as the model has it."""
        self.weight = min(self.weight + 1.0, 60.0)
        self.means = [
            mean + (exp(min(evidence / by, _ONE_DAY)) - mean) / self.weight
            for by, mean in zip(_DIVISORS, self.means, strict=True)
        ]
        fitting = (by for by, mean in zip(_DIVISORS, self.means, strict=True) if mean <= 1.0)
        self.divisor = next(fitting, _DIVISORS[-1])
