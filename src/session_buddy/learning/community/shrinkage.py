"""What a rate is likely to be when few uses are behind it: drawn towards what skills usually reach. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["BetaPrior", "fitted_prior"]

_LEAST_SKILLS = 3
"""Fewer say nothing of how skills differ."""
_LARGEST_STRENGTH = 1e6
"""Where skills differ by no more than chance: every rate is the mean of all, for any number of uses."""
_ROUNDS = 50
_STILL = 1e-10


class BetaPrior(msgspec.Struct, frozen=True, kw_only=True):
    """How success varies between skills: ``mean``, and ``strength``, as many uses as it weighs.

    The Beta distribution with alpha = mean × strength and beta = (1 - mean) × strength.
    """

    mean: float
    strength: float

    def shrunken(self, completed: int, concluded: int) -> float:
        """Return the posterior mean (alpha + completed) / (alpha + beta + concluded), 0-1.

        With few uses it is near the mean of all skills, with many near the rate itself.
        Source: G. Casella, "An introduction to empirical Bayes data analysis", The American Statistician 39 (1985).
        """
        return (self.mean * self.strength + completed) / (self.strength + concluded)


def fitted_prior(outcomes: Sequence[tuple[int, int]]) -> BetaPrior | None:
    """Return the prior that skills with these *outcomes* (completed, completed and failed) speak for, by moments.

    A rate over n uses varies around the mean m by m (1 - m) (g + (1 - g) / n), where g = 1 / (1 + strength).
    With weights w that add up to 1, the weighted sum of squares about the weighted mean has the expectation
    m (1 - m) (g A + (1 - g) B) with A = Σ w (1 - w) and B = Σ w (1 - w) / n, which gives g. Weights are
    proportional to n / (1 + g (n - 1)), and g and weights are found in turns.
    Source: J. C. Kleinman, "Proportions with extraneous variance: single and independent samples", Journal of the
    American Statistical Association 68 (1973).

    ``None`` where fewer than three skills have outcomes, or where all of them have the same one.
    """
    told = [(completed, n) for completed, n in outcomes if n > 0]
    if len(told) < _LEAST_SKILLS:
        return None
    share = 0.0
    for _ in range(_ROUNDS):
        before = share
        mean, share = _moments(told, share)
        if not 0 < mean < 1:
            return None
        if abs(share - before) < _STILL:
            break
    strength = (1 - share) / share if share > 0 else _LARGEST_STRENGTH
    return BetaPrior(mean=mean, strength=min(strength, _LARGEST_STRENGTH))


def _moments(told: Sequence[tuple[int, int]], share: float) -> tuple[float, float]:
    """Return the mean, and the share g of the variance that is not chance, with weights that follow from *share*."""
    raw = [n / (1 + share * (n - 1)) for _, n in told]
    weights = [one / sum(raw) for one in raw]
    mean = sum(w * completed / n for w, (completed, n) in zip(weights, told, strict=True))
    if not 0 < mean < 1:
        return mean, share
    squares = sum(w * (completed / n - mean) ** 2 for w, (completed, n) in zip(weights, told, strict=True))
    spread = sum(w * (1 - w) for w in weights)
    chance = sum(w * (1 - w) / n for w, (_, n) in zip(weights, told, strict=True))
    if spread <= chance:
        # One use of each skill: what differs between skills and what is chance cannot be told apart.
        return mean, 0.0
    return mean, min(1.0, max(0.0, (squares / (mean * (1 - mean)) - chance) / (spread - chance)))
