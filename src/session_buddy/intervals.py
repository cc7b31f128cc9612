"""How sure a rate is."""

from __future__ import annotations

from math import sqrt

__all__ = ["wilson_interval"]

_Z_95 = 1.959963984540054


def wilson_interval(successes: int, trials: int, z: float = _Z_95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a proportion (95 % unless *z* says otherwise), ``None`` for no trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if trials == 0:
        return None
    rate = successes / trials
    shrink = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / shrink
    reach = z / shrink * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    # Exact at the ends, where rounding would leave a crumb.
    return (0.0 if successes == 0 else centre - reach, 1.0 if successes == trials else centre + reach)
