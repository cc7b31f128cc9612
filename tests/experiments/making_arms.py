"""Arms of made-up users, and the same sums as the oracle takes them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gbstats.models.statistics import (
    ProportionStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)

from session_buddy.experiments.moments import Moments

Array = npt.NDArray[np.float64]


def users(rnd: np.random.Generator, n: int, *, rate: float = 0.6, like: float = 3.0) -> Array:
    """Return *n* rows: completed and all outcomes, the same from before; users differ in how often they succeed."""
    own = rnd.beta(rate * like, (1 - rate) * like, n)
    outcomes, before = rnd.poisson(6, n) + 1, rnd.poisson(4, n) + 1
    completed, completed_before = rnd.binomial(outcomes, own), rnd.binomial(before, own)
    return np.column_stack([completed, outcomes, completed_before, before]).astype(float)


def oracle_mean(values: Array) -> SampleMeanStatistic:
    return SampleMeanStatistic(n=len(values), sum=float(values.sum()), sum_squares=float((values**2).sum()))


def oracle_proportion(n: int, successes: int) -> ProportionStatistic:
    return ProportionStatistic(n=n, sum=successes)


def oracle_ratio(over: Array, under: Array) -> RatioStatistic:
    return RatioStatistic(
        n=len(over),
        m_statistic=oracle_mean(over),
        d_statistic=oracle_mean(under),
        m_d_sum_of_products=float((over * under).sum()),
    )


def oracle_adjusted(after: Array, before: Array, theta: float = 0.0) -> RegressionAdjustedStatistic:
    return RegressionAdjustedStatistic(
        n=len(after),
        post_statistic=oracle_mean(after),
        pre_statistic=oracle_mean(before),
        post_pre_sum_of_products=float((after * before).sum()),
        theta=theta,
    )


def moments(*columns: Array) -> Moments:
    return Moments.of(np.column_stack(columns))
