"""Where a success rate would lie if nothing had changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["expected_ranges"]

_ENOUGH = 20
"""Completed and failed uses without which a baseline promises nothing."""
_TAIL = 0.005
_MOST_TRIALS = 2_000
"""More trials than that narrow the range by less than a picture shows, and cost time."""


def expected_ranges(outcomes: Sequence[tuple[int, int]], reach: int) -> list[tuple[float, float] | None]:
    """Return for each bucket of (completed, failed) the range of its success rate if nothing had changed.

    The baseline of a bucket is the *reach* buckets before it, never the bucket itself. What the baseline says of the
    rate is a beta distribution (Jeffreys' prior: half a completed and half a failed use); how many of the bucket's
    uses complete is then beta-binomial, and the range holds its middle 99 %. ``None`` where the bucket is empty or
    the baseline has fewer than 20 completed and failed uses.

    >>> expected_ranges([(90, 10), (8, 2), (0, 0)], 2)[::2]
    [None, None]
    """
    ranges: list[tuple[float, float] | None] = []
    completed = failed = 0
    for place, (done, broken) in enumerate(outcomes):
        trials = done + broken
        enough = trials and completed + failed >= _ENOUGH
        ranges.append(_middle(completed + 0.5, failed + 0.5, min(trials, _MOST_TRIALS)) if enough else None)
        completed, failed = completed + done, failed + broken
        if place >= reach:
            gone = outcomes[place - reach]
            completed, failed = completed - gone[0], failed - gone[1]
    return ranges


def _middle(a: float, b: float, trials: int) -> tuple[float, float]:
    """Return the middle 99 % of a beta-binomial count, as fractions of *trials*."""
    # Here, not above: the command line shows reports too and should not wait for it.
    import numpy
    from scipy.special import betaln, gammaln  # type: ignore[import-untyped]

    counts = numpy.arange(trials + 1)
    ways = gammaln(trials + 1) - gammaln(counts + 1) - gammaln(trials - counts + 1)
    chances = numpy.exp(ways + betaln(counts + a, trials - counts + b) - betaln(a, b))
    low = int(numpy.searchsorted(numpy.cumsum(chances), _TAIL, side="right"))
    high = trials - int(numpy.searchsorted(numpy.cumsum(chances[::-1]), _TAIL, side="right"))
    return low / trials, high / trials
