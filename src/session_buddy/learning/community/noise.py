"""Noise that hides whether any one user is among many: what ε says, and exact draws. Pure, given a generator.

The unit of privacy is **one user**: what is published is about as likely with and without everything that this user
ever did. So what one user can add is bounded first (clipped): to ten skills, chosen at random, and to ten uses of
each, drawn at random from all of that user's. Then the number of users of all skills together changes by at most 10
with any user, and the numbers of completed, failed and other uses by at most 100: these are the sensitivities. A
quarter of ε goes to the first, the rest to the second, and every count gets noise of scale sensitivity / share of ε.

The noise is the Laplace distribution of whole numbers, P(k) proportional to exp(-|k| / scale): the geometric mechanism
of A. Ghosh, T. Roughgarden and M. Sundararajan, "Universally utility-maximizing privacy mechanisms" (2009). It is drawn
exactly, with whole numbers alone, since digits of fractions can give away what they hide: C. Canonne, G. Kamath and
T. Steinke, "The discrete Gaussian for differential privacy" (2020), algorithms 1 and 2.

ε covers the counts. That a skill is there at all says without noise that at least the minimum of users have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import exp
from random import Random

import msgspec

from session_buddy.errors import InvalidInput

__all__ = [
    "LARGEST_EPSILON",
    "SKILLS_PER_USER",
    "USES_PER_SKILL",
    "Ends",
    "NoisedCounts",
    "count_variance",
    "discrete_laplace",
    "noised_counts",
    "require_epsilon",
]

SKILLS_PER_USER = 10
USES_PER_SKILL = 10
LARGEST_EPSILON = 100.0
"""Beyond it noise hides nothing."""
_SMALLEST_EPSILON = 0.01
_OF_USERS = Fraction(1, 4)
"""The share of ε that numbers of users are noised with."""


class Ends(msgspec.Struct, frozen=True):
    """How the uses of one skill by one user ended."""

    completed: int
    failed: int
    other: int


class NoisedCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one skill with noise in them, made possible again: whole, not negative, and consistent."""

    users: int
    invocations: int
    completed: int
    failed: int


def require_epsilon(epsilon: float) -> None:
    """Raise :class:`InvalidInput` for an ε that hides nothing, or everything."""
    if not _SMALLEST_EPSILON <= epsilon <= LARGEST_EPSILON:
        raise InvalidInput(
            "epsilon",
            f"{epsilon} is not from {_SMALLEST_EPSILON} to {LARGEST_EPSILON:.0f}.",
            remedy="Give 1, say: less hides more.",
        )


def noised_counts(
    users: Iterable[Mapping[str, Ends]],
    skills: Iterable[str],
    epsilon: float,
    generator: Random,
    *,
    least_users: int,
) -> dict[str, NoisedCounts]:
    """Return the counts of *skills* over *users*, each of whom brings what they did with these, with noise for ε.

    What is said here of *users* of a skill is never fewer than *least_users*, which is known of all of them anyway.
    """
    require_epsilon(epsilon)
    sums = {skill: [0, 0, 0, 0] for skill in skills}
    for user in users:
        for skill, ends in _clipped(user, generator).items():
            for place, value in enumerate((1, ends.completed, ends.failed, ends.other)):
                sums[skill][place] += value
    of_users, of_uses = _scales(epsilon)
    noised = {}
    for skill, (people, *uses) in sums.items():
        n = max(least_users, people + discrete_laplace(of_users, generator))
        completed, failed, other = (max(0, count + discrete_laplace(of_uses, generator)) for count in uses)
        noised[skill] = NoisedCounts(
            users=n, invocations=max(n, completed + failed + other), completed=completed, failed=failed
        )
    return noised


def count_variance(epsilon: float) -> float:
    """Return the variance of the noise in a number of completed or failed uses.

    That of the distribution with a = exp(-1 / scale): 2 a / (1 - a)².
    """
    a = exp(-1 / float(_scales(epsilon)[1]))
    return 2 * a / (1 - a) ** 2


def discrete_laplace(scale: Fraction, generator: Random) -> int:
    """Return a whole number k, drawn exactly, with probability proportional to exp(-abs(k) / *scale*)."""
    t, s = scale.numerator, scale.denominator
    while True:
        low = generator.randrange(t)
        if not _happens(low, t, generator):
            continue
        high = 0
        while _happens(1, 1, generator):
            high += 1
        size = (low + t * high) // s
        negative = generator.randrange(2) == 1
        # Zero has no sign: it would come twice as often.
        if not (negative and size == 0):
            return -size if negative else size


def _happens(numerator: int, denominator: int, generator: Random) -> bool:
    """Say yes with probability exp(-numerator / denominator), for a fraction from 0 to 1."""
    k = 1
    while generator.randrange(denominator * k) < numerator:
        k += 1
    return k % 2 == 1


def _scales(epsilon: float) -> tuple[Fraction, Fraction]:
    exact = Fraction(str(epsilon))
    return (
        SKILLS_PER_USER / (_OF_USERS * exact),
        SKILLS_PER_USER * USES_PER_SKILL / ((1 - _OF_USERS) * exact),
    )


def _clipped(user: Mapping[str, Ends], generator: Random) -> dict[str, Ends]:
    names = sorted(user)
    if len(names) > SKILLS_PER_USER:
        names = generator.sample(names, SKILLS_PER_USER)
    return {name: _drawn(user[name], generator) for name in names}


def _drawn(ends: Ends, generator: Random) -> Ends:
    """Return ten of these uses, drawn at random, or all of fewer: shares stay as they are, on average."""
    total = ends.completed + ends.failed + ends.other
    if total <= USES_PER_SKILL:
        return ends
    drawn = generator.sample(range(total), USES_PER_SKILL)
    completed = sum(place < ends.completed for place in drawn)
    other = sum(place >= ends.completed + ends.failed for place in drawn)
    return Ends(completed, len(drawn) - completed - other, other)
