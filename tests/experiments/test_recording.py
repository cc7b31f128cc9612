"""Outcomes into each engine: once, whole, of those who take part, and in time."""

from __future__ import annotations

from typing import Any

import pytest

from session_buddy.errors import DuplicateOutcome, InvalidInput, UnknownExperiment, WrongState
from session_buddy.experiments import recording
from session_buddy.experiments.assignment import Standing, assign
from session_buddy.experiments.outcomes import LeftOut, OutcomesRecorded, TrialOutcome
from session_buddy.experiments.records import Experiments
from session_buddy.storage import Store
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, shifted

__all__ = ["kit", "place"]


def outcome(user_id: str = "u", **fields: Any) -> dict[str, Any]:
    return {"user_id": user_id, "skill_name": "search", "completed": True} | fields


def stored(kit: Kit) -> list[tuple[Any, ...]]:
    return kit.rows("ab_test_outcomes", "user_id, skill_name, completed, duration_seconds, user_rating, recorded_at")


def sums(kit: Kit) -> list[tuple[Any, ...]]:
    number = kit.experiments.get(kit.name).test_id
    columns = "user_id, outcome_count, completed_count, duration_sum, duration_count, rating_sum, rating_count"
    return sorted(kit.store.query(f"SELECT {columns} FROM ab_test_user_sums WHERE test_id = ?", [number]).rows)


def test_outcomes_are_kept_and_summed_up(kit: Kit) -> None:
    kit.running()
    kit.experiments.assign_many(kit.name, ["u", "ü"])
    kit.clock.advance(hours=1)
    told = [
        outcome(duration_seconds=1.5, user_rating=4),
        outcome(completed=False, skill_name="other", recorded_at=NOW),
        TrialOutcome(user_id="ü", skill_name="search", completed=True, duration_seconds=0.0),
    ]
    assert kit.experiments.record_outcomes(kit.name, told) == OutcomesRecorded(added=3)
    assert stored(kit) == [
        ("u", "other", 0, None, None, NOW),
        ("u", "search", 1, 1.5, 4.0, kit.clock.now),
        ("ü", "search", 1, 0.0, None, kit.clock.now),
    ]
    assert sums(kit) == [("u", 2, 1, 1.5, 1, 4.0, 1), ("ü", 1, 1, 0.0, 1, 0.0, 0)]
    assert kit.experiments.record_outcomes(kit.name, []) == OutcomesRecorded()


def test_without_a_key_each_telling_is_another_outcome(kit: Kit) -> None:
    kit.running()
    for _ in range(3):
        assert kit.experiments.record_outcomes(kit.name, [outcome(), outcome()]).added == 2
    assert sums(kit)[0][:2] == ("u", 6)


def test_with_a_key_it_counts_once_however_often_it_is_told(kit: Kit) -> None:
    kit.running()
    told = [outcome(key="a", duration_seconds=0.1), outcome(key="b", user_rating=5), outcome("v", key="a")]
    assert kit.experiments.record_outcomes(kit.name, told) == OutcomesRecorded(added=3)
    before = stored(kit)
    kit.clock.advance(minutes=1)
    assert kit.experiments.record_outcomes(kit.name, told) == OutcomesRecorded(repeated=3)
    assert kit.experiments.record_outcomes(kit.name, [*told, outcome(key="c"), outcome(key="c")]) == OutcomesRecorded(
        added=1, repeated=4
    )
    assert [row for row in stored(kit) if row in before] == before
    assert [row[:2] for row in sums(kit)] == [("u", 3), ("v", 1)]


@pytest.mark.parametrize(
    "fields",
    [{"completed": False}, {"skill_name": "x"}, {"duration_seconds": 2.0}, {"user_rating": 1.0}, {"recorded_at": NOW}],
    ids=lambda fields: next(iter(fields)),
)
def test_a_key_with_something_else_behind_it_stops_the_batch(kit: Kit, fields: dict[str, Any]) -> None:
    kit.running()
    kit.clock.advance(hours=1)
    first = outcome(key="k", duration_seconds=1.0, user_rating=4.0, recorded_at=kit.clock.now)
    kit.experiments.record_outcomes(kit.name, [first])
    before = stored(kit), kit.rows("ab_test_assignments")
    with pytest.raises(DuplicateOutcome, match=r"^outcomes\[1\]: .* Nothing was stored\.") as refused:
        kit.experiments.record_outcomes(kit.name, [outcome("new", key="n"), first | fields])
    assert refused.value.differs == list(fields)
    assert (stored(kit), kit.rows("ab_test_assignments")) == before
    # The same within one batch, of a user who is not stored yet.
    other = first | {"user_id": "other"}
    with pytest.raises(DuplicateOutcome):
        kit.experiments.record_outcomes(kit.name, [other, other | fields])
    assert (stored(kit), kit.rows("ab_test_assignments")) == before


def test_a_faulty_outcome_stops_the_batch(kit: Kit) -> None:
    kit.running()
    for bad in ({"duration_seconds": float("nan")}, {"duration_seconds": -1.0}, {"user_rating": 5.5}, {"completed": 3}):
        with pytest.raises(InvalidInput, match=r"outcomes\[1\]"):
            kit.experiments.record_outcomes(kit.name, [outcome("a"), outcome("b", **bad), outcome("c")])
    with pytest.raises(InvalidInput, match="before the start"):
        kit.experiments.record_outcomes(kit.name, [outcome("a"), outcome("b", recorded_at=shifted(NOW, days=-1))])
    with pytest.raises(InvalidInput, match="future"):
        kit.experiments.record_outcomes(kit.name, [outcome("a"), outcome("b", recorded_at=shifted(NOW, hours=1))])
    assert stored(kit) == kit.rows("ab_test_assignments") == []
    with pytest.raises(UnknownExperiment):
        kit.experiments.record_outcomes("nothing like it", [outcome()])


def test_who_was_assigned_without_the_store_is_entered_with_the_first_outcome(kit: Kit) -> None:
    experiment = kit.running()
    kit.clock.advance(hours=2)
    early, late = shifted(NOW, hours=1), shifted(NOW, hours=2, minutes=4)
    kit.experiments.record_outcomes(
        kit.name,
        [outcome(), outcome(recorded_at=early), outcome(), outcome("v"), outcome("w", recorded_at=late)],
    )
    assert kit.rows("ab_test_assignments", "user_id, group_name, assigned_at") == [
        (user, assign(experiment.rule, user).variant.value, moment)
        for user, moment in (("u", early), ("v", kit.clock.now), ("w", kit.clock.now))
    ]
    assert [row[:2] for row in sums(kit)] == [("u", 3), ("v", 1), ("w", 1)]
    before = kit.rows("ab_test_assignments")
    kit.clock.advance(days=1)
    kit.experiments.record_outcomes(kit.name, [outcome(), outcome("v", recorded_at=early)])
    assert kit.rows("ab_test_assignments") == before


def test_outcomes_of_those_who_take_no_part_are_left_out_and_named(kit: Kit) -> None:
    rule = kit.running(enrolment=0.5, overrides={"vip": "treatment"}).rule
    users = [f"user {number}" for number in range(12)]
    out = [user for user in users if not assign(rule, user).takes_part]
    found = kit.experiments.record_outcomes(kit.name, [outcome(user) for user in [*users, "vip"]])
    assert found.added == len(users) - len(out) > 0
    assert found.left_out == (
        *(LeftOut(users.index(user), user, Standing.NOT_ENROLLED) for user in out),
        LeftOut(12, "vip", Standing.OVERRIDDEN),
    )
    assert {row[0] for row in stored(kit)} == set(users) - set(out)
    assert [row[:2] for row in sums(kit)] == sorted((user, 1) for user in set(users) - set(out))


def test_while_it_is_paused_only_those_who_take_part_already(kit: Kit) -> None:
    kit.running()
    kit.experiments.assign(kit.name, "u")
    kit.experiments.pause(kit.name, actor="ann")
    found = kit.experiments.record_outcomes(kit.name, [outcome("new"), outcome("u")])
    assert found == OutcomesRecorded(added=1, left_out=(LeftOut(0, "new", Standing.NOT_RUNNING),))
    assert [row[0] for row in kit.rows("ab_test_assignments", "user_id")] == ["u"]


def test_after_the_end_only_what_was_before_it(kit: Kit) -> None:
    kit.draft(end_date=shifted(NOW, days=9))
    with pytest.raises(WrongState, match="Start it"):
        kit.experiments.record_outcomes(kit.name, [outcome()])
    kit.experiments.start(kit.name, actor="ann")
    kit.clock.advance(hours=1)
    ended = kit.experiments.stop(kit.name, actor="ann").end_date
    assert ended == kit.clock.now
    kit.clock.advance(hours=1)
    for late in (outcome(), outcome(recorded_at=kit.clock.now), outcome(recorded_at=shifted(ended, milliseconds=1))):
        with pytest.raises(WrongState, match="ended at"):
            kit.experiments.record_outcomes(kit.name, [outcome("a", recorded_at=ended), late])
    assert stored(kit) == []
    in_time = [outcome("new", recorded_at=ended), outcome("u", recorded_at=NOW)]
    assert kit.experiments.record_outcomes(kit.name, in_time) == OutcomesRecorded(added=2)
    assert [row[0] for row in sums(kit)] == ["new", "u"]
    kit.experiments.conclude(kit.name, actor="ann", decision="d")
    with pytest.raises(WrongState, match="concluded"):
        kit.experiments.record_outcomes(kit.name, in_time)


def test_past_its_end_date_as_after_a_stop(kit: Kit) -> None:
    end = shifted(NOW, days=1)
    kit.running(end_date=end)
    kit.clock.now = shifted(end, milliseconds=1)
    with pytest.raises(WrongState, match=f"ended at {end}"):
        kit.experiments.record_outcomes(kit.name, [outcome()])
    assert kit.experiments.record_outcomes(kit.name, [outcome(recorded_at=end)]).added == 1


def test_what_another_program_stopped_has_no_end_that_is_known(kit: Kit) -> None:
    number = kit.running().test_id
    kit.execute(f"DELETE FROM ab_test_configs WHERE test_id = {number}")
    kit.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date, status)"
        f" VALUES ('{kit.name}', 'a', 'b', '{NOW}', 'stopped')"
    )
    with pytest.raises(WrongState, match="not known since when"):
        kit.experiments.record_outcomes(kit.name, [outcome()])


def test_a_later_override_takes_no_outcomes_any_more(kit: Kit) -> None:
    kit.running()
    kit.experiments.record_outcomes(kit.name, [outcome(key="before")])
    kit.experiments.change(kit.name, actor="ann", overrides={"u": "control"})
    found = kit.experiments.record_outcomes(kit.name, [outcome(key="after")])
    assert found.left_out == (LeftOut(0, "u", Standing.OVERRIDDEN),)
    assert sums(kit)[0][:2] == ("u", 1)


def test_a_large_batch_is_looked_up_in_pieces(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "_ASKED_AT_ONCE", 7)
    kit.running()
    told = [outcome(f"user {number % 9}", key=str(number)) for number in range(50)]
    assert kit.experiments.record_outcomes(kit.name, told[:30]).added == 30
    assert kit.experiments.record_outcomes(kit.name, told) == OutcomesRecorded(added=20, repeated=30)
    assert sum(row[1] for row in sums(kit)) == 50


def test_ids_come_from_outside(kit: Kit, place: Store) -> None:
    kit.running()
    numbers = iter([11, 12])
    mine = Experiments(place, clock=kit.clock, random_bits=lambda bits: next(numbers) if bits == 63 else 0)
    mine.record_outcomes(kit.name, [outcome(), outcome()])
    assert kit.rows("ab_test_outcomes", "outcome_id") == [(11,), (12,)]
