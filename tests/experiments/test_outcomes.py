"""What can be told of a use, and when."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy.errors import DuplicateOutcome, InvalidInput, WrongState
from session_buddy.experiments.design import Status
from session_buddy.experiments.outcomes import (
    TrialOutcome,
    check_outcomes,
    checked_moment,
    outcome_id,
    require_same,
)
from tests.experiments.test_design import experiment
from tests.making import NOW, shifted

GOOD: dict[str, Any] = {"user_id": "u", "skill_name": "search", "completed": True}
LATER = shifted(NOW, days=1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"user_id": "half\ud800"}, "user_id"),
        ({"skill_name": "  "}, "skill_name"),
        ({"completed": 1}, "completed"),
        ({"completed": None}, "completed"),
        ({"duration_seconds": float("nan")}, "duration_seconds"),
        ({"duration_seconds": float("inf")}, "duration_seconds"),
        ({"duration_seconds": -0.001}, "duration_seconds"),
        ({"duration_seconds": 1e11}, "duration_seconds"),
        ({"duration_seconds": "5"}, "duration_seconds"),
        ({"user_rating": 0.99}, "user_rating"),
        ({"user_rating": 5.01}, "user_rating"),
        ({"user_rating": float("nan")}, "user_rating"),
        ({"user_rating": float("inf")}, "user_rating"),
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"recorded_at": "2026-06-15T12:00:00"}, "recorded_at"),
        ({"key": ""}, "key"),
    ],
)
def test_bad_outcomes_name_index_and_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_outcomes([GOOD, GOOD | fields])
    assert refused.value.field == f"outcomes[1].{named}"
    assert refused.value.remedy


def test_what_lacks_a_field_or_has_one_too_many_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^outcomes\[0\]: Object missing required field `user_id`"):
        check_outcomes([{"skill_name": "s", "completed": True}])
    with pytest.raises(InvalidInput, match=r"^outcomes\[0\]: Object contains unknown field `duration`"):
        check_outcomes([GOOD | {"duration": 5.0}])
    with pytest.raises(InvalidInput, match=r"^outcomes\[0\]: Expected `object`"):
        check_outcomes(["completed"])  # type: ignore[list-item]


def test_bounds_themselves_are_good() -> None:
    told = [GOOD | {"duration_seconds": 0}, GOOD | {"user_rating": 1}, GOOD | {"user_rating": 5.0}]
    assert [one.completed for one in check_outcomes(told)] == [True] * 3
    (offset,) = check_outcomes([GOOD | {"recorded_at": "2026-06-15T14:34:56+02:00"}])
    assert offset.recorded_at == "2026-06-15T12:34:56.000Z"
    ready = TrialOutcome(user_id="u", skill_name="s", completed=False)
    assert check_outcomes([ready]) == [ready]
    with pytest.raises(InvalidInput, match=r"outcomes\[0\]\.user_rating"):
        check_outcomes([TrialOutcome(user_id="u", skill_name="s", completed=False, user_rating=9.0)])


def at(moment: str | None) -> TrialOutcome:
    return TrialOutcome(user_id="u", skill_name="s", completed=True, recorded_at=moment)


def test_outcomes_are_of_the_time_of_the_experiment() -> None:
    running = experiment(status=Status.RUNNING)
    assert checked_moment(running, 0, at(None), now=LATER) == LATER
    assert checked_moment(running, 0, at(NOW), now=LATER) == NOW
    with pytest.raises(InvalidInput, match=r"outcomes\[3\]\.recorded_at: .* before the start"):
        checked_moment(running, 3, at(shifted(NOW, milliseconds=-1)), now=LATER)
    ahead = shifted(LATER, minutes=5)
    assert checked_moment(running, 0, at(ahead), now=LATER) == ahead
    with pytest.raises(InvalidInput, match="lies in the future"):
        checked_moment(running, 0, at(shifted(ahead, milliseconds=1)), now=LATER)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.PAUSED, Status.STOPPED])
def test_after_the_end_only_what_was_before_it_is_taken(status: Status) -> None:
    ended = experiment(status=status, end_date=LATER)
    after = shifted(LATER, days=1)
    assert checked_moment(ended, 0, at(LATER), now=after) == LATER
    for late in (None, shifted(LATER, milliseconds=1)):
        with pytest.raises(WrongState, match=f"ended at {LATER}") as refused:
            checked_moment(ended, 0, at(late), now=after)
        assert refused.value.status == "stopped"


def test_states_that_take_no_outcomes() -> None:
    for status, remedy in ((Status.DRAFT, "Start it"), (Status.CONCLUDED, "stand"), (Status.ARCHIVED, "stand")):
        with pytest.raises(WrongState, match=remedy) as refused:
            checked_moment(experiment(status=status, end_date=LATER), 0, at(NOW), now=LATER)
        assert refused.value.status == status
    with pytest.raises(WrongState, match="not known since when"):
        checked_moment(experiment(status=Status.STOPPED), 0, at(NOW), now=LATER)


def test_a_key_is_one_outcome_of_one_user_in_one_experiment() -> None:
    def number(test_id: int, user: str, key: str) -> int:
        return outcome_id(test_id, TrialOutcome(user_id=user, skill_name="s", completed=True, key=key))

    assert number(1, "u", "k") == number(1, "u", "k")
    assert len({number(1, "u", "k"), number(2, "u", "k"), number(1, "v", "k"), number(1, "u", "l")}) == 4
    assert len({number(1, "u", str(n)) for n in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("fields", "differs"),
    [
        ({"skill_name": "other"}, ["skill_name"]),
        ({"completed": False}, ["completed"]),
        ({"duration_seconds": 2.0, "user_rating": None}, ["duration_seconds", "user_rating"]),
        ({"recorded_at": LATER}, ["recorded_at"]),
    ],
)
def test_the_same_key_with_something_else_behind_it(fields: dict[str, Any], differs: list[str]) -> None:
    before = GOOD | {"duration_seconds": 1.0, "user_rating": 4.0, "recorded_at": NOW, "key": "k"}
    first, again = check_outcomes([before, before | fields])
    with pytest.raises(DuplicateOutcome, match="was told before with") as refused:
        require_same(7, again, first)
    assert refused.value.differs == differs
    assert refused.value.field == f"outcomes[7].{differs[0]}"
    assert repr(getattr(first, differs[0])) in refused.value.problem


def test_the_same_again_is_the_same_whenever_it_is_told() -> None:
    first, again = check_outcomes([GOOD | {"recorded_at": NOW, "key": "k"}, GOOD | {"key": "k"}])
    require_same(0, again, first)
    require_same(0, first, again)
    require_same(0, first, first)
