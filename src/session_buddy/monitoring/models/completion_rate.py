"""How completions of outcomes scatter."""

from __future__ import annotations

from math import ceil, exp, log

from scipy.special import bdtrik  # type: ignore[import-untyped]

from session_buddy.monitoring.cusum import Spread
from session_buddy.monitoring.detector import AnomalyType, Metric, Severity
from session_buddy.monitoring.habit import Habit
from session_buddy.monitoring.models.base import TAIL, Model, Thresholds
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.series import Counts

__all__ = ["CompletionRate"]


class CompletionRate(Model):
    """Binomial counts, widened where outcomes of an hour go together (a retry loop is one event, not twenty)."""

    metric = Metric.COMPLETION_RATE
    thresholds = Thresholds(drop=4.2, spike=7.0)
    least_shift = 0.07
    _ODDS = 1.2
    """A change is one of the log odds by this much at least: 90 % to 73 % …"""
    _POINTS = 0.1
    """… and of so much of the rate."""
    _OUTCOMES = 30

    def profile(self) -> Profile:
        """Lean firmly on the whole: few skills work better at some hours than at others."""
        return Profile(class_prior=100.0, cell_prior=200.0, keep=0.84)

    def spread(self) -> Spread:
        """Begin at 0: outcomes of an hour are independent."""
        return Spread(prior=0.0, prior_weight=1000.0, keep=0.997, least=0.0)

    def measure(self, counts: Counts) -> tuple[float, float]:
        """Return completions over outcomes."""
        return float(counts.completed), float(counts.outcomes)

    def missing(self, profile: Profile, hours: int, habit: Habit) -> str | None:
        """Ask for 30 outcomes in the baseline."""
        if profile.exposure < self._OUTCOMES:
            return f"the baseline holds {profile.exposure:.0f} outcomes, {self._OUTCOMES} are needed"
        return None

    def bounded(self, mean: float) -> float:
        """Keep the rate off 0 and 1, where one contrary outcome would be infinite evidence."""
        return min(max(mean, 0.01), 0.99)

    def variance(self, mean: float, exposure: float, spread: float) -> float:
        """Return that of a beta-binomial count, *spread* being the correlation of its outcomes."""
        return exposure * mean * (1 - mean) * _lumped(exposure, spread)

    def evidence(self, amount: float, exposure: float, mean: float, spread: float, doubt: float) -> tuple[float, float]:
        """Return binomial likelihood ratios against a rate moved in odds and by points, whichever is further."""
        low, high = self.bounded(mean - doubt), self.bounded(mean + doubt)
        fallen = min(_moved(low, -self._ODDS), max(low - self._POINTS, low / 2))
        risen = max(_moved(high, self._ODDS), min(high + self._POINTS, (1 + high) / 2))
        drop = amount * log(fallen / low) + (exposure - amount) * log((1 - fallen) / (1 - low))
        spike = amount * log(risen / high) + (exposure - amount) * log((1 - risen) / (1 - high))
        lumped = _lumped(exposure, spread)
        return drop / lumped, spike / lumped

    def scatter(self, amount: float, exposure: float, mean: float, spread: float) -> tuple[float, float]:
        """Return by what the squared Pearson residual exceeds 1, and outcomes beyond the first; cut at 9 variances."""
        squared = (amount - exposure * mean) ** 2 / (exposure * mean * (1 - mean))
        return min(squared, 9.0 * _lumped(exposure, spread)) - 1.0, exposure - 1.0

    def band(self, mean: float, exposure: float, spread: float) -> tuple[float, float]:
        """Return binomial quantiles; outcomes that go together make a smaller sample."""
        size = exposure / _lumped(exposure, spread)
        low, high = (ceil(bdtrik(part, size, mean) - 1e-9) for part in (TAIL, 1 - TAIL))
        return low / size, min(high / size, 1.0)

    def severity(self, kind: AnomalyType, value: float, usual: float) -> Severity:
        """Let a better rate inform, a worse one warn; a fall by 30 points is critical."""
        if value >= usual:
            return Severity.INFO
        return Severity.CRITICAL if usual - value >= 0.3 else Severity.WARNING


def _lumped(outcomes: float, correlation: float) -> float:
    """Return how many outcomes are worth one: the variance inflation of Kish's design effect."""
    return 1 + max(outcomes - 1, 0.0) * correlation


def _moved(rate: float, log_odds: float) -> float:
    return 1 / (1 + exp(-(log(rate / (1 - rate)) + log_odds)))
