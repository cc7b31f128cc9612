"""When to try again, and when to give up. Pure: time and chance are given."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import msgspec

__all__ = ["Attempts", "Backoff", "seconds_asked"]

_PATIENCE_FOR_ONE = 300.0
"""No server is believed that asks for a longer wait."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait before trying again: longer each time, and never in step with other clients."""

    first_seconds: float = 0.2
    longest_seconds: float = 15.0
    chance: Callable[[], float] = random.Random().random
    """Returns a number from 0 to 1."""

    def wait(self, failures: int) -> float:
        """Return the seconds to wait after so many *failures* in a row: half of it is left to chance."""
        exponent = min(failures - 1, 60)
        return min(self.first_seconds * 2.0**exponent, self.longest_seconds) * (0.5 + 0.5 * self.chance())


class Attempts:
    """Counts failures in a row; gives up when they have lasted for *patience_seconds*, or never without it."""

    def __init__(self, backoff: Backoff, patience_seconds: float | None, now: Callable[[], float]) -> None:
        self._backoff, self._patience_seconds, self._now = backoff, patience_seconds, now
        self._failures = 0
        self._since = 0.0

    def succeeded(self) -> None:
        """Note that it works."""
        self._failures = 0

    def failed(self, *, asked_to_wait: float = 0.0) -> float | None:
        """Note a failure; returns the seconds to wait before trying again, None to give up.

        *asked_to_wait* is the least that the server wants.
        """
        if self._failures == 0:
            self._since = self._now()
        self._failures += 1
        wait = max(self._backoff.wait(self._failures), min(asked_to_wait, _PATIENCE_FOR_ONE))
        if self._patience_seconds is not None and self._now() + wait - self._since > self._patience_seconds:
            return None
        return wait


def seconds_asked(retry_after: str | None) -> float:
    """Return the seconds that a header ``Retry-After`` asks for; 0 for none, or one that is no number."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
