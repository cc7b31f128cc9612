"""How many users it takes, what so many can show, and when it will be decided. Pure.

Normal approximations: beyond a hundred users they and the exact figures are one. Variances are those of one user, in
the metric's own unit, as :class:`~session_buddy.experiments.estimates.Estimate` has them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf, sqrt

import msgspec
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from session_buddy.errors import InvalidInput
from session_buddy.experiments.effects import Effect
from session_buddy.experiments.sequential import always_valid_interval

__all__ = ["Arms", "detectable", "power", "proportion_power", "users_needed", "users_until_decided"]

_MOST_USERS = 1e12


class Arms(msgspec.Struct, frozen=True, kw_only=True):
    """How values vary in each arm, and how users are shared out."""

    control_variance: float
    treatment_variance: float
    control_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.control_share < 1:
            raise InvalidInput("control_share", f"{self.control_share} is not between 0 and 1.", remedy="Try 0.5.")
        for field in ("control_variance", "treatment_variance"):
            if not 0 <= getattr(self, field) < inf:
                raise InvalidInput(field, f"{getattr(self, field)} is no variance.", remedy="Give a number from 0 on.")

    def error(self, users: float) -> float:
        """Return the standard error of the difference with *users* in both arms together."""
        return sqrt(
            self.control_variance / (users * self.control_share)
            + self.treatment_variance / (users * (1 - self.control_share))
        )


def power(effect: float, arms: Arms, users: float, *, alpha: float = 0.05) -> float:
    """Return the chance that a two-sided test at *alpha* sees a true difference of *effect* with *users* in all."""
    return _power(effect, arms.error(users), arms.error(users), alpha)


def proportion_power(
    control: float, treatment: float, users: float, *, share: float = 0.5, alpha: float = 0.05
) -> float:
    """Return the same for two proportions tested with the variance of both together, of which *share* is control's.

    Source: J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions", 2003, section 4.2.
    """
    pooled = share * control + (1 - share) * treatment
    of_none = Arms(
        control_variance=pooled * (1 - pooled), treatment_variance=pooled * (1 - pooled), control_share=share
    )
    arms = Arms(
        control_variance=control * (1 - control), treatment_variance=treatment * (1 - treatment), control_share=share
    )
    return _power(treatment - control, arms.error(users), of_none.error(users), alpha)


def users_needed(effect: float, arms: Arms, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """Return how many users, of both arms, give the *wanted* power to see *effect*. Not rounded.

    Raises :class:`InvalidInput` for an effect of 0, which no number of users can show.
    """
    _require_power(alpha, wanted)
    if effect == 0:
        raise InvalidInput("effect", "0 cannot be seen by any number of users.", remedy="Give the least that matters.")
    # Where nothing varies, two users of each arm tell all.
    if arms.error(1) == 0:
        return 4.0
    guess = ((float(ndtri(1 - alpha / 2)) + float(ndtri(wanted))) * arms.error(1) / effect) ** 2
    return _root_near(lambda users: power(effect, arms, users, alpha=alpha) - wanted, guess)


def detectable(arms: Arms, users: float, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """Return the least difference that *users* in all show with the *wanted* power (minimum detectable effect)."""
    _require_power(alpha, wanted)
    error = arms.error(users)
    guess = (float(ndtri(1 - alpha / 2)) + float(ndtri(wanted))) * error
    return 0.0 if guess == 0 else _root_near(lambda effect: power(effect, arms, users, alpha=alpha) - wanted, guess)


def users_until_decided(effect: Effect, alpha: float, *, planned_units: float) -> int | None:
    """Return how many users, in all, make the always-valid interval leave 0 out if *effect* stays what it is.

    None where it would take more than a trillion: there is no effect to speak of.
    """
    for_one = effect.squared_error * effect.n

    def beyond(users: float) -> float:
        later = Effect(point=abs(effect.point), squared_error=for_one / users, degrees=inf, n=ceil(users))
        return always_valid_interval(later, alpha, planned_units=planned_units).low

    if beyond(effect.n) > 0:
        return effect.n
    if beyond(_MOST_USERS) <= 0:
        return None
    return ceil(_root(beyond, effect.n, _MOST_USERS, xtol=0.5))


def _power(effect: float, error: float, error_of_none: float, alpha: float) -> float:
    if error == 0:
        return 1.0 if effect else alpha
    bound = float(ndtri(1 - alpha / 2)) * error_of_none
    return float(ndtr((effect - bound) / error) + ndtr((-effect - bound) / error))


def _root_near(function: Callable[[float], float], guess: float) -> float:
    return _root(function, guess / 4, guess * 4, xtol=guess * 1e-13, rtol=1e-14)


def _root(function: Callable[[float], float], low: float, high: float, **tolerances: float) -> float:
    # Loading it takes a fifth of the time in which a server starts.
    from scipy.optimize import brentq  # type: ignore[import-untyped]

    return float(brentq(function, low, high, **tolerances))


def _require_power(alpha: float, wanted: float) -> None:
    if not 0 < alpha < wanted < 1:
        raise InvalidInput(
            "power",
            f"{wanted} is not between alpha ({alpha}) and 1.",
            remedy="Usual are a power of 0.8, alpha of 0.05.",
        )
