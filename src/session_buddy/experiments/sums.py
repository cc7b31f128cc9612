"""What the engine sums up of an experiment: moments of its metrics by variant, never a row of a user."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations_with_replacement
from math import isnan, isqrt
from typing import Any

import msgspec

from session_buddy.experiments.estimates import Unknown
from session_buddy.experiments.metrics import EVERYBODY, Metric, Way
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.quantiles import Quantiles, Ranks, ranks
from session_buddy.storage.store import Store

__all__ = ["ByVariant", "Head", "Scope", "Sums", "aggregates", "moments_of", "read_quantiles", "read_sums"]

ByVariant = dict[str, Moments]


class Scope(msgspec.Struct, frozen=True):
    """Whose sums are meant: the users assigned in an experiment, from a moment on."""

    test_id: int
    since: str = ""
    """Users assigned earlier do not count: their variants were drawn with another ratio."""
    left_out: tuple[str, ...] = ()
    """Users who do not count, since somebody chose their variant."""

    @property
    def users(self) -> str:
        """Their rows of sums, in SQL; :attr:`parameters` are its values."""
        others = f" AND user_id NOT IN ({', '.join('?' * len(self.left_out))})" if self.left_out else ""
        return f"(SELECT * FROM ab_test_user_sums WHERE test_id = ? AND assigned_at >= ?{others})"

    @property
    def parameters(self) -> list[Any]:
        """The values of :attr:`users`."""
        return [self.test_id, self.since, *self.left_out]


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


_BEFORE = (
    "LEFT JOIN (SELECT user_id, outcome_count, completed_count, duration_sum, duration_count"
    " FROM ab_test_covariates FINAL WHERE test_id = ?) AS b ON b.user_id = s.user_id"
)
_ALL_HEADS = (
    "count(*)",
    "sum(CASE WHEN s.outcome_count > 0 THEN 1 ELSE 0 END)",
    "sum(s.outcome_count)",
)
_ANY_EXPOSURE = "SELECT count(*) FROM (SELECT 1 FROM ab_test_exposures FINAL WHERE test_id = ? LIMIT 1) AS e"
_EXPOSED = (
    "INNER JOIN (SELECT user_id, CASE WHEN min(group_name) = max(group_name) THEN 0 ELSE 1 END AS crossed"
    " FROM ab_test_exposures FINAL WHERE test_id = ? GROUP BY user_id) AS e ON e.user_id = s.user_id"
)


def read_sums(store: Store, scope: Scope, metrics: Sequence[Metric], *, adjusted: bool = False) -> Sums:
    """Return how many users stand where, and the moments of *metrics* over them, in one pass over their sums.

    *adjusted*: variables from before the start follow those of a metric that has them. Quantiles are left out.
    """
    wanted = {
        metric.name: aggregates(_variables(store, scope, metric, adjusted), metric, adjusted=adjusted)
        for metric in metrics
        if metric.variables
    }
    columns = list(dict.fromkeys((*_ALL_HEADS, *chain.from_iterable(wanted.values()))))
    before, parameters = (f" {_BEFORE}", [*scope.parameters, scope.test_id]) if adjusted else ("", scope.parameters)
    sql = f"SELECT s.group_name, {', '.join(columns)} FROM {scope.users} AS s{before} GROUP BY s.group_name"
    rows = store.query(sql, parameters).rows
    exposed = _read_exposed(store, scope)
    found = Sums({}, {name: {} for name in wanted})
    for variant, *values in rows:
        told = dict(zip(columns, values, strict=True))
        assigned, active, outcomes = (int(told[column]) for column in _ALL_HEADS)
        seen, crossed = exposed.get(variant, (0, 0))
        found.heads[variant] = Head(
            assigned=assigned, exposed=seen, with_outcomes=active, outcomes=outcomes, crossed=crossed
        )
        for name, its_columns in wanted.items():
            found.moments[name][variant] = moments_of([told[column] for column in its_columns])
    return found


def _read_exposed(store: Store, scope: Scope) -> dict[str, tuple[int, int]]:
    """Return by variant the users who were exposed to any, and to both."""
    ((any_exposure,),) = store.query(_ANY_EXPOSURE, [scope.test_id]).rows
    if not any_exposure:
        return {}
    sql = f"SELECT s.group_name, count(*), sum(e.crossed) FROM {scope.users} AS s {_EXPOSED} GROUP BY s.group_name"
    rows = store.query(sql, [*scope.parameters, scope.test_id]).rows
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


def aggregates(variables: Sequence[str], metric: Metric, prefix: str = "s.", *, adjusted: bool = False) -> list[str]:
    """Return the sums in SQL: how many, each variable, each product of two. As floats, which do not overflow."""
    counts = metric.counts.format(prefix)
    # Of users who do not count both sides of a ratio are 0: they add nothing, and need not be left out.
    summed = EVERYBODY if metric.way is Way.RATIO and not adjusted else counts
    products = [f"({one}) * 1.0 * ({other})" for one, other in combinations_with_replacement(variables, 2)]
    return [_sum(counts, "1"), *(_sum(summed, what) for what in (*variables, *products))]


def _sum(counts: str, what: str) -> str:
    return f"sum(1.0 * {what})" if counts == EVERYBODY else f"sum(CASE WHEN {counts} THEN 1.0 * {what} ELSE 0.0 END)"


def moments_of(values: Sequence[Any]) -> Moments:
    """Return what the values of :func:`aggregates` say."""
    n, *rest = (float(value or 0) for value in values)
    variables = (isqrt(9 + 8 * len(rest)) - 3) // 2
    return Moments.from_sums(round(n), rest[:variables], rest[variables:])


def read_quantiles(store: Store, scope: Scope, level: float, variant: str) -> Quantiles | Unknown:
    """Return the quantile *level* of the durations of *variant*, its neighbours, and how users lie about it.

    Sorts the outcomes of the experiment: seconds where there are millions.
    """
    durations = (
        "FROM (SELECT user_id, duration_seconds FROM ab_test_outcomes FINAL"
        " WHERE test_id = ? AND duration_seconds IS NOT NULL) AS o"
        f" INNER JOIN (SELECT user_id FROM {scope.users} AS s WHERE s.group_name = ?) AS u ON u.user_id = o.user_id"
    )
    about = [scope.test_id, *scope.parameters, variant]
    ((number,),) = store.query(f"SELECT count(*) {durations}", about).rows
    asked: Ranks | Unknown = ranks(int(number), level)
    if isinstance(asked, Unknown):
        return asked
    places = [asked.low, asked.point, asked.high]
    at_places = (
        "SELECT place, seconds FROM (SELECT row_number() OVER (ORDER BY o.duration_seconds) AS place,"
        f" o.duration_seconds AS seconds {durations}) AS r WHERE place IN (?, ?, ?)"
    )
    found = {int(place): float(seconds) for place, seconds in store.query(at_places, [*about, *places]).rows}
    low, point, high = (found[place] for place in places)
    by_user = (
        "SELECT count(*), sum(below), sum(number), sum(1.0 * below * below), sum(1.0 * below * number),"
        " sum(1.0 * number * number) FROM (SELECT o.user_id AS user_id, count(*) AS number,"
        f" sum(CASE WHEN o.duration_seconds <= ? THEN 1 ELSE 0 END) AS below {durations} GROUP BY o.user_id) AS r"
    )
    ((n, *sums),) = store.query(by_user, [point, *about]).rows
    return Quantiles((low, point, high), Moments.from_sums(int(n), sums[:2], sums[2:]))
