"""The bounds of duration histograms, the same on every engine and in every exposition."""

from __future__ import annotations

from bisect import bisect_left

__all__ = ["BOUNDS_MS", "UNBOUNDED_MS", "bound_of", "quantile_ms"]

UNBOUNDED_MS = 2**63 - 1
"""Stands for "longer than all bounds"."""
BOUNDS_MS = (
    *sorted({int(step * 10**decade) for decade in range(7) for step in (1, 1.5, 2, 3, 5, 7)}),
    10**7,
    UNBOUNDED_MS,
)
"""Upper bounds in milliseconds, each inclusive: six in a decade from 1 ms to nearly 3 hours, so that a quantile read
between two of them is off by a quarter at most."""


def bound_of(duration_ms: int) -> int:
    """Return the bound under which *duration_ms* is counted.

    >>> bound_of(0), bound_of(7), bound_of(8), bound_of(10**9) == UNBOUNDED_MS
    (1, 7, 10, True)
    """
    return BOUNDS_MS[bisect_left(BOUNDS_MS, duration_ms)]


def quantile_ms(counts: dict[int, int], q: float) -> float | None:
    """Return the *q* quantile (0-1) of durations counted by bound, in ms; ``None`` for none.

    Within a bucket durations are taken to be spread evenly, as Prometheus' ``histogram_quantile`` does; beyond the
    last bound that bound is returned.

    >>> quantile_ms({10: 1, 20: 2}, 0.5)
    16.25
    """
    rank = q * sum(counts.values())
    if not counts or (rank <= 0 and not any(counts.values())):
        return None
    below = 0
    for place, bound in enumerate(BOUNDS_MS):
        within = counts.get(bound, 0)
        if within and below + within >= rank:
            lower = BOUNDS_MS[place - 1] if place else 0
            return float(lower) if bound == UNBOUNDED_MS else lower + (bound - lower) * (rank - below) / within
        below += within
    return None
