from __future__ import annotations

from math import sqrt
from typing import Any

import pytest

from session_buddy.experiments.comparing import Arm, Comparison, Role
from session_buddy.experiments.design import Experiment, Status
from session_buddy.experiments.estimates import Estimate, Unknown
from session_buddy.experiments.metrics import METRICS, Unit, Way, metric_named
from session_buddy.experiments.progress import planned_units, progress_of

START, NOW = "2026-06-01T00:00:00.000Z", "2026-06-11T00:00:00.000Z"


def experiment(**changes: Any) -> Experiment:
    told = {"test_id": 1, "test_name": "t", "control_strategy": "a", "treatment_strategy": "b", "start_date": START}
    return Experiment(**told | {"status": Status.RUNNING} | changes)


def primary(users: int) -> Comparison:
    arms = {"control": Arm(users=users // 2), "treatment": Arm(users=users - users // 2)}
    return Comparison(
        metric="completion_rate", title="success", unit=Unit.RATE, role=Role.PRIMARY, is_higher_better=True, **arms
    )


def arm(value: float, n: int, variance: float = 0.25) -> Estimate:
    return Estimate(value=value, variance=variance, n=n, baseline=value)


def test_the_days_to_a_decision_follow_from_how_users_came() -> None:
    found = progress_of(experiment(), primary(1_000), (arm(0.5, 500), arm(0.54, 500)), now=NOW)
    assert found.users == 1_000 and found.days == 10
    assert found.users_to_decision is not None and found.users_to_decision > 1_000
    assert found.days_to_decision == pytest.approx((found.users_to_decision - 1_000) / 100)
    least = (1.959964 + 0.841621) * sqrt(0.25 / 500 * 2)
    assert found.detectable_lift == pytest.approx(least / 0.5, rel=1e-3)


def test_what_is_decided_takes_no_more_days() -> None:
    found = progress_of(experiment(), primary(1_000), (arm(0.2, 500), arm(0.8, 500)), now=NOW)
    assert (found.users_to_decision, found.days_to_decision) == (1_000, 0)


def test_an_ended_experiment_counts_the_days_it_ran() -> None:
    ended = experiment(end_date="2026-06-05T00:00:00.000Z")
    assert progress_of(ended, primary(10), Unknown("Why."), now=NOW).days == 4


@pytest.mark.parametrize(
    "estimated", [Unknown("Nobody yet."), (arm(0.5, 50, 0.0), arm(0.5, 50, 0.0)), (arm(0.5, 50), arm(0.5, 50))]
)
def test_what_cannot_be_foretold_is_none(estimated: Any) -> None:
    found = progress_of(experiment(), primary(100), estimated, now=NOW)
    assert found.users_to_decision is None and found.days_to_decision is None
    # Where nothing varies no lift is too small to be seen, which says nothing.
    assert found.detectable_lift != 0


def test_intervals_are_planned_for_twice_the_least_sample_and_some_hundred_users() -> None:
    assert planned_units(experiment(min_sample_size=1_000)) == 4_000
    assert planned_units(experiment(min_sample_size=1)) == 400


def test_every_metric_is_complete() -> None:
    for name, metric in METRICS.items():
        assert metric_named(name) is metric and metric.title
        assert (metric.level is not None) == (metric.way is Way.QUANTILE) == (not metric.variables)
        assert len(metric.variables) == {Way.RATIO: 2, Way.QUANTILE: 0}.get(metric.way, 1)
        assert metric.before == () or len(metric.before) == len(metric.variables)
