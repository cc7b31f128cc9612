"""What many uses of one skill amount to: sums that add. Pure."""

from __future__ import annotations

import msgspec

from session_buddy.model import Kind

__all__ = ["NOBODY", "Baseline", "Counts"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of one skill by some users; sums of several are sums of their fields, whoever counted them.

    The same person in two stores is two users: nobody can tell.
    """

    users: int = 0
    invocations: int = 0
    completed: int = 0
    failed: int = 0
    duration_seconds: float = 0.0
    """All durations together."""
    timed: int = 0
    """How many uses these durations are of."""
    noise_variance: float = 0.0
    """Of the noise that was put into ``completed``, and as much into ``failed``; 0 where they are exact."""

    @property
    def concluded(self) -> int:
        """Uses that completed or failed: those that success is counted over."""
        return self.completed + self.failed

    @property
    def rate(self) -> float | None:
        """Success: completed of completed and failed, 0-1; ``None`` where there is neither."""
        return self.completed / self.concluded if self.concluded else None

    @property
    def avg_duration_seconds(self) -> float | None:
        """The mean of the durations that are known; ``None`` for none."""
        return self.duration_seconds / self.timed if self.timed else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            users=self.users + other.users,
            invocations=self.invocations + other.invocations,
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            duration_seconds=self.duration_seconds + other.duration_seconds,
            timed=self.timed + other.timed,
            noise_variance=self.noise_variance + other.noise_variance,
        )

    def without(self, part: Counts) -> Counts:
        """Return what is left when *part*, which is among these uses, is taken out."""
        timed = self.timed - part.timed
        return Counts(
            users=self.users - part.users,
            invocations=self.invocations - part.invocations,
            completed=self.completed - part.completed,
            failed=self.failed - part.failed,
            # What is left of a difference of sums may be a crumb, also below zero.
            duration_seconds=max(0.0, self.duration_seconds - part.duration_seconds) if timed else 0.0,
            timed=timed,
            noise_variance=self.noise_variance,
        )


NOBODY = Counts()
"""No use by anybody."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One skill over all users of a store, or over one. Of few users it must not be shown to others."""

    skill: str
    kind: Kind
    counts: Counts
    phase: str | None
    """The most common one."""
