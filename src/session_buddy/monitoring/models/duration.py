"""How mean durations scatter."""

from __future__ import annotations

from math import exp, log, sqrt

from session_buddy.monitoring.cusum import Spread
from session_buddy.monitoring.detector import AnomalyType, Metric, Severity
from session_buddy.monitoring.habit import Habit
from session_buddy.monitoring.models.base import Model, Thresholds
from session_buddy.monitoring.seasonality import Profile
from session_buddy.monitoring.series import Counts

__all__ = ["Duration"]

_REACH = 2.5758293035489004
"""99 % of a normal distribution lie within so many standard deviations."""


class Duration(Model):
    """Return the log of the hour's mean: durations scatter by factors. The more uses, the surer, up to a point."""

    metric = Metric.DURATION
    thresholds = Thresholds(drop=7.0, spike=6.0)
    least_shift = 0.3
    _FACTOR = 2.0
    _AT_MOST = 2.0
    _HALF = 20.0
    """So many uses are worth half of infinitely many: hours differ, however many uses they have."""
    _USES = 30.0

    def profile(self) -> Profile:
        """Lean firmly on the whole, as for the completion rate."""
        return Profile(class_prior=50.0, cell_prior=100.0, keep=0.84)

    def spread(self) -> Spread:
        """Begin with single uses that scatter by a factor of e."""
        return Spread(prior=1.0, prior_weight=10.0, keep=0.995, least=0.01)

    def measure(self, counts: Counts) -> tuple[float, float]:
        """Return the log of the mean, in seconds, weighted by what so many uses are worth."""
        if counts.duration_count == 0:
            return 0.0, 0.0
        weight = counts.duration_count * self._HALF / (counts.duration_count + self._HALF)
        # Half a millisecond stands for what was too short to measure.
        milliseconds = max(counts.duration_ms_sum / counts.duration_count, 0.5)
        return weight * log(milliseconds / 1000), weight

    def missing(self, profile: Profile, hours: int, habit: Habit) -> str | None:
        """Ask for 30 timed uses in the baseline, after weighting."""
        if profile.exposure < self._USES:
            return f"the baseline holds {profile.exposure:.0f} timed uses, {self._USES:.0f} are needed"
        return None

    def variance(self, mean: float, exposure: float, spread: float) -> float:
        """Return one proportional to the weight, as amounts are."""
        return exposure * spread

    def evidence(self, amount: float, exposure: float, mean: float, spread: float, doubt: float) -> tuple[float, float]:
        """Return normal likelihood ratios of the log against half and double, cut for each hour."""
        residual = amount / exposure - mean
        step = log(self._FACTOR)
        drop = exposure * (-(residual + doubt) * step - step**2 / 2) / spread
        spike = exposure * ((residual - doubt) * step - step**2 / 2) / spread
        return min(drop, self._AT_MOST), min(spike, self._AT_MOST)

    def scatter(self, amount: float, exposure: float, mean: float, spread: float) -> tuple[float, float]:
        """Return one squared residual in units of its weight, cut at 9 times the variance."""
        return min((amount / exposure - mean) ** 2 * exposure, 9.0 * spread), 1.0

    def band(self, mean: float, exposure: float, spread: float) -> tuple[float, float]:
        """Return limits that lie by the same factor below and above the mean."""
        reach = _REACH * sqrt(spread / exposure)
        return exp(mean - reach), exp(mean + reach)

    def severity(self, kind: AnomalyType, value: float, usual: float) -> Severity:
        """Let faster inform, slower warn; four times as slow is critical."""
        if value <= usual:
            return Severity.INFO
        return Severity.CRITICAL if value >= 4 * usual else Severity.WARNING

    def value(self, mean: float) -> float:
        """Return seconds."""
        return exp(mean)
