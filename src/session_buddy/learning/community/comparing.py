"""Whether one user does better or worse than others with a skill, or whether nobody can tell. Pure."""

from __future__ import annotations

from enum import StrEnum
from math import hypot, sqrt

import msgspec

from session_buddy.formats import plural
from session_buddy.intervals import wilson_interval
from session_buddy.learning.community.counts import Counts

__all__ = ["Compared", "Estimate", "UserStanding", "compare", "estimate"]

_Z_95 = 1.959963984540054


class UserStanding(StrEnum):
    """Where a user stands."""

    ABOVE = "above"
    BELOW = "below"
    CANNOT_TELL = "cannot tell"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with the ends of its 95 % interval."""

    point: float
    low: float
    high: float


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a comparison."""

    standing: UserStanding
    reason: str
    """Why: one sentence."""
    difference: Estimate | None = None
    """The user's success minus that of the others, -1 to 1; ``None`` where one of them has none."""


def estimate(counts: Counts) -> Estimate | None:
    """Return the success of *counts* with its Wilson interval; ``None`` where nothing completed or failed.

    Uses are taken as if each stood for itself. Noise that was put into the counts widens the interval: a rate
    c / (c + f) whose c and f have noise of variance v varies by it by about v ((1 - p)² + p²) / (c + f)².
    """
    interval = wilson_interval(counts.completed, counts.concluded)
    rate = counts.rate
    if interval is None or rate is None:
        return None
    low, high = interval
    if counts.noise_variance:
        noise = _Z_95 * sqrt(counts.noise_variance * (rate**2 + (1 - rate) ** 2)) / counts.concluded
        low, high = max(0.0, rate - hypot(rate - low, noise)), min(1.0, rate + hypot(high - rate, noise))
    return Estimate(point=rate, low=low, high=high)


def compare(own: Counts, others: Counts | None, *, least_users: int) -> Compared:
    """Return where the user with *own* uses stands beside *others*, who must not be counting that user.

    The interval of the difference is made of the two intervals of :func:`estimate`: the "hybrid score" of R. G.
    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), method 10. It is at 95 %: of twenty skills in which a user is as good as the others, about one reads
    otherwise by chance. *others* of fewer than *least_users* are ``None``, and nothing is said of them.
    """
    if others is None:
        return _cannot_tell(f"Fewer than {plural(least_users, 'other user')} use it.")
    mine, theirs = estimate(own), estimate(others)
    if mine is None or theirs is None:
        whose = "these uses" if mine is None else "the uses of others"
        return _cannot_tell(f"None of {whose} completed or failed.")
    difference = Estimate(
        point=mine.point - theirs.point,
        low=mine.point - theirs.point - hypot(mine.point - mine.low, theirs.high - theirs.point),
        high=mine.point - theirs.point + hypot(mine.high - mine.point, theirs.point - theirs.low),
    )
    standing = _standing(difference)
    return Compared(standing=standing, reason=_reason(standing, own, difference), difference=difference)


def _cannot_tell(reason: str) -> Compared:
    return Compared(standing=UserStanding.CANNOT_TELL, reason=reason)


def _standing(difference: Estimate) -> UserStanding:
    if difference.low > 0:
        return UserStanding.ABOVE
    return UserStanding.BELOW if difference.high < 0 else UserStanding.CANNOT_TELL


def _reason(standing: UserStanding, own: Counts, difference: Estimate) -> str:
    ends = f"{100 * difference.low:+.0f} to {100 * difference.high:+.0f} points"
    if standing is UserStanding.CANNOT_TELL:
        return f"With {plural(own.concluded, 'use')} the difference may be chance: {ends}."
    return f"{100 * difference.point:+.0f} points beside the others, {ends}."
