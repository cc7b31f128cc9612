"""From rows to a verdict, on every engine: against the same figures made of all values in numpy."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy import stats

from session_buddy.errors import NotFound
from session_buddy.experiments.analysis import Analysis, analyse, analyse_course, analyse_segments
from session_buddy.experiments.assignment import Override
from session_buddy.experiments.comparing import Comparison, Role
from session_buddy.experiments.design import Design, Experiment, Guardrail, Method, Status
from session_buddy.experiments.metrics import METRICS
from session_buddy.experiments.verdict import Decision
from session_buddy.storage import Store
from session_buddy.storage.tables import PLAIN_TABLES
from tests.making import NOW, shifted

START = shifted(NOW, hours=-24 * 10)
Row = dict[str, Any]


def experiment(**changes: Any) -> Experiment:
    told = {
        "test_id": 7,
        "test_name": "semantic or workflow-aware",
        "control_strategy": "semantic_search",
        "treatment_strategy": "workflow_aware_search",
        "start_date": START,
        "status": Status.RUNNING,
        "min_sample_size": 50,
    }
    return Experiment(**told | changes)


def put(store: Store, name: str, rows: list[Row]) -> None:
    table = next(table for table in PLAIN_TABLES if table.name == name)
    store.put_rows(table, [tuple(row.get(column) for column in table.columns) for row in rows])


class Told:
    """Made-up users of two variants with their outcomes, in a store and as they were made."""

    def __init__(self, store: Store, *, users: int = 300, effect: float = 0.0, seed: int = 1, test_id: int = 7) -> None:
        rnd = np.random.default_rng(seed)
        put(store, "ab_test_configs", [self._config(test_id)])
        assigned, outcomes, covariates = [], [], []
        for number in range(users):
            variant = "control" if number % 2 else "treatment"
            own = min(0.98, rnd.beta(3, 2) + (effect if variant == "treatment" else 0))
            user = {"test_id": test_id, "user_id": f"user-{number:04}"}
            assigned.append(
                {**user, "assignment_id": test_id * 10_000 + number, "group_name": variant, "assigned_at": START}
            )
            for n in range(rnd.poisson(4)):
                outcomes.append({**user, "outcome_id": test_id * 10**6 + number * 100 + n, **_outcome(rnd, own, n)})
            before = int(rnd.poisson(3))
            covariates.append(
                {**user, "outcome_count": before, "completed_count": int(rnd.binomial(before, own)),
                 "duration_sum": float(before), "duration_count": before}
            )  # fmt: skip
        self.assigned, self.outcomes, self.covariates = assigned, outcomes, covariates
        put(store, "ab_test_assignments", assigned)
        put(store, "ab_test_outcomes", outcomes)
        put(store, "ab_test_covariates", [row for row in covariates if row["outcome_count"]])

    @staticmethod
    def _config(test_id: int) -> Row:
        return {
            "test_id": test_id, "test_name": f"test {test_id}", "control_strategy": "a", "treatment_strategy": "b",
            "start_date": START, "min_sample_size": 50, "assignment_ratio": 0.5, "status": "running",
        }  # fmt: skip

    def of(self, variant: str, column: str = "completed", **where: Any) -> list[np.ndarray]:
        """Return the values of each user of *variant* who has any."""
        wanted = [row["user_id"] for row in self.assigned if row["group_name"] == variant]
        values: dict[str, list[float]] = {user: [] for user in wanted}
        for row in self.outcomes:
            known = row[column] is not None and all(row[name] == value for name, value in where.items())
            if row["user_id"] in values and known:
                values[row["user_id"]].append(row[column])
        return [np.array(of_user) for of_user in values.values() if of_user]


def _outcome(rnd: np.random.Generator, rate: float, n: int) -> Row:
    return {
        "skill_name": "pytest-run" if n % 3 else "ruff-check",
        "completed": int(rnd.random() < rate),
        "duration_seconds": float(rnd.gamma(2, 3)) if rnd.random() < 0.9 else None,
        "user_rating": float(rnd.integers(1, 6)) if rnd.random() < 0.5 else None,
        "recorded_at": shifted(START, hours=int(rnd.integers(0, 24 * 9))),
    }


def found_of(analysis: Analysis, metric: str) -> Comparison:
    return next(one for one in analysis.comparisons if one.metric == metric)


FIXED = Design(method=Method.FIXED)
ALL = tuple(METRICS)


def test_every_metric_is_what_all_values_give(store: Store) -> None:
    told = Told(store, users=400)
    analysis = analyse(store, experiment(metrics=ALL, design=FIXED), now=NOW)
    arms = ("control", "treatment")
    rates = [np.array([user.mean() for user in told.of(arm)]) for arm in arms]
    assert_welch(found_of(analysis, "user_completion_rate"), *rates)
    counts = [[len(user) for user in told.of(arm)] for arm in arms]
    idle = [200 - len(of_arm) for of_arm in counts]
    assert_welch(
        found_of(analysis, "outcomes_per_user"), *(np.array(c + [0] * i) for c, i in zip(counts, idle, strict=True))
    )
    for metric, column in (
        ("completion_rate", "completed"),
        ("duration_seconds", "duration_seconds"),
        ("user_satisfaction", "user_rating"),
    ):
        found = found_of(analysis, metric)
        values = [np.concatenate(told.of(arm, column)).mean() for arm in arms]
        assert (found.control.value, found.treatment.value) == pytest.approx(tuple(values), rel=1e-12)
        assert found.difference is not None
        assert found.difference.point == pytest.approx(values[1] - values[0], rel=1e-9)
    success = found_of(analysis, "completing_users")
    assert success.control.value == pytest.approx(np.mean([user.any() for user in told.of("control")]), rel=1e-12)
    for level in (50, 90, 95):
        found = found_of(analysis, f"duration_p{level}")
        durations = np.sort(np.concatenate(told.of("control", "duration_seconds")))
        assert found.control.value == durations[int(np.ceil(len(durations) * level / 100)) - 1]


def assert_welch(found: Comparison, control: np.ndarray, treatment: np.ndarray) -> None:
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    assert (found.control.users, found.treatment.users) == (len(control), len(treatment))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    assert found.difference is not None
    low, high = expected.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high), rel=1e-9)


def test_many_outcomes_of_a_user_are_not_taken_for_many_users(store: Store) -> None:
    """The error of a ratio is that of resampling users, not outcomes."""
    told = Told(store, users=300)
    found = found_of(analyse(store, experiment(design=FIXED), now=NOW), "completion_rate")
    users = [[(user.sum(), len(user)) for user in told.of(arm)] for arm in ("control", "treatment")]
    rnd = np.random.default_rng(3)
    drawn = []
    for _ in range(2_000):
        rates = []
        for arm in users:
            sums = np.array(arm)[rnd.integers(0, len(arm), len(arm))].sum(axis=0)
            rates.append(sums[0] / sums[1])
        drawn.append(rates[1] - rates[0])
    assert found.difference is not None
    reach = (found.difference.high - found.difference.low) / 2
    assert reach == pytest.approx(1.96 * np.std(drawn), rel=0.06)


def test_a_winner_is_named_with_its_strategy_and_figures(store: Store) -> None:
    Told(store, users=1_200, effect=0.25)
    verdict = analyse(store, experiment(), now=NOW).verdict
    assert verdict.decision is Decision.TREATMENT
    assert verdict.sentence.startswith("Treatment (workflow_aware_search) wins: success ")


def test_the_unadjusted_and_the_adjusted_say_the_same_more_and_less_surely(store: Store) -> None:
    Told(store, users=1_000)
    plain = found_of(analyse(store, experiment(design=FIXED), now=NOW), "completion_rate")
    design = Design(method=Method.FIXED, adjusted=True)
    metrics = ("completion_rate", "user_completion_rate", "outcomes_per_user")
    analysis = analyse(store, experiment(design=design, metrics=metrics), now=NOW)
    adjusted = found_of(analysis, "completion_rate")
    assert adjusted.adjusted and not plain.adjusted
    assert plain.difference and adjusted.difference
    widths = [one.difference.high - one.difference.low for one in (adjusted, plain) if one.difference]
    assert widths[0] < 0.97 * widths[1]
    assert adjusted.difference.low < plain.difference.point < adjusted.difference.high


def test_adjusting_means_is_what_a_regression_on_all_values_gives(store: Store) -> None:
    told = Told(store, users=400)
    design = Design(method=Method.FIXED, adjusted=True)
    found = found_of(
        analyse(store, experiment(design=design, metrics=("user_completion_rate",)), now=NOW), "user_completion_rate"
    )
    before = {
        row["user_id"]: row["completed_count"] / row["outcome_count"] for row in told.covariates if row["outcome_count"]
    }
    middle = float(np.mean(list(before.values())))
    arms: dict[str, list[tuple[float, float]]] = {"control": [], "treatment": []}
    by_user: dict[str, list[int]] = {}
    for row in told.outcomes:
        by_user.setdefault(row["user_id"], []).append(row["completed"])
    for row in told.assigned:
        if row["user_id"] in by_user:
            arms[row["group_name"]].append(
                (float(np.mean(by_user[row["user_id"]])), before.get(row["user_id"], middle))
            )
    both = np.array(arms["control"] + arms["treatment"])
    slope = np.cov(both.T)[0, 1] / np.var(both[:, 1], ddof=1)
    left = [np.array(arms[arm])[:, 0] - slope * np.array(arms[arm])[:, 1] for arm in ("control", "treatment")]
    assert found.difference is not None
    assert found.difference.point == pytest.approx(left[1].mean() - left[0].mean(), rel=1e-8)
    assert found.p_value == pytest.approx(stats.ttest_ind(left[1], left[0], equal_var=False).pvalue, rel=1e-7)


def test_a_lost_arm_makes_it_invalid_however_good_it_looks(store: Store) -> None:
    told = Told(store, users=1_000, effect=0.3)
    lost = [row for row in told.outcomes if int(row["user_id"][-4:]) % 2 and int(row["user_id"][-4:]) % 3]
    kept = [row for row in told.outcomes if row not in lost]
    other = experiment(test_id=8)
    put(store, "ab_test_configs", [Told._config(8)])
    renamed = [{**row, "test_id": 8} for row in told.assigned]
    put(store, "ab_test_assignments", [{**row, "assignment_id": row["assignment_id"] + 10**7} for row in renamed])
    put(store, "ab_test_outcomes", [{**row, "test_id": 8, "outcome_id": row["outcome_id"] + 10**9} for row in kept])
    analysis = analyse(store, other, now=NOW)
    assert analysis.verdict.decision is Decision.INVALID
    assert "of the users with outcomes" in analysis.verdict.sentence
    assert analysis.health.balances["assigned"].p_value == pytest.approx(1.0)


@pytest.mark.parametrize("users", [0, 1, 20])
def test_too_few_users_are_told_so_and_nothing_else(store: Store, users: int) -> None:
    Told(store, users=users)
    analysis = analyse(store, experiment(metrics=ALL), now=NOW)
    assert analysis.verdict.decision is Decision.KEEP_RUNNING
    assert "of at least 50 users" in analysis.verdict.sentence
    assert msgspec.json.decode(msgspec.json.encode(analysis))["verdict"]["decision"] == "keep_running"


def test_an_empty_arm_and_one_where_nothing_varies_have_reasons_and_no_p(store: Store) -> None:
    put(store, "ab_test_configs", [Told._config(7)])
    users = [{"test_id": 7, "user_id": f"u{n}", "assignment_id": n, "assigned_at": START} for n in range(8)]
    put(store, "ab_test_assignments", [{**user, "group_name": "control"} for user in users[:4]])
    outcome = {"test_id": 7, "skill_name": "s", "completed": 1, "recorded_at": START}
    put(store, "ab_test_outcomes", [{**outcome, "user_id": f"u{n}", "outcome_id": n} for n in range(8)])
    small = experiment(min_sample_size=1)
    (found,) = analyse(store, small, now=NOW).comparisons
    assert found.reason == "There is no user with success in treatment yet." and found.p_value is None
    put(store, "ab_test_assignments", [{**user, "group_name": "treatment"} for user in users[4:]])
    analysis = analyse(store, small, now=NOW)
    assert analysis.comparisons[0].reason and analysis.comparisons[0].p_value is None
    assert (analysis.comparisons[0].control.value, analysis.comparisons[0].treatment.value) == (1.0, 1.0)
    assert analysis.verdict.decision is Decision.KEEP_RUNNING


def test_harm_to_a_guardrail_stops_a_winner(store: Store) -> None:
    told = Told(store, users=1_200, effect=0.25)
    slower = [
        {**row, "duration_seconds": row["duration_seconds"] and row["duration_seconds"] * 2}
        for row in told.outcomes
        if int(row["user_id"][-4:]) % 2 == 0
    ]
    put(store, "ab_test_outcomes", slower)
    design = Design(guardrails=(Guardrail(metric="duration_seconds", margin=0.1),))
    analysis = analyse(store, experiment(design=design), now=NOW)
    assert analysis.verdict.decision is Decision.CONTROL
    assert "treatment makes duration worse" in analysis.verdict.sentence
    assert found_of(analysis, "duration_seconds").role is Role.GUARDRAIL
    borne = Design(guardrails=(Guardrail(metric="duration_seconds", margin=2.0),))
    assert analyse(store, experiment(design=borne), now=NOW).verdict.decision is Decision.TREATMENT
    by_its_other_name = Design(guardrails=(Guardrail(metric="duration", margin=2.0),))
    assert analyse(store, experiment(design=by_its_other_name), now=NOW).verdict.decision is Decision.TREATMENT


def test_a_fixed_horizon_is_judged_at_its_end_only(store: Store) -> None:
    Told(store, users=1_200, effect=0.25)
    running = analyse(store, experiment(design=FIXED), now=NOW).verdict
    assert running.decision is Decision.KEEP_RUNNING and "judged once, at its end" in running.sentence
    ended = experiment(design=FIXED, end_date=shifted(NOW, hours=-1))
    assert analyse(store, ended, now=NOW).verdict.decision is Decision.TREATMENT


def test_what_does_not_matter_is_no_difference(store: Store) -> None:
    Told(store, users=2_000)
    wide = experiment(design=Design(margin=0.3))
    assert analyse(store, wide, now=NOW).verdict.decision is Decision.NO_DIFFERENCE
    assert analyse(store, experiment(), now=NOW).verdict.decision is Decision.KEEP_RUNNING


def test_users_assigned_with_another_ratio_are_left_out(store: Store) -> None:
    Told(store, users=200)
    later = experiment(ratio_since=shifted(START, hours=1))
    assert analyse(store, later, now=NOW).health.heads["control"].assigned == 0


def test_users_whose_variant_somebody_chose_are_left_out(store: Store) -> None:
    Told(store, users=200)
    design = Design(overrides={"user-0000": Override.TREATMENT, "user-0003": Override.NONE})
    heads = analyse(store, experiment(design=design), now=NOW).health.heads
    assert (heads["control"].assigned, heads["treatment"].assigned) == (99, 99)
    assert all(point.users < 198 for point in analyse_course(store, experiment(design=design)))


def test_users_who_met_both_variants_are_told_of(store: Store) -> None:
    Told(store, users=200)
    exposures = [
        {"test_id": 7, "user_id": f"user-{n:04}", "exposed_on": START[:10], "group_name": group, "exposed_at": START}
        for n in range(200)
        for group in ["control" if n % 2 else "treatment"]
    ]
    put(store, "ab_test_exposures", exposures)
    sound = analyse(store, experiment(), now=NOW).health
    assert sound.notes == () and sound.balances["exposed"].control == 100
    crossed = [{**row, "exposed_on": NOW[:10], "group_name": "control", "exposed_at": NOW} for row in exposures[:20]]
    put(store, "ab_test_exposures", crossed)
    health = analyse(store, experiment(), now=NOW).health
    assert health.heads["treatment"].crossed == 10
    assert "10 of 200 exposed users met both variants" in health.notes[0]


def test_the_course_ends_where_the_analysis_is(store: Store) -> None:
    told = Told(store, users=600)
    for metric in ("completion_rate", "user_completion_rate", "duration_seconds", "completing_users"):
        course = analyse_course(store, experiment(metrics=(metric,)))
        found = found_of(analyse(store, experiment(metrics=(metric,)), now=NOW), metric)
        assert [point.day for point in course] == sorted({row["recorded_at"][:10] for row in told.outcomes})
        assert course[-1].users == found.control.users + found.treatment.users
        assert course[-1].lift and found.lift
        assert course[-1].lift.point == pytest.approx(found.lift.point, rel=1e-9)
        assert course[-1].lift.low == pytest.approx(found.lift.low, rel=1e-9)
        assert [point.users for point in course] == sorted(point.users for point in course)


def test_an_earlier_day_is_what_it_was_then(store: Store) -> None:
    told = Told(store, users=400)
    course = analyse_course(store, experiment())
    day = course[4].day
    until = [row for row in told.outcomes if row["recorded_at"][:10] <= day]
    rates = {}
    for variant in ("control", "treatment"):
        of = {row["user_id"] for row in told.assigned if row["group_name"] == variant}
        rates[variant] = np.mean([row["completed"] for row in until if row["user_id"] in of])
    assert course[4].lift is not None
    assert course[4].lift.point == pytest.approx(rates["treatment"] / rates["control"] - 1, rel=1e-9)


def test_segments_are_by_skill_the_most_used_first(store: Store) -> None:
    told = Told(store, users=400)
    segments = analyse_segments(store, experiment())
    assert [segment.skill for segment in segments] == ["pytest-run", "ruff-check"]
    values = np.concatenate(told.of("control", skill_name="ruff-check"))
    assert segments[1].comparison.control.value == pytest.approx(values.mean(), rel=1e-12)
    assert segments[1].comparison.adjusted_p is not None


def test_a_metric_that_there_is_not_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="no metric 'completion_rat'") as caught:
        analyse(store, experiment(metrics=("completion_rat",)), now=NOW)
    assert caught.value.suggestions[0] == "completion_rate"
