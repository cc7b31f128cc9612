"""How uses per hour scatter."""

from __future__ import annotations

from math import ceil, log

from scipy.special import nbdtrik  # type: ignore[import-untyped]

from session_buddy.monitoring.cusum import Spread
from session_buddy.monitoring.detector import AnomalyType, Metric, Severity
from session_buddy.monitoring.habit import DAYS_OF_HABIT, Habit
from session_buddy.monitoring.models.base import TAIL, Model, Thresholds
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.series import Counts

__all__ = ["Volume"]


class Volume(Model):
    """Negative-binomial counts (Poisson with a rate that itself varies): variance = mean + spread x mean squared."""

    metric = Metric.VOLUME
    thresholds = Thresholds(drop=6.0, spike=6.0)
    least_shift = 0.4
    relative = True
    _FACTOR = 3.0
    """A change is to a third, or to three times."""
    _AT_MOST = 2.0
    """One hour gives no more evidence than this: one busy hour is no anomaly."""
    _HOURS = 14 * 24
    _DAYS = DAYS_OF_HABIT // 2 + 1

    def profile(self) -> Profile:
        """Learn each hour of the week by itself within a few weeks; nights must not lean on days."""
        return Profile(class_prior=0.1, cell_prior=2.0, keep=0.84)

    def spread(self) -> Spread:
        """Begin with hours that scatter by about half, and never go down to plain Poisson."""
        return Spread(prior=0.3, prior_weight=200.0, keep=0.997, least=0.02)

    def measure(self, counts: Counts) -> tuple[float, float]:
        """Return uses over one hour: an hour without uses is as good a measurement as any."""
        return float(counts.invocations), 1.0

    def missing(self, profile: Profile, hours: int, habit: Habit) -> str | None:
        """Ask for two weeks, so that every hour of the week was seen twice, and for regular use."""
        if hours < self._HOURS:
            return f"{hours} hours were seen; what is usual in a week takes {self._HOURS}"
        if not self.is_regular(habit):
            return f"there was use on {habit.days_used} of the last {habit.days} days, regular use takes {self._DAYS}"
        return None

    def is_regular(self, habit: Habit) -> bool:
        """Ask for use on more than half of the days of four weeks.

        Of what people take up and put down, neither silence nor use is news. A skill of working days has about 20.
        """
        return habit.days_used >= self._DAYS

    def bounded(self, mean: float) -> float:
        """Keep the mean above 0: an hour never used so far may be used once."""
        return max(mean, 0.01)

    def variance(self, mean: float, exposure: float, spread: float) -> float:
        """Return that of a negative binomial."""
        return mean + spread * mean**2

    def evidence(self, amount: float, exposure: float, mean: float, spread: float, doubt: float) -> tuple[float, float]:
        """Return likelihood ratios against a third and three times the mean, cut for each hour."""
        drop = _count_evidence(amount, max(mean - doubt, mean / 4), 1 / self._FACTOR, 1 / spread)
        spike = _count_evidence(amount, mean + doubt, self._FACTOR, 1 / spread)
        return min(drop, self._AT_MOST), min(spike, self._AT_MOST)

    def scatter(self, amount: float, exposure: float, mean: float, spread: float) -> tuple[float, float]:
        """Return the excess of the squared residual over Poisson, in means squared; cut at 9 times the variance."""
        squared = min((amount - mean) ** 2, 9.0 * self.variance(mean, exposure, spread))
        return squared - mean, mean**2

    def band(self, mean: float, exposure: float, spread: float) -> tuple[float, float]:
        """Return negative binomial quantiles."""
        size = 1 / spread
        low, high = (ceil(nbdtrik(part, size, size / (size + mean)) - 1e-9) for part in (TAIL, 1 - TAIL))
        return float(low), float(high)

    def severity(self, kind: AnomalyType, value: float, usual: float) -> Severity:
        """Let more use inform, five times as much warn, less warn; falling silent (to a tenth) is critical."""
        if value < usual:
            return Severity.CRITICAL if value <= 0.1 * usual else Severity.WARNING
        return Severity.WARNING if value >= 5 * usual else Severity.INFO


def _count_evidence(count: float, mean: float, factor: float, size: float) -> float:
    """Return log P(count | mean x factor) / P(count | mean) of negative binomials of *size* (1 / spread)."""
    return count * log(factor) - (count + size) * log((size + mean * factor) / (size + mean))
