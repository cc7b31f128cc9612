"""Several p-values at once: what each is worth when there are more of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* adjusted so that calling those below alpha true is wrong at all in at most alpha of families.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979).

    >>> holm([0.01, 0.04])
    [0.02, 0.04]
    """
    given = np.asarray(p_values, dtype=float)
    order = np.argsort(given, kind="stable")
    steps = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    return _placed(order, steps)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* adjusted so that, of those below alpha, at most a share of alpha is expected to be false.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", JRSS B 57 (1995).

    >>> benjamini_hochberg([0.01, 0.04])
    [0.02, 0.04]
    """
    given = np.asarray(p_values, dtype=float)
    size = len(given)
    order = np.argsort(given, kind="stable")
    steps = np.minimum.accumulate((given[order] * size / np.arange(1, size + 1))[::-1])[::-1]
    return _placed(order, steps)


def _placed(order: np.ndarray, steps: np.ndarray) -> list[float]:
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]
