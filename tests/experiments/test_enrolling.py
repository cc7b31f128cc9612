"""Who gets what, kept in each engine: once given it stays, and meeting it is another matter."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from session_buddy.errors import InvalidInput, StoreError, UnknownExperiment
from session_buddy.experiments import enrolling
from session_buddy.experiments.assignment import Assignment, Standing, Variant, assign
from session_buddy.experiments.design import Status
from session_buddy.experiments.enrolling import keep_groups, read_groups
from session_buddy.experiments.records import Experiments
from session_buddy.experiments.rows import ASSIGNMENTS
from session_buddy.storage import Store
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, shifted

__all__ = ["kit", "place"]

USERS = [f"user {number}" for number in range(60)]
ODD = ["ünï", "日本", "a:b", " ", "'; DROP TABLE ab_test_assignments; --", "🙂" * 50]


def recorded(kit: Kit) -> dict[str, str]:
    return dict(kit.rows("ab_test_assignments", "user_id, group_name"))


def test_users_get_what_the_rule_gives_and_it_is_recorded(kit: Kit) -> None:
    experiment = kit.running()
    found = kit.experiments.assign_many(kit.name, USERS + ODD)
    assert found == [assign(experiment.rule, user) for user in USERS + ODD]
    assert recorded(kit) == {one.user_id: one.variant for one in found}
    assert {moment for (moment,) in kit.rows("ab_test_assignments", "assigned_at")} == {kit.clock.now}
    assert kit.experiments.assign(kit.name, "ünï") == found[60]
    (counts,) = kit.store.query(
        "SELECT control_users, treatment_users FROM v_ab_test_summary WHERE test_id = ?", [experiment.test_id]
    ).rows
    assert counts == tuple(Counter(one.variant for one in found)[variant] for variant in Variant)


def test_the_same_users_again_are_the_same_rows(kit: Kit) -> None:
    kit.running()
    first = kit.experiments.assign_many(kit.name, [*USERS[:20], *USERS[:20]])
    assert first[:20] == first[20:]
    rows = kit.rows("ab_test_assignments")
    assert len(rows) == 20
    kit.clock.advance(days=1)
    assert kit.experiments.assign_many(kit.name, USERS[:20]) == first[:20]
    assert kit.rows("ab_test_assignments") == rows


def test_a_change_of_the_ratio_moves_nobody(kit: Kit) -> None:
    kit.running()
    before = kit.experiments.assign_many(kit.name, USERS[:30])
    assert {one.variant for one in before} == set(Variant)
    kit.experiments.change(kit.name, actor="ann", assignment_ratio=0.999)
    assert kit.experiments.assign_many(kit.name, USERS[:30]) == before
    assert {one.variant for one in kit.experiments.assign_many(kit.name, USERS[30:])} == {Variant.CONTROL}


def test_enrolment_lets_in_more_and_sends_nobody_away(kit: Kit) -> None:
    kit.running(enrolment=0.3)
    before = {one.user_id: one for one in kit.experiments.assign_many(kit.name, USERS) if one.takes_part}
    assert 5 < len(before) < 40
    assert recorded(kit).keys() == before.keys()
    kit.experiments.change(kit.name, actor="ann", enrolment=0.8)
    after = {one.user_id: one for one in kit.experiments.assign_many(kit.name, USERS)}
    assert {user: after[user] for user in before} == before
    assert len(before) < sum(one.takes_part for one in after.values()) < len(USERS)
    left = next(one for one in after.values() if not one.takes_part)
    assert left == Assignment(left.user_id, Variant.CONTROL, Standing.NOT_ENROLLED)


def test_only_users_of_its_part_of_the_namespace(kit: Kit, place: Store) -> None:
    other = Kit(place)
    kit.running(namespace=kit.name, namespace_end=0.4)
    other.running(namespace=kit.name, namespace_start=0.4)
    ones = kit.experiments.assign_many(kit.name, USERS)
    others = other.experiments.assign_many(other.name, USERS)
    assert [one.takes_part for one in ones] == [not one.takes_part for one in others]
    assert {one.standing for one in ones} == {Standing.ASSIGNED, Standing.OUTSIDE_NAMESPACE}


def test_an_override_is_given_and_recorded_nowhere(kit: Kit) -> None:
    overrides = {"a": "treatment", "b": "control", "c": "none"}
    kit.draft(overrides=overrides)
    expected = [
        Assignment("a", Variant.TREATMENT, Standing.OVERRIDDEN),
        Assignment("b", Variant.CONTROL, Standing.OVERRIDDEN),
        Assignment("c", Variant.CONTROL, Standing.OVERRIDDEN),
    ]
    assert kit.experiments.assign_many(kit.name, overrides) == expected  # a draft can be tried out
    kit.experiments.start(kit.name, actor="ann")
    assert kit.experiments.assign_many(kit.name, overrides) == expected
    assert [kit.experiments.expose(kit.name, user) for user in overrides] == expected
    assert kit.rows("ab_test_assignments") == kit.rows("ab_test_exposures") == []


def test_an_override_beats_what_is_recorded(kit: Kit) -> None:
    kit.running()
    before = kit.experiments.assign(kit.name, "vip").variant
    other = Variant.TREATMENT if before is Variant.CONTROL else Variant.CONTROL
    kit.experiments.change(kit.name, actor="ann", overrides={"vip": other.value})
    assert kit.experiments.assign(kit.name, "vip") == Assignment("vip", other, Standing.OVERRIDDEN)
    assert recorded(kit) == {"vip": before}
    kit.experiments.change(kit.name, actor="ann", overrides={})
    assert kit.experiments.assign(kit.name, "vip") == Assignment("vip", before, Standing.ASSIGNED)


def test_while_it_is_paused_nobody_is_added(kit: Kit) -> None:
    kit.running()
    before = kit.experiments.assign_many(kit.name, USERS[:10])
    kit.experiments.pause(kit.name, actor="ann")
    found = kit.experiments.assign_many(kit.name, USERS[:20])
    assert found[:10] == before
    assert {one.standing for one in found[10:]} == {Standing.NOT_RUNNING}
    assert {one.variant for one in found[10:]} == {Variant.CONTROL}
    assert len(recorded(kit)) == 10
    kit.experiments.resume(kit.name, actor="ann")
    assert all(one.takes_part for one in kit.experiments.assign_many(kit.name, USERS[:20]))


@pytest.mark.parametrize("status", [Status.DRAFT, Status.STOPPED, Status.CONCLUDED, Status.ARCHIVED])
def test_outside_its_time_everybody_gets_control(kit: Kit, status: Status) -> None:
    kit.draft(overrides={"vip": "treatment"})
    if status is not Status.DRAFT:
        kit.experiments.start(kit.name, actor="ann")
        kit.experiments.assign(kit.name, "was in")
        kit.experiments.stop(kit.name, actor="ann")
    if status in (Status.CONCLUDED, Status.ARCHIVED):
        kit.experiments.conclude(kit.name, actor="ann", decision="d")
    if status is Status.ARCHIVED:
        kit.experiments.archive(kit.name, actor="ann")
    kit.clock.advance(minutes=1)
    before = recorded(kit)
    users = ["was in", "new"] + ["vip"] * (status is not Status.DRAFT)
    found = [kit.experiments.expose(kit.name, user) for user in users]
    assert found == [Assignment(user, Variant.CONTROL, Standing.NOT_RUNNING) for user in users]
    assert recorded(kit) == before
    assert kit.rows("ab_test_exposures") == []


def test_past_its_end_nobody_takes_part(kit: Kit) -> None:
    kit.running(end_date=shifted(NOW, days=1))
    assert kit.experiments.assign(kit.name, "u").takes_part
    kit.clock.advance(days=1)
    assert kit.experiments.assign(kit.name, "u").standing is Standing.NOT_RUNNING


def test_what_another_program_lets_begin_later_has_not_begun(kit: Kit) -> None:
    kit.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date)"
        f" VALUES ('{kit.name}', 'a', 'b', '2026-07-01 00:00:00')"
    )
    assert kit.experiments.assign(kit.name, "u").standing is Standing.NOT_RUNNING
    kit.clock.now = "2026-07-01T00:00:00.000Z"
    assert kit.experiments.assign(kit.name, "u").standing is Standing.ASSIGNED


@pytest.mark.parametrize("bad", ["", None, "half\ud800"])
def test_what_is_no_user_is_refused_and_nothing_recorded(kit: Kit, bad: Any) -> None:
    kit.running()
    for call in (
        lambda: kit.experiments.assign(kit.name, bad),
        lambda: kit.experiments.assign_many(kit.name, ["good", bad]),
        lambda: kit.experiments.expose(kit.name, bad),
    ):
        with pytest.raises(InvalidInput, match="user_id: "):
            call()
    assert recorded(kit) == {}
    with pytest.raises(UnknownExperiment):
        kit.experiments.assign("nothing like it", "u")


def test_exposures_are_one_a_user_and_day_with_their_first_moment(kit: Kit) -> None:
    kit.running()
    kit.experiments.assign_many(kit.name, USERS[:5])
    assert kit.rows("ab_test_exposures") == []
    first = kit.clock.now
    met = kit.experiments.expose(kit.name, "user 1")
    kit.clock.advance(hours=1)
    kit.experiments.expose(kit.name, "user 1")
    kit.experiments.expose(kit.name, "somebody new")
    kit.clock.advance(days=1)
    kit.experiments.expose(kit.name, "user 1")
    rows = kit.rows("ab_test_exposures", "user_id, exposed_on, group_name, exposed_at")
    assert [row for row in rows if row[0] == "user 1"] == [
        ("user 1", "2026-06-15", met.variant, first),
        ("user 1", "2026-06-16", met.variant, kit.clock.now),
    ]
    assert len(rows) == 3
    assert "somebody new" in recorded(kit)


def test_many_users_are_asked_for_and_written_in_pieces(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrolling, "_ASKED_AT_ONCE", 7)
    monkeypatch.setattr(enrolling, "_WRITTEN_AT_ONCE", 11)
    kit.running()
    first = kit.experiments.assign_many(kit.name, USERS[:25])
    assert kit.experiments.assign_many(kit.name, USERS)[:25] == first
    assert len(recorded(kit)) == len(USERS)
    experiment = kit.experiments.get(kit.name)
    assert read_groups(kit.store, experiment.test_id, USERS) == recorded(kit)
    everybody = kit.experiments.assign_many(kit.name, USERS)
    enrolling.expose_users(kit.store, experiment, everybody, now=kit.clock.now)
    enrolling.expose_users(kit.store, experiment, everybody, now=shifted(kit.clock.now, hours=1))
    assert {moment for (moment,) in kit.rows("ab_test_exposures", "exposed_at")} == {kit.clock.now}
    assert len(kit.rows("ab_test_exposures")) == len(USERS)


def test_who_was_assigned_by_another_program_stays_so(kit: Kit) -> None:
    experiment = kit.running()
    by_rule = assign(experiment.rule, "u").variant
    other = Variant.TREATMENT if by_rule is Variant.CONTROL else Variant.CONTROL
    kit.execute(
        "INSERT INTO ab_test_assignments (test_id, user_id, group_name, assigned_at)"
        f" VALUES ({experiment.test_id}, 'u', '{other}', '{NOW}')"
    )
    assert kit.experiments.assign(kit.name, "u") == Assignment("u", other, Standing.ASSIGNED)
    assert recorded(kit) == {"u": other}


class Late:
    """A store that learns of assignments of another process only when it writes its own."""

    def __init__(self, store: Store, does: Any) -> None:
        self.store, self.does = store, does

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put_rows(self, *arguments: Any) -> None:
        if self.does:
            does, self.does = self.does, None
            does()
        self.store.put_rows(*arguments)


def test_of_two_processes_that_assign_at_once_the_first_one_s_word_stands(kit: Kit, place: Store) -> None:
    experiment = kit.running()
    other = {user: ("control", "treatment")[assign(experiment.rule, user).variant == "control"] for user in USERS[:3]}
    rows = [(number, experiment.test_id, user, group, NOW) for number, (user, group) in enumerate(other.items(), 5)]
    late = Experiments(Late(place, lambda: place.put_rows(ASSIGNMENTS, rows)), clock=kit.clock)
    found = {one.user_id: one.variant for one in late.assign_many(kit.name, USERS[:10])}
    # One engine says that it came late, on the other the last counts; there is one row a user on both.
    assert recorded(kit) == found
    if place.url.startswith("sqlite"):
        assert {user: found[user] for user in other} == other


def test_a_store_that_does_not_take_assignments_is_not_covered_up(kit: Kit, place: Store) -> None:
    experiment = kit.running()

    def fail() -> None:
        raise StoreError("The disk is full.", remedy="Make room.")

    with pytest.raises(StoreError, match="disk is full"):
        keep_groups(Late(place, fail), experiment.test_id, {"u": (Variant.CONTROL, NOW)})  # type: ignore[arg-type]
