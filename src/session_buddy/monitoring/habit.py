"""Is a skill used regularly? On which of the last four weeks' days there was use."""

from __future__ import annotations

import msgspec

__all__ = ["DAYS_OF_HABIT", "Habit"]

DAYS_OF_HABIT = 28


class Habit(msgspec.Struct):
    """The days of the last four weeks that are over."""

    days: int = 0
    """How many were seen, 28 at most."""
    used: int = 0
    """A bit for each of them, 1 where there was use; the lowest is the last day."""

    @property
    def days_used(self) -> int:
        """On how many of them there was use."""
        return self.used.bit_count()

    def learn(self, is_used: bool) -> None:
        """Take in a day that is over."""
        self.days = min(self.days + 1, DAYS_OF_HABIT)
        self.used = (self.used << 1 | is_used) & ((1 << DAYS_OF_HABIT) - 1)
