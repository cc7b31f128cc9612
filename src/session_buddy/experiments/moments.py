"""Sums over users, and of products of two variables: all that a test of means needs. Pure.

An engine makes them in one query; those of partitions, shards and arms add up to those of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Moments"]

_NOTHING = 1e-12
"""Of the sum of squares: a variation below it is what rounding leaves of none."""


class Moments(msgspec.Struct, frozen=True):
    """Of *k* variables over ``n`` users: their sums and the sums of their products."""

    n: int
    sums: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]
    """``products[i][j]`` is the sum of the i-th times the j-th variable; symmetric, *k* by *k*."""

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Moments:
        """Return the moments of *values*, a row for each user and a column for each variable.

        >>> Moments.of([[1.0], [2.0], [6.0]])
        Moments(n=3, sums=(9.0,), products=((41.0,),))
        """
        array = np.asarray(values, dtype=float)
        products = array.T @ array
        return cls(len(array), tuple(array.sum(axis=0).tolist()), tuple(map(tuple, products.tolist())))

    @classmethod
    def from_sums(cls, n: int, sums: Sequence[float], triangle: Sequence[float]) -> Moments:
        """Return the moments with *triangle*, the products of each variable with itself and those after it, in order.

        >>> Moments.from_sums(2, [3, 5], [5, 8, 13]).products
        ((5.0, 8.0), (8.0, 13.0))
        """
        size = len(sums)
        full = np.zeros((size, size))
        full[np.triu_indices(size)] = triangle
        full = np.triu(full) + np.triu(full, 1).T
        return cls(n, tuple(map(float, sums)), tuple(map(tuple, full.tolist())))

    def __add__(self, other: Moments) -> Moments:
        products = np.add(self.products, other.products)
        return Moments(
            self.n + other.n, tuple(np.add(self.sums, other.sums).tolist()), tuple(map(tuple, products.tolist()))
        )

    def mean(self, variable: int) -> float:
        """Return the mean over users; ``n`` must not be 0."""
        return self.sums[variable] / self.n

    def covariance(self, one: int, other: int) -> float:
        """Return the sample covariance (divisor ``n - 1``) of two variables; ``n`` must be 2 or more.

        Exactly 0 where it is nothing but rounding.
        """
        product = self.products[one][other]
        scatter = product - self.sums[one] * self.sums[other] / self.n
        scale = (self.products[one][one] * self.products[other][other]) ** 0.5
        return 0.0 if abs(scatter) <= _NOTHING * scale else scatter / (self.n - 1)

    def scatter(self, gradient: Sequence[float]) -> float:
        """Return the sample variance of the sum of the variables, each times its part of *gradient*; never negative.

        By the delta method this is the variance, for one user, of a function of means with that gradient.
        """
        weights = np.asarray(gradient, dtype=float)
        size = range(len(weights))
        covariances = np.array([[self.covariance(i, j) for j in size] for i in size])
        parts = np.abs(np.outer(weights, weights) * covariances).sum()
        total = float(weights @ covariances @ weights)
        return 0.0 if total <= _NOTHING * parts else total
