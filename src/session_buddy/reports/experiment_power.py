"""``experiment power``: how many users an experiment takes, and what so many can show. Pure."""

from __future__ import annotations

from math import ceil, inf, isfinite

import msgspec
from scipy.special import ndtri  # type: ignore[import-untyped]

from session_buddy.errors import InvalidInput
from session_buddy.experiments.effects import Effect
from session_buddy.experiments.power import Arms, detectable, power, users_needed
from session_buddy.experiments.sequential import always_valid_interval

__all__ = [
    "LEAST_POWER",
    "LEAST_RATIO",
    "LEAST_USERS",
    "MOST_ALPHA",
    "MOST_POWER",
    "MOST_USERS",
    "PowerFigures",
    "PowerQuestion",
    "read_power",
]

LEAST_USERS, MOST_USERS = 4, 10**12
MOST_ALPHA = 0.2
LEAST_POWER, MOST_POWER = 0.5, 0.9999
LEAST_RATIO = 0.001
"""Of either variant."""
_LEAST = 1e-9
_LEAST_PLANNED = 400.0
"""As experiments plan: their always-valid intervals are tightest there or later."""


class PowerQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected: control's value, how users differ, and either the lift that matters or the users there are."""

    baseline: float
    """Control's value: a rate 0-1, or with ``spread`` any figure."""
    spread: float | None = None
    """The standard deviation between users. Left out, the baseline is a rate, and all uses of a user end alike, which
    asks for the most users."""
    lift: float | None = None
    """The least relative change that matters; 0.05 is five percent more."""
    users: int | None = None
    """In both variants together."""
    alpha: float = 0.05
    power: float = 0.8
    """The chance of seeing that lift where it is there."""
    ratio: float = 0.5
    """The share of control."""


class PowerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How many users it takes, and what so many show; what was not asked for is ``null``."""

    question: PowerQuestion
    users_at_once: int | None
    """Of both variants, to see the lift at one look at the end (method ``fixed``)."""
    users_at_any_time: int | None
    """The same where figures are looked at all the time (method ``sequential``); often it takes fewer, since an
    experiment may end as soon as it tells."""
    least_in_each: int | None
    """A ``min_sample_size`` that goes with it."""
    power_at_once: float | None
    """The chance that ``users`` see ``lift`` at one look."""
    detectable_lift: float | None
    """The least lift that ``users`` see with ``power`` at one look."""


def read_power(question: PowerQuestion) -> PowerFigures:
    """Return the answer; raises :class:`InvalidInput`, which names the field, for what makes no sense.

    Normal approximations, good from a hundred users on; see :mod:`session_buddy.experiments.power`.
    """
    _require(question)
    arms = _arms(question)
    effect = None if question.lift is None else question.lift * question.baseline
    at_once = at_any_time = least = power_at_once = detectable_lift = None
    if effect is not None:
        needed = users_needed(effect, arms, alpha=question.alpha, wanted=question.power)
        at_once = _whole(needed)
        least = max(1, ceil(at_once * min(question.ratio, 1 - question.ratio)))
        at_any_time = _sequential(effect, arms, question, least)
    if question.users is not None:
        same = arms if question.spread is not None else _rate_arms(question, question.baseline)
        found = detectable(same, question.users, alpha=question.alpha, wanted=question.power)
        detectable_lift = found / abs(question.baseline)
        if effect is not None:
            power_at_once = power(effect, arms, question.users, alpha=question.alpha)
    return PowerFigures(
        question=question,
        users_at_once=at_once,
        users_at_any_time=at_any_time,
        least_in_each=least,
        power_at_once=power_at_once,
        detectable_lift=detectable_lift,
    )


def _sequential(effect: float, arms: Arms, question: PowerQuestion, least: int) -> int:
    """Return with how many users the always-valid interval of one look leaves 0 out with the power asked for."""
    planned = max(_LEAST_PLANNED, 4.0 * least)
    margin = float(ndtri(question.power))

    def tells(users: int) -> bool:
        error = arms.error(users)
        # Where the estimate falls short of the effect by what the power allows, 0 must still lie outside.
        short = Effect(point=abs(effect) - margin * error, squared_error=error**2, degrees=inf, n=users)
        return error == 0 or always_valid_interval(short, question.alpha, planned_units=planned).low > 0

    low, high = LEAST_USERS, LEAST_USERS
    while not tells(high):
        low, high = high, high * 2
        if high > 4 * MOST_USERS:
            raise _too_many()
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if tells(middle) else (middle + 1, high)
    return high


def _arms(question: PowerQuestion) -> Arms:
    if question.spread is None:
        return _rate_arms(question, question.baseline * (1 + (question.lift or 0.0)))
    variance = question.spread**2
    return Arms(control_variance=variance, treatment_variance=variance, control_share=question.ratio)


def _rate_arms(question: PowerQuestion, treatment: float) -> Arms:
    return Arms(
        control_variance=question.baseline * (1 - question.baseline),
        treatment_variance=treatment * (1 - treatment),
        control_share=question.ratio,
    )


def _require(question: PowerQuestion) -> None:
    def refuse(field: str, problem: str, remedy: str) -> None:
        raise InvalidInput(field, problem, remedy=remedy)

    for field in ("baseline", "spread", "lift", "alpha", "power", "ratio"):
        value = getattr(question, field)
        if value is not None and not (isfinite(value) and (value == 0 or _LEAST <= abs(value) <= 1 / _LEAST)):
            refuse(field, f"{value} is no figure to reckon with.", "Give a plain number.")
    if question.lift is None and question.users is None:
        refuse("lift", "is missing, and so are the users.", "Say which lift matters, or how many users there are.")
    if question.users is not None and not LEAST_USERS <= question.users <= MOST_USERS:
        refuse("users", f"{question.users} is out of range.", f"Give {LEAST_USERS} to {MOST_USERS:,}.")
    if not LEAST_RATIO <= question.ratio <= 1 - LEAST_RATIO:
        refuse("ratio", f"{question.ratio} leaves one variant nobody.", "Give the share of control; 0.5 is half.")
    if not 0 < question.alpha <= MOST_ALPHA:
        refuse("alpha", f"{question.alpha} is not between 0 and {MOST_ALPHA}.", "Usual is 0.05.")
    if not LEAST_POWER <= question.power <= MOST_POWER:
        refuse("power", f"{question.power} is not between {LEAST_POWER} and {MOST_POWER}.", "Usual is 0.8.")
    if question.spread is None:
        treatment = question.baseline * (1 + (question.lift or 0.0))
        if not (0 < question.baseline < 1 and 0 < treatment < 1):
            told = "" if question.lift is None else f", or {treatment:.4g} with that lift,"
            refuse("baseline", f"{question.baseline:g}{told} is no rate.", "Give it as 0-1, or the spread as well.")
    elif question.spread <= 0 or question.baseline == 0:
        field = "baseline" if question.baseline == 0 else "spread"
        refuse(field, "0 or less leaves nothing to reckon with.", "Give what is expected of control.")
    if question.lift == 0:
        refuse("lift", "0 cannot be seen by any number of users.", "Give the least that matters; 0.05 is 5 %.")


def _whole(users: float) -> int:
    if users > MOST_USERS:
        raise _too_many()
    return max(LEAST_USERS, ceil(users))


def _too_many() -> InvalidInput:
    return InvalidInput(
        "lift", "asks for more users than there are people.", remedy="Give a larger one: the least that matters."
    )
