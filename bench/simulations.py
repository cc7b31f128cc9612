"""Experiments whose truth is known, many times over: how often is the verdict wrong? Seeded, in memory.

Users differ in how often they succeed, and bring several outcomes each, as real ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from session_buddy.experiments.effects import difference, lift
from session_buddy.experiments.estimates import Estimate, Unknown, adjusted_means, mean, ratio
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.sequential import always_valid_p

__all__ = ["ALPHA", "Peeking", "adjusting", "coverage", "no_effect", "peeking"]

ALPHA = 0.05
LIKE = 3.0
"""How alike the outcomes of one user are: the two numbers of the beta distribution of users' rates add up to it."""
Array = npt.NDArray[np.float64]


class Peeking(NamedTuple):
    """The share of experiments without an effect in which a winner was called, at whatever look."""

    sequential: float
    plain: float
    """Welch's t-test at each look."""


def users(rnd: np.random.Generator, n: int, rate: float) -> Array:
    """Return the completed and all outcomes of *n* users, a row each."""
    own = rnd.beta(rate * LIKE, (1 - rate) * LIKE, n)
    outcomes = rnd.poisson(6, n) + 1
    return np.column_stack([rnd.binomial(outcomes, own), outcomes]).astype(float)


def no_effect(runs: int, *, n: int = 500, rate: float = 0.6, seed: int = 1) -> dict[str, float]:
    """Return by test how many of *runs* experiments with nothing to find, *n* users an arm, found something."""
    rnd = np.random.default_rng(seed)
    found = dict.fromkeys(("ratio of outcomes, by user", "mean over users", "t-test on outcomes, as if each a user"), 0)
    by_ratio, by_mean, by_outcome = found
    for _ in range(runs):
        control, treatment = users(rnd, n, rate), users(rnd, n, rate)
        found[by_ratio] += _p(ratio(Moments.of(control)), ratio(Moments.of(treatment))) < ALPHA
        rates = [mean(Moments.of((arm[:, 0] / arm[:, 1])[:, None])) for arm in (control, treatment)]
        found[by_mean] += _p(*rates) < ALPHA
        found[by_outcome] += stats.ttest_ind_from_stats(*_flat(control), *_flat(treatment)).pvalue < ALPHA
    return {test: count / runs for test, count in found.items()}


def peeking(
    runs: int, *, least: int = 100, most: int = 2_000, every: int = 20, rate: float = 0.6, seed: int = 2
) -> Peeking:
    """Return what is called in *runs* experiments with nothing to find, looked at after *every* more users an arm."""
    rnd = np.random.default_rng(seed)
    sequential = plain = 0
    looks = range(least, most + 1, every)
    for _ in range(runs):
        arms = [_running(users(rnd, most, rate)) for _ in range(2)]
        effects = [difference(*(_known(ratio(_until(arm, look))) for arm in arms)) for look in looks]
        known = [effect for effect in effects if not isinstance(effect, Unknown)]
        sequential += any(always_valid_p(one, ALPHA, planned_units=4 * least) < ALPHA for one in known)
        plain += any(effect.p_value < ALPHA for effect in known)
    return Peeking(sequential / runs, plain / runs)


def coverage(runs: int, *, n: int = 500, rate: float = 0.6, better: float = 0.05, seed: int = 3) -> dict[str, float]:
    """Return how often 95 % intervals hold what is true, of treatment that succeeds more often by *better*."""
    rnd = np.random.default_rng(seed)
    held = {"difference": 0, "lift": 0}
    for _ in range(runs):
        arms = [_known(ratio(Moments.of(users(rnd, n, share)))) for share in (rate, rate + better)]
        for what, effect, truth in (
            ("difference", difference(*arms), better),
            ("lift", lift(*arms), better / rate),
        ):
            assert not isinstance(effect, Unknown)
            interval = effect.interval(ALPHA)
            held[what] += interval.low <= truth <= interval.high
    return {what: count / runs for what, count in held.items()}


def adjusting(runs: int, *, n: int = 500, correlation: float = 0.7, seed: int = 4) -> tuple[float, float]:
    """Return the variance of the effect with what was before taken out, as a share of that without; and 1 - rho^2."""
    rnd = np.random.default_rng(seed)
    plain, adjusted = [], []
    for _ in range(runs):
        before = rnd.normal(size=(2, n))
        after = correlation * before + np.sqrt(1 - correlation**2) * rnd.normal(size=(2, n))
        plain.append(after[1].mean() - after[0].mean())
        found = adjusted_means(*(Moments.of(np.column_stack(pair)) for pair in zip(after, before, strict=True)))
        assert not isinstance(found, Unknown)
        adjusted.append(found[1].value - found[0].value)
    return float(np.var(adjusted) / np.var(plain)), 1 - correlation**2


def _known(estimate: Estimate | Unknown) -> Estimate:
    assert not isinstance(estimate, Unknown), estimate
    return estimate


def _p(control: Estimate | Unknown, treatment: Estimate | Unknown) -> float:
    effect = difference(_known(control), _known(treatment))
    return 1.0 if isinstance(effect, Unknown) else effect.p_value


def _flat(arm: Array) -> tuple[Any, Any, int]:
    """Return mean, deviation and number of all outcomes, whoever brought them."""
    completed, outcomes = arm.sum(axis=0)
    rate = completed / outcomes
    return rate, np.sqrt(rate * (1 - rate) * outcomes / (outcomes - 1)), int(outcomes)


def _running(arm: Array) -> Array:
    """Return the sums of :class:`Moments` after each user."""
    over, under = arm.T
    return np.cumsum(np.column_stack([over, under, over * over, over * under, under * under]), axis=0)


def _until(sums: Array, n: int) -> Moments:
    told: Sequence[float] = sums[n - 1].tolist()
    return Moments.from_sums(n, told[:2], told[2:])
