"""An experiment day by day and skill by skill: what a page shows beside the verdict. Summed up by the engine."""

from __future__ import annotations

from collections.abc import Iterable

from session_buddy.experiments.metrics import EVERYBODY, Metric
from session_buddy.experiments.moments import Moments
from session_buddy.experiments.sums import ByVariant, Scope, aggregates, moments_of
from session_buddy.storage.store import Store

__all__ = ["read_course", "read_segments"]

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
    if not _is_of_outcomes(metric):
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
        f" INNER JOIN {scope.users} AS u ON u.user_id = r.user_id GROUP BY r.day, u.group_name ORDER BY r.day"
    )
    return _added_up(
        (day, variant, moments_of(values))
        for day, variant, *values in store.query(sql, [scope.test_id, *scope.parameters]).rows
    )


def _aggregates_of(metric: Metric, prefix: str) -> list[str]:
    return aggregates([variable.format(*[prefix] * 2) for variable in metric.variables], metric, prefix)


def _is_of_outcomes(metric: Metric) -> bool:
    """Tell whether outcomes alone say who counts, and each of them adds to the metric."""
    return bool(metric.variables) and metric.counts != EVERYBODY


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
    if not _is_of_outcomes(metric):
        return []
    of_skill = ", ".join(f"{made} AS {column}" for column, made in _OF_DAY.items())
    columns = _aggregates_of(metric, "r.")
    sql = (
        f"SELECT r.skill_name, u.group_name, {', '.join(columns)}, sum(r.outcome_count) FROM ("
        f"SELECT user_id, skill_name, {of_skill} FROM ab_test_outcomes FINAL WHERE test_id = ?"
        f" GROUP BY user_id, skill_name) AS r INNER JOIN {scope.users} AS u ON u.user_id = r.user_id"
        " GROUP BY r.skill_name, u.group_name"
    )
    found: dict[str, ByVariant] = {}
    uses: dict[str, int] = {}
    for skill, variant, *values, number in store.query(sql, [scope.test_id, *scope.parameters]).rows:
        found.setdefault(skill, {})[variant] = moments_of(values)
        uses[skill] = uses.get(skill, 0) + int(number)
    return [(skill, found[skill]) for skill in sorted(uses, key=lambda skill: (-uses[skill], skill))[:limit]]
