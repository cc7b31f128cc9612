"""What the engine sums up of an experiment: moments of its metrics by variant, never a row of a user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, combinations_with_replacement
from math import isnan, isqrt
from typing import Any

import msgspec

from session_buddy.experiments.estimates import Unknown
from session_buddy.experiments.metrics import EVERYBODY, Metric, Way
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.quantiles import Quantiles, Ranks, ranks
from session_buddy.storage.store import Store

__all__ = ["Head", "Scope", "Sums", "read_course", "read_quantiles", "read_segments", "read_sums"]

ByVariant = dict[str, Moments]


class Scope(msgspec.Struct, frozen=True):
    """Whose sums are meant: the users assigned in an experiment, from a moment on."""

    test_id: int
    since: str = ""
    """Users assigned earlier do not count: their variants were drawn with another ratio."""


class Sums(msgspec.Struct, frozen=True):
    """What one pass over the sums of users gives."""

    heads: dict[str, Head]
    """By variant."""
    moments: dict[str, ByVariant]
    """By metric."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How many users stand where, in one variant."""

    assigned: int = 0
    exposed: int = 0
    with_outcomes: int = 0
    outcomes: int = 0
    crossed: int = 0
    """Who were exposed to the other variant, too."""


_SUMS = "FROM ab_test_user_sums AS s WHERE s.test_id = ? AND s.assigned_at >= ?"
_SUMS_AND_BEFORE = (
    "FROM ab_test_user_sums AS s LEFT JOIN ("
    "SELECT user_id, outcome_count, completed_count, duration_sum, duration_count FROM ab_test_covariates FINAL"
    " WHERE test_id = ?) AS b ON b.user_id = s.user_id WHERE s.test_id = ? AND s.assigned_at >= ?"
)
_ALL_HEADS = (
    "count(*)",
    "sum(CASE WHEN s.outcome_count > 0 THEN 1 ELSE 0 END)",
    "sum(s.outcome_count)",
)
_EXPOSED = (
    "SELECT s.group_name, count(*), sum(e.crossed) FROM ab_test_user_sums AS s INNER JOIN ("
    "SELECT user_id, CASE WHEN min(group_name) = max(group_name) THEN 0 ELSE 1 END AS crossed"
    " FROM ab_test_exposures FINAL WHERE test_id = ? GROUP BY user_id) AS e ON e.user_id = s.user_id"
    " WHERE s.test_id = ? AND s.assigned_at >= ? GROUP BY s.group_name"
)


_ANY_EXPOSURE = "SELECT count(*) FROM (SELECT 1 FROM ab_test_exposures WHERE test_id = ? LIMIT 1) AS e"


def read_sums(store: Store, scope: Scope, metrics: Sequence[Metric], *, adjusted: bool = False) -> Sums:
    """Return how many users stand where, and the moments of *metrics* over them, in one pass over their sums.

    *adjusted*: variables from before the start follow those of a metric that has them. Quantiles are left out.
    """
    wanted = {
        metric.name: _aggregates(_variables(store, scope, metric, adjusted), metric, adjusted=adjusted)
        for metric in metrics
        if metric.variables
    }
    columns = list(dict.fromkeys((*_ALL_HEADS, *chain.from_iterable(wanted.values()))))
    source, parameters = (_SUMS, [scope.test_id, scope.since])
    if adjusted:
        source, parameters = _SUMS_AND_BEFORE, [scope.test_id, *parameters]
    rows = store.query(f"SELECT s.group_name, {', '.join(columns)} {source} GROUP BY s.group_name", parameters).rows
    exposed = _read_exposed(store, scope)
    found = Sums({}, {name: {} for name in wanted})
    for variant, *values in rows:
        told = dict(zip(columns, values, strict=True))
        assigned, active, outcomes = (int(told[column]) for column in _ALL_HEADS)
        seen, crossed = exposed.get(variant, (0, 0))
        found.heads[variant] = Head(
            assigned=assigned, exposed=seen, with_outcomes=active, outcomes=outcomes, crossed=crossed
        )
        for name, aggregates in wanted.items():
            found.moments[name][variant] = _moments([told[column] for column in aggregates])
    return found


def _read_exposed(store: Store, scope: Scope) -> dict[str, tuple[int, int]]:
    """Return by variant the users who were exposed to any, and to both."""
    ((any_exposure,),) = store.query(_ANY_EXPOSURE, [scope.test_id]).rows
    if not any_exposure:
        return {}
    rows = store.query(_EXPOSED, [scope.test_id, scope.test_id, scope.since]).rows
    return {variant: (int(users), int(crossed)) for variant, users, crossed in rows}


def _variables(store: Store, scope: Scope, metric: Metric, adjusted: bool) -> tuple[str, ...]:
    now = tuple(variable.format(*["s."] * 2) for variable in metric.variables)
    if not (adjusted and metric.before):
        return now
    if metric.way is not Way.MEAN or metric.counts == EVERYBODY:
        # Who is not known from before had nothing then, and sums of nothing are 0.
        return now + tuple(f"coalesce({variable.format('b.')}, 0)" for variable in metric.before)
    # Who had no outcomes has no rate: the mean of the others, in its place, explains nothing.
    (before,) = (variable.format(*["b."] * 2) for variable in metric.before)
    middle = _mean_before(store, scope, metric)
    return (*now, f"CASE WHEN {metric.counts.format('b.')} THEN {before} ELSE {middle!r} END")


def _mean_before(store: Store, scope: Scope, metric: Metric) -> float:
    (before,) = (variable.format(*["b."] * 2) for variable in metric.before)
    sql = (
        f"SELECT avg({before}) FROM (SELECT * FROM ab_test_covariates FINAL WHERE test_id = ?) AS b"
        f" WHERE {metric.counts.format('b.')}"
    )
    ((mean,),) = store.query(sql, [scope.test_id]).rows
    return 0.0 if mean is None or isnan(mean) else float(mean)


def _aggregates(variables: Sequence[str], metric: Metric, prefix: str = "s.", *, adjusted: bool = False) -> list[str]:
    """Return the sums in SQL: how many, each variable, each product of two. As floats, which do not overflow."""
    counts = metric.counts.format(prefix)
    # Of users who do not count both sides of a ratio are 0: they add nothing, and need not be left out.
    summed = EVERYBODY if metric.way is Way.RATIO and not adjusted else counts
    products = [f"({one}) * 1.0 * ({other})" for one, other in combinations_with_replacement(variables, 2)]
    return [_sum(counts, "1"), *(_sum(summed, what) for what in (*variables, *products))]


def _sum(counts: str, what: str) -> str:
    return f"sum(1.0 * {what})" if counts == EVERYBODY else f"sum(CASE WHEN {counts} THEN 1.0 * {what} ELSE 0.0 END)"


def _moments(values: Sequence[Any]) -> Moments:
    """Return what the values of :func:`_aggregates` say."""
    n, *rest = (float(value or 0) for value in values)
    variables = (isqrt(9 + 8 * len(rest)) - 3) // 2
    return Moments.from_sums(round(n), rest[:variables], rest[variables:])


_DURATIONS = (
    "FROM (SELECT user_id, duration_seconds FROM ab_test_outcomes FINAL"
    " WHERE test_id = ? AND duration_seconds IS NOT NULL) AS o INNER JOIN (SELECT user_id FROM ab_test_user_sums"
    " WHERE test_id = ? AND assigned_at >= ? AND group_name = ?) AS u ON u.user_id = o.user_id"
)
_AT_RANKS = (
    "SELECT place, seconds FROM (SELECT row_number() OVER (ORDER BY o.duration_seconds) AS place,"
    f" o.duration_seconds AS seconds {_DURATIONS}) AS r WHERE place IN (?, ?, ?)"
)
_BELOW = (
    "SELECT count(*), sum(below), sum(number), sum(1.0 * below * below), sum(1.0 * below * number),"
    " sum(1.0 * number * number) FROM (SELECT o.user_id AS user_id, count(*) AS number,"
    f" sum(CASE WHEN o.duration_seconds <= ? THEN 1 ELSE 0 END) AS below {_DURATIONS} GROUP BY o.user_id) AS r"
)


def read_quantiles(store: Store, scope: Scope, level: float, variant: str) -> Quantiles | Unknown:
    """Return the quantile *level* of the durations of *variant*, its neighbours, and how users lie about it.

    Sorts the outcomes of the experiment: seconds where there are millions.
    """
    about = [scope.test_id, scope.test_id, scope.since, variant]
    ((number,),) = store.query(f"SELECT count(*) {_DURATIONS}", about).rows
    asked: Ranks | Unknown = ranks(int(number), level)
    if isinstance(asked, Unknown):
        return asked
    places = [asked.low, asked.point, asked.high]
    found = {int(place): float(seconds) for place, seconds in store.query(_AT_RANKS, [*about, *places]).rows}
    low, point, high = (found[place] for place in places)
    ((n, *sums),) = store.query(_BELOW, [point, *about]).rows
    return Quantiles((low, point, high), Moments.from_sums(int(n), sums[:2], sums[2:]))


_PLAIN_COLUMNS = (
    "outcome_count",
    "completed_count",
    "duration_sum",
    "duration_count",
    "rating_sum",
    "rating_count",
)
_NOW = ", ".join(f"now_{column}" for column in _PLAIN_COLUMNS)
_OF_DAY = {
    "outcome_count": "count(*)",
    "completed_count": "sum(completed)",
    "duration_sum": "coalesce(sum(duration_seconds), 0)",
    "duration_count": "count(duration_seconds)",
    "rating_sum": "coalesce(sum(user_rating), 0)",
    "rating_count": "count(user_rating)",
}


def read_course(store: Store, scope: Scope, metric: Metric) -> list[tuple[str, ByVariant]]:
    """Return by UTC day, the first first, the moments of *metric* as they were at the day's end.

    Goes over all outcomes of the experiment, which takes seconds where there are millions. Outcomes count on the
    day they tell of, whenever they came.
    """
    if not metric.variables:
        return []
    names = [f"{prefix}{column}" for prefix in ("now_", "was_") for column in _PLAIN_COLUMNS]
    daily = ", ".join(f"{made} AS {column}" for column, made in _OF_DAY.items())
    over = "OVER (PARTITION BY user_id ORDER BY day ROWS UNBOUNDED PRECEDING)"
    running = ", ".join(f"sum({column}) {over} AS now_{column}" for column in _PLAIN_COLUMNS)
    before = ", ".join(f"now_{column} - {column} AS was_{column}" for column in _PLAIN_COLUMNS)
    now, was = (_aggregates_of(metric, f"r.{prefix}") for prefix in ("now_", "was_"))
    changes = ", ".join(f"{one} - {other}" for one, other in zip(now, was, strict=True))
    sql = (
        f"SELECT r.day, u.group_name, {changes} FROM (SELECT user_id, day, {', '.join(names)} FROM ("
        f"SELECT user_id, day, {_NOW}, {before} FROM (SELECT user_id, day, {', '.join(_PLAIN_COLUMNS)},"
        f" {running} FROM (SELECT user_id, substr(recorded_at, 1, 10) AS day, {daily} FROM ab_test_outcomes FINAL"
        " WHERE test_id = ? GROUP BY user_id, substr(recorded_at, 1, 10)) AS d) AS c) AS w) AS r"
        " INNER JOIN (SELECT user_id, group_name FROM ab_test_user_sums WHERE test_id = ? AND assigned_at >= ?) AS u"
        " ON u.user_id = r.user_id GROUP BY r.day, u.group_name ORDER BY r.day"
    )
    return _added_up(
        (day, variant, _moments(values))
        for day, variant, *values in store.query(sql, [scope.test_id, scope.test_id, scope.since]).rows
    )


def _aggregates_of(metric: Metric, prefix: str) -> list[str]:
    return _aggregates([variable.format(*[prefix] * 2) for variable in metric.variables], metric, prefix)


def _added_up(changes: Iterable[tuple[str, str, Moments]]) -> list[tuple[str, ByVariant]]:
    course: list[tuple[str, ByVariant]] = []
    for day, variant, change in changes:
        if not course or course[-1][0] != day:
            course.append((day, dict(course[-1][1]) if course else {}))
        moments = course[-1][1]
        moments[variant] = moments[variant] + change if variant in moments else change
    return course


def read_segments(store: Store, scope: Scope, metric: Metric, *, limit: int) -> list[tuple[str, ByVariant]]:
    """Return by skill, the most used first and at most *limit*, the moments of *metric* of that skill's outcomes."""
    if not metric.variables:
        return []
    of_skill = ", ".join(f"{made} AS {column}" for column, made in _OF_DAY.items())
    columns = _aggregates_of(metric, "r.")
    sql = (
        f"SELECT r.skill_name, u.group_name, {', '.join(columns)}, sum(r.outcome_count) FROM ("
        f"SELECT user_id, skill_name, {of_skill} FROM ab_test_outcomes FINAL WHERE test_id = ?"
        " GROUP BY user_id, skill_name) AS r INNER JOIN (SELECT user_id, group_name FROM ab_test_user_sums"
        " WHERE test_id = ? AND assigned_at >= ?) AS u ON u.user_id = r.user_id GROUP BY r.skill_name, u.group_name"
    )
    found: dict[str, ByVariant] = {}
    uses: dict[str, int] = {}
    for skill, variant, *values, number in store.query(sql, [scope.test_id, scope.test_id, scope.since]).rows:
        found.setdefault(skill, {})[variant] = _moments(values)
        uses[skill] = uses.get(skill, 0) + int(number)
    return [(skill, found[skill]) for skill in sorted(uses, key=lambda skill: (-uses[skill], skill))[:limit]]
