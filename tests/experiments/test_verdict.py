"""The one sentence: which decision, in which order, and that it never makes up a figure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_buddy.experiments.balance import balance
from session_buddy.experiments.comparing import Arm, Comparison, Range, Role, with_adjusted_p
from session_buddy.experiments.design import Method
from session_buddy.experiments.metrics import Unit
from session_buddy.experiments.verdict import Decision, Rules, judge, told_value

SOUND = {"assigned": balance(1_000, 1_010, 0.5)}


def rules(**changes: Any) -> Rules:
    return Rules(
        **{"control_strategy": "old", "treatment_strategy": "new", "least_users": 100, "method": Method.SEQUENTIAL}
        | changes
    )


def comparison(low: float, high: float, **changes: Any) -> Comparison:
    middle = (low + high) / 2
    told = {
        "metric": "completion_rate",
        "title": "success",
        "unit": Unit.RATE,
        "role": Role.PRIMARY,
        "is_higher_better": True,
        "control": Arm(users=1_000, value=0.5, low=0.48, high=0.52),
        "treatment": Arm(users=1_010, value=0.5 + middle / 2, low=0.5, high=0.6),
        "difference": Range(middle / 2, low / 2, high / 2),
        "lift": Range(middle, low, high),
        "p_value": 0.04,
    }
    return Comparison(**told | changes)


def guardrail(low: float, high: float, **changes: Any) -> Comparison:
    told = {"role": Role.GUARDRAIL, "metric": "duration_seconds", "title": "duration", "is_higher_better": False}
    return comparison(low, high, **told | changes)


def decided(*comparisons: Comparison, **changes: Any) -> Decision:
    return judge(comparisons, SOUND, rules(**changes)).decision


def test_the_better_side_of_zero_wins() -> None:
    assert decided(comparison(0.02, 0.1)) is Decision.TREATMENT
    assert decided(comparison(-0.1, -0.02)) is Decision.CONTROL
    assert decided(comparison(-0.1, -0.02, is_higher_better=False)) is Decision.TREATMENT
    assert decided(comparison(-0.1, 0.1)) is Decision.KEEP_RUNNING


def test_a_mismatch_comes_before_all_else() -> None:
    found = judge([comparison(0.2, 0.3)], {"assigned": balance(1_000, 1_300, 0.5)}, rules())
    assert found.decision is Decision.INVALID
    assert "1,000 are in control and 1,300 in treatment, where 50 % in control were meant" in found.sentence


def test_nothing_is_said_before_the_least_number_of_users() -> None:
    few = comparison(0.2, 0.3, control=Arm(users=99, value=0.5))
    assert decided(few) is Decision.KEEP_RUNNING
    assert decided(few, least_users=99) is Decision.TREATMENT


def test_a_reason_is_told_and_an_end_without_telling_is_told_as_such() -> None:
    unknown = comparison(0, 0, difference=None, lift=None, p_value=None, reason="Nothing varies.")
    assert judge([unknown], SOUND, rules()).sentence == "Keep running: Nothing varies."
    ended = judge([comparison(-0.1, 0.1)], SOUND, rules(is_over=True))
    assert ended.decision is Decision.KEEP_RUNNING
    assert ended.sentence.startswith("It ended without telling: a lift in success of +0.0 % (-10.0 to +10.0 %)")


def test_a_fixed_horizon_waits_for_its_end() -> None:
    assert decided(comparison(0.2, 0.3), method=Method.FIXED) is Decision.KEEP_RUNNING
    assert decided(comparison(0.2, 0.3), method=Method.FIXED, is_over=True) is Decision.TREATMENT


def test_harm_beyond_its_margin_keeps_control() -> None:
    assert decided(comparison(0.2, 0.3), guardrail(0.05, 0.2)) is Decision.CONTROL
    margins = {"duration_seconds": 0.1}
    assert decided(comparison(0.2, 0.3), guardrail(0.05, 0.2), guardrail_margins=margins) is Decision.TREATMENT
    assert decided(comparison(0.2, 0.3), guardrail(-0.2, 0.2)) is Decision.TREATMENT
    better = guardrail(-0.3, -0.2)
    assert decided(comparison(0.2, 0.3), better) is Decision.TREATMENT


def test_a_guardrail_that_cannot_be_told_is_named() -> None:
    silent = guardrail(0, 0, difference=None, lift=None, reason="No durations.")
    found = judge([comparison(0.2, 0.3), silent], SOUND, rules())
    assert found.reasons == ("No telling about duration: No durations.",)


def test_within_the_margin_there_is_no_difference_that_matters() -> None:
    assert decided(comparison(-0.01, 0.012), margin=0.02) is Decision.NO_DIFFERENCE
    assert decided(comparison(-0.01, 0.02), margin=0.02) is Decision.KEEP_RUNNING
    assert decided(comparison(0.001, 0.012), margin=0.02) is Decision.TREATMENT


def test_where_there_is_no_lift_the_difference_is_told() -> None:
    found = judge([comparison(0.2, 0.4, lift=None)], SOUND, rules(margin=0.5))
    assert "a difference of +0.15 (+0.1 to +0.2)" in found.sentence


def test_no_sentence_contradicts_its_decision() -> None:
    # The lift carries control's uncertainty once more, so its interval may reach 0 where the difference's does not.
    wins = comparison(0.0, 0.4, difference=Range(0.1, 0.01, 0.19), lift=Range(0.2, -0.02, 0.42))
    found = judge([wins], SOUND, rules())
    assert found.decision is Decision.TREATMENT
    assert "a difference of +0.1 (+0.01 to +0.19)" in found.sentence
    open_still = comparison(0.0, 0.4, difference=Range(-0.1, -0.21, 0.01), lift=Range(-0.2, -0.39, -0.01))
    found = judge([open_still], SOUND, rules())
    assert found.decision is Decision.KEEP_RUNNING
    assert "a difference in success of -0.1 (-0.21 to +0.01)" in found.sentence


def test_a_guardrail_without_a_margin_is_harmed_by_a_difference_only() -> None:
    told = {"is_higher_better": True, "difference": Range(-0.1, -0.21, 0.01)}
    unsure = guardrail(-0.39, -0.01, **told)
    assert decided(comparison(0.2, 0.3), unsure) is Decision.TREATMENT
    assert decided(comparison(0.2, 0.3), guardrail(-0.39, -0.01, is_higher_better=True)) is Decision.CONTROL


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_primary_metric_pays_for_no_other(p_values: list[float]) -> None:
    secondary = [
        msgspec.structs.replace(comparison(0, 1), metric=str(n), role=Role.SECONDARY, p_value=p)
        for n, p in enumerate(p_values)
    ]
    primary, *others = with_adjusted_p([comparison(0, 1, p_value=0.04), *secondary])
    assert primary.adjusted_p == 0.04
    assert all(one.adjusted_p >= one.p_value for one in others)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, Unit.RATE, "not known"),
        (0.5, Unit.RATE, "50 %"),
        (4.126, Unit.RATING, "4.13"),
        (2.5, Unit.SECONDS, "2.5 s"),
    ],
)
def test_values_are_told_in_their_unit(value: float | None, unit: Unit, told: str) -> None:
    assert told_value(value, unit).replace("\u202f", " ").replace("\xa0", " ") == told
