"""From what is known before a use to what a model looks at. Pure.

Rates of few uses are drawn towards what they are a part of: a skill towards its kind, a user's uses of it towards all
uses of it, and so on: rate = (completed + w * prior) / (completed + failed + w).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from session_buddy.prediction.history import FACTS
from session_buddy.prediction.uses import KINDS, PHASES

__all__ = ["CATEGORIES", "FEATURES", "GROUPS", "PLAIN_RATE", "RATES", "Group", "columns_of", "features_of"]

Numbers = NDArray[np.float64]


class Group(NamedTuple):
    """Features that tell of one thing, and are explained together."""

    name: str
    meaning: str
    features: tuple[str, ...]


GROUPS = (
    Group("skill", "its rate in all", ("all_rate", "kind_rate", "skill_rate", "skill_uses", "kind")),
    Group("recent", "its last uses anywhere", ("recent_rate", "skill_ago")),
    Group("user", "its rate with this user", ("user_skill_rate", "user_skill_uses", "user_uses")),
    Group("phase", "the phase of the work", ("phase", "phase_rate")),
    Group(
        "here",
        "its uses in this session, or that there are none",
        (
            "here_rate", "here_last", "here_uses", "here_failures_in_a_row", "here_ago", "here_steps_ago",
            "here_changes_since",
        ),
    ),
    Group(
        "session",
        "how the session goes",
        (
            "session_rate", "session_recent_rate", "session_failures_in_a_row", "session_failing", "session_failed",
            "steps_since_failure", "kind_here_rate", "session_uses", "session_age",
        ),
    ),
    Group(
        "previous",
        "what came just before",
        ("last_outcome", "previous_rate", "previous_is_same", "previous_kind", "previous_ago"),
    ),
    Group("time", "the hour and the day of the week (UTC)", ("hour", "weekday")),
)  # fmt: skip
"""Every feature is in one of them."""

FEATURES = tuple(feature for group in GROUPS for feature in group.features)
"""What models look at; the columns of :func:`features_of`."""
PLAIN_RATE = len(FEATURES)
"""One more column, for a baseline alone: the skill's rate, drawn towards that of all by one use."""
RATES = tuple(name for name in FEATURES if name.endswith("_rate"))
"""Features that are fractions 0-1; the higher, the likelier it is that a use completes."""
CATEGORIES: dict[str, tuple[float, ...]] = {
    "phase": tuple(float(code) for code in range(len(PHASES))),
    "kind": tuple(float(code) for code in range(len(KINDS))),
    "previous_kind": (-1.0, *(float(code) for code in range(len(KINDS)))),
    "last_outcome": (0.0, 1.0, 2.0, 3.0),
    "here_last": (0.0, 1.0, 2.0),
}
"""Features whose numbers are names."""

_LONGEST_SECONDS = 30 * 86_400.0
_LONGEST_STEPS = 200.0
_PLACES = {name: place for place, name in enumerate(FACTS)}


def features_of(facts: Numbers) -> Numbers:
    """Return for each row of *facts* (columns: ``FACTS``) its features, and :data:`PLAIN_RATE` behind them.

    All of them are finite.
    """
    made = _computed(facts)
    return np.column_stack([*(made[name] for name in FEATURES), made["plain"]])


def columns_of(names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the columns of the features called *names*."""
    return np.array([FEATURES.index(name) for name in names], dtype=np.int64)


def _computed(facts: Numbers) -> dict[str, Numbers]:
    def fact(name: str) -> Numbers:
        column: Numbers = facts[:, _PLACES[name]]
        return column

    def rate(name: str, prior: Numbers, weight: float) -> Numbers:
        completed = fact(f"{name}_completed")
        drawn: Numbers = (completed + weight * prior) / (completed + fact(f"{name}_failed") + weight)
        return drawn

    def uses(name: str) -> Numbers:
        return np.log1p(fact(f"{name}_completed") + fact(f"{name}_failed"))

    def logged(name: str, most: float) -> Numbers:
        """Return the logarithm of how long ago, where what never was is as long ago as anything."""
        known = fact(name)
        return np.log1p(np.minimum(np.where(known < 0, most, known), most))

    every = rate("all", np.full(len(facts), 0.5), 2)
    kind = rate("kind", every, 10)
    skill = rate("skill", kind, 10)
    recent = rate("recent", skill, 3)
    taken = {
        name: fact(name)
        for name in (
            "phase",
            "kind",
            "hour",
            "weekday",
            "here_last",
            "last_outcome",
            "previous_is_same",
            "previous_kind",
        )
    }
    counted = {
        name: np.log1p(fact(name))
        for name in (
            "user_uses",
            "here_failures_in_a_row",
            "session_failures_in_a_row",
            "session_failed",
            "session_uses",
        )
    }
    return (
        taken
        | counted
        | {
            "all_rate": every,
            "kind_rate": kind,
            "skill_rate": skill,
            "recent_rate": recent,
            "plain": rate("skill", every, 1),
            "user_skill_rate": rate("user_skill", skill, 10),
            "phase_rate": rate("phase", skill, 5),
            "here_rate": rate("here", recent, 2),
            "session_rate": rate("session", every, 3),
            "session_recent_rate": rate("session_recent", every, 3),
            "kind_here_rate": rate("kind_here", kind, 3),
            "previous_rate": rate("previous", every, 10),
            "skill_uses": uses("skill"),
            "user_skill_uses": uses("user_skill"),
            "here_uses": uses("here"),
            "session_failing": fact("session_failing"),
            "session_age": logged("session_seconds", _LONGEST_SECONDS),
            "skill_ago": logged("skill_seconds_ago", _LONGEST_SECONDS),
            "here_ago": logged("here_seconds_ago", _LONGEST_SECONDS),
            "previous_ago": logged("previous_seconds_ago", _LONGEST_SECONDS),
            "steps_since_failure": logged("steps_since_failure", _LONGEST_STEPS),
            "here_steps_ago": logged("here_steps_ago", _LONGEST_STEPS),
            "here_changes_since": logged("here_changes_since", _LONGEST_STEPS),
        }
    )
