"""What experiments can be judged by: each metric, of which sums of a user it is made, and which way is better. Pure.

Variables are written over the columns of ``ab_test_user_sums``; ``{}`` stands before a column's name, so that the same
is asked of what a user did before the start, and of sums as they were on an earlier day.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum

import msgspec

from session_buddy.errors import NotFound

__all__ = ["EVERYBODY", "METRICS", "Metric", "Unit", "Way", "metric_named"]


EVERYBODY = "1 = 1"
"""For :attr:`Metric.counts`: who has no outcomes as well."""


class Way(StrEnum):
    """How a metric is estimated."""

    MEAN = "mean"
    """The mean over users of a value of each."""
    PROPORTION = "proportion"
    """The share of users of whom something holds."""
    RATIO = "ratio"
    """A sum over all outcomes by another: users who bring more outcomes weigh more, and it is known that they do."""
    QUANTILE = "quantile"
    """The value below which a share of all outcomes lies."""


class Unit(StrEnum):
    """In what a value is told."""

    RATE = "rate"
    """A fraction, 0 to 1."""
    SECONDS = "seconds"
    RATING = "rating"
    """1 to 5."""
    COUNT = "count"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    name: str
    title: str
    """What people read."""
    way: Way
    unit: Unit
    variables: tuple[str, ...]
    """Of each user: for a ratio what is divided, and by what."""
    counts: str
    """Which users count."""
    is_higher_better: bool = True
    before: tuple[str, ...] = ()
    """The same variables from before the start, where they are known; what they explain can be taken out."""
    level: float | None = None
    """Of a quantile."""


def _ratio(
    name: str, title: str, unit: Unit, over: str, under: str, *, is_higher_better: bool = True, known: bool = True
) -> Metric:
    variables = (f"{{}}{over}", f"{{}}{under}")
    return Metric(
        name=name,
        title=title,
        way=Way.RATIO,
        unit=unit,
        variables=variables,
        counts=f"{{}}{under} > 0",
        is_higher_better=is_higher_better,
        before=variables if known else (),
    )


def _quantile(level: float) -> Metric:
    percent = round(level * 100)
    return Metric(
        name=f"duration_p{percent}",
        title="median duration" if percent == 50 else f"duration of the slowest {100 - percent} %",
        way=Way.QUANTILE,
        unit=Unit.SECONDS,
        variables=(),
        counts="{}duration_count > 0",
        is_higher_better=False,
        level=level,
    )


_ALL = (
    _ratio("completion_rate", "success", Unit.RATE, "completed_count", "outcome_count"),
    Metric(
        name="user_completion_rate",
        title="success of the average user",
        way=Way.MEAN,
        unit=Unit.RATE,
        variables=("1.0 * {}completed_count / {}outcome_count",),
        counts="{}outcome_count > 0",
        before=("1.0 * {}completed_count / {}outcome_count",),
    ),
    Metric(
        name="completing_users",
        title="users who succeeded at all",
        way=Way.PROPORTION,
        unit=Unit.RATE,
        variables=("CASE WHEN {}completed_count > 0 THEN 1 ELSE 0 END",),
        counts="{}outcome_count > 0",
    ),
    Metric(
        name="outcomes_per_user",
        title="uses by a user",
        way=Way.MEAN,
        unit=Unit.COUNT,
        variables=("{}outcome_count",),
        counts=EVERYBODY,
        before=("{}outcome_count",),
    ),
    _ratio("duration_seconds", "duration", Unit.SECONDS, "duration_sum", "duration_count", is_higher_better=False),
    _quantile(0.5),
    _quantile(0.9),
    _quantile(0.95),
    _ratio("user_satisfaction", "rating", Unit.RATING, "rating_sum", "rating_count", known=False),
)
METRICS = {metric.name: metric for metric in _ALL}
"""By name, in the order in which they are told."""
_OTHER_NAMES = {"user_rating": "user_satisfaction", "success_rate": "completion_rate", "duration": "duration_seconds"}


def metric_named(name: str) -> Metric:
    """Return the metric called *name*; raises :class:`NotFound`, which suggests others, where there is none.

    >>> metric_named("user_rating").name
    'user_satisfaction'
    """
    known = METRICS.get(_OTHER_NAMES.get(name, name))
    if known is None:
        near = get_close_matches(name, METRICS, n=3)
        raise NotFound(f"There is no metric {name!r}.", remedy=f"Choose from {', '.join(METRICS)}.", suggestions=near)
    return known
