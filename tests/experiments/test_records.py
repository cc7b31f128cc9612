"""Experiments from draft to archive, kept in each engine."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from session_buddy.errors import (
    ExperimentExists,
    ExperimentUnreadable,
    InvalidInput,
    NamespaceTaken,
    NotFound,
    StoreError,
    UnknownExperiment,
    UnknownStrategy,
    WrongState,
)
from session_buddy.experiments.design import Design, Experiment, Status
from session_buddy.experiments.records import Experiments
from session_buddy.storage import Store, open_store
from tests.experiments.kit import Kit, kit, place
from tests.making import NOW, FakeClock, shifted

__all__ = ["kit", "place"]

SPECIFIED = """
INSERT INTO ab_test_configs (
test_name, control_strategy, treatment_strategy,
start_date, metrics
) VALUES (
'{name}',
'semantic_search',
'workflow_aware_search',
datetime('now'),
'["completion_rate", "user_satisfaction"]'
);
"""


def told(kit: Kit) -> list[tuple[str, str, Any]]:
    return [(event.action, event.actor, event.details) for event in kit.experiments.history(kit.name)]


def test_a_life(kit: Kit) -> None:
    experiments, name, clock = kit.experiments, kit.name, kit.clock
    draft = experiments.create(
        name, actor="ann", control_strategy="a", treatment_strategy="b", hypothesis="It helps.",
        metrics=["duration_seconds", "completion_rate"], guardrails=[{"metric": "completion_rate", "margin": 0.02}],
        min_sample_size=7, end_date="2026-07-15T14:34:56.789+02:00",
    )  # fmt: skip
    assert (draft.status, draft.end_date) == (Status.DRAFT, "2026-07-15T12:34:56.789Z")
    assert experiments.get(name) == draft == experiments.get(draft.test_id) == experiments.get(str(draft.test_id))
    clock.advance(hours=1)
    begun = experiments.start(name, actor="bob")
    assert (begun.status, begun.start_date) == (Status.RUNNING, clock.now)
    clock.advance(hours=1)
    assert experiments.pause(name, actor="bob").status is Status.PAUSED
    assert experiments.resume(name, actor="bob").status is Status.RUNNING
    changed_at = clock.now
    changed = experiments.change(name, actor="cid", assignment_ratio=0.25, overrides={"vip": "none"})
    assert (changed.assignment_ratio, changed.ratio_since) == (0.25, changed_at)
    clock.advance(hours=1)
    stopped = experiments.stop(name, actor="dan")
    assert (stopped.status, stopped.end_date) == (Status.STOPPED, clock.now)
    assert experiments.conclude(name, actor="eve", decision="Treatment it is.").status is Status.CONCLUDED
    assert experiments.archive(name, actor="eve").status is Status.ARCHIVED
    assert experiments.get(name) == msgspec.structs.replace(stopped, status=Status.ARCHIVED)
    assert told(kit) == [
        (
            "create", "ann",
            {
                "control_strategy": "a", "treatment_strategy": "b", "hypothesis": "It helps.",
                "metrics": ["duration_seconds", "completion_rate"],
                "guardrails": [{"metric": "completion_rate", "margin": 0.02}], "min_sample_size": 7,
                "end_date": "2026-07-15T14:34:56.789+02:00",
            },
        ),
        ("start", "bob", {"users_before": 0}),
        ("pause", "bob", None),
        ("resume", "bob", None),
        ("change", "cid", {"assignment_ratio": [0.5, 0.25], "overrides": [{}, {"vip": "none"}]}),
        ("stop", "dan", {"planned_end_date": "2026-07-15T12:34:56.789Z"}),
        ("conclude", "eve", {"decision": "Treatment it is."}),
        ("archive", "eve", None),
    ]  # fmt: skip
    moments = [event.happened_at for event in experiments.history(name)]
    assert moments == sorted(moments)
    assert {event.test_id for event in experiments.history(name)} == {draft.test_id}


def test_what_does_not_lead_on_changes_nothing_and_is_no_event(kit: Kit) -> None:
    kit.draft()
    for step in (kit.experiments.pause, kit.experiments.resume, kit.experiments.stop):
        with pytest.raises(WrongState):
            step(kit.name, actor="ann")
    with pytest.raises(WrongState):
        kit.experiments.conclude(kit.name, actor="ann", decision="d")
    assert kit.experiments.get(kit.name).status is Status.DRAFT
    assert [action for action, _, _ in told(kit)] == ["create"]


def test_the_end_is_kept_whoever_looks(kit: Kit) -> None:
    end = shifted(NOW, days=7)
    kit.running(end_date=end)
    assert kit.experiments.get(kit.name).status is Status.RUNNING
    kit.clock.now = end
    assert kit.experiments.get(kit.name).status is Status.STOPPED
    assert kit.name in [one.test_name for one in kit.experiments.list(status="stopped").experiments]
    assert kit.name not in [one.test_name for one in kit.experiments.list(status=Status.RUNNING).experiments]
    with pytest.raises(WrongState, match=f"stopped since {end}"):
        kit.experiments.stop(kit.name, actor="ann")
    concluded = kit.experiments.conclude(kit.name, actor="ann", decision="None of both.")
    assert (concluded.status, concluded.end_date) == (Status.CONCLUDED, end)


def test_a_change_that_changes_nothing_is_no_event(kit: Kit) -> None:
    before = kit.running(enrolment=0.5)
    assert kit.experiments.change(kit.name, actor="ann", enrolment=0.5, assignment_ratio=0.5) == before
    assert [action for action, _, _ in told(kit)] == ["create", "start"]
    raised = kit.experiments.change(kit.name, actor="ann", enrolment=0.75)
    assert (raised.design.enrolment, raised.ratio_since) == (0.75, None)


def test_a_row_can_become_what_it_was(kit: Kit) -> None:
    kit.running()
    for _ in range(3):
        assert kit.experiments.pause(kit.name, actor="ann").status is Status.PAUSED
        assert kit.experiments.get(kit.name).status is Status.PAUSED
        assert kit.experiments.resume(kit.name, actor="ann").status is Status.RUNNING
        assert kit.experiments.get(kit.name).status is Status.RUNNING


def test_drafts_that_make_no_sense_are_refused_whole(kit: Kit) -> None:
    two: dict[str, Any] = {"control_strategy": "a", "treatment_strategy": "b"}
    bad: list[tuple[dict[str, Any], str]] = [
        ({"control_strategy": "a"}, "treatment_strategy"),
        ({"treatment_strategy": "b"}, "control_strategy"),
        (two | {"control_strategy": " "}, "control_strategy"),
        (two | {"assignment_ratio": 0.0}, "assignment_ratio"),
        (two | {"assignment_ratio": 1.0}, "assignment_ratio"),
        (two | {"assignment_ratio": 7.0}, "assignment_ratio"),
        (two | {"end_date": NOW}, "end_date"),
        (two | {"end_date": shifted(NOW, days=-1)}, "end_date"),
        (two | {"metrics": ["luck"]}, "metrics"),
        (two | {"metrics": []}, "metrics"),
        (two | {"enrolment": 0}, "enrolment"),
        (two | {"colour": "red"}, "colour"),
    ]
    for settings, field in bad:
        with pytest.raises(InvalidInput) as refused:
            kit.experiments.create(kit.name, actor="ann", **settings)
        assert refused.value.field == field
    for name, actor, field in (("", "ann", "test_name"), (" ", "ann", "test_name"), (kit.name, " ", "actor")):
        with pytest.raises(InvalidInput) as refused:
            kit.experiments.create(name, actor=actor, **two)
        assert refused.value.field == field
    with pytest.raises(InvalidInput, match="surrogate"):
        kit.experiments.create("half\ud800", actor="ann", **two)
    with pytest.raises(UnknownExperiment):
        kit.experiments.get(kit.name)


def test_every_step_needs_somebody_who_takes_it(kit: Kit) -> None:
    kit.running()
    with pytest.raises(InvalidInput, match="actor: "):
        kit.experiments.stop(kit.name, actor="")
    assert kit.experiments.get(kit.name).status is Status.RUNNING
    kit.experiments.stop(kit.name, actor="ann")
    with pytest.raises(InvalidInput, match="decision: "):
        kit.experiments.conclude(kit.name, actor="ann", decision=" ")


def test_a_name_is_used_once(kit: Kit) -> None:
    first = kit.draft()
    kit.experiments.archive(kit.name, actor="ann")
    with pytest.raises(ExperimentExists, match="Choose another name"):
        kit.draft(description="another")
    assert kit.experiments.get(kit.name) == msgspec.structs.replace(first, status=Status.ARCHIVED)
    assert [action for action, _, _ in told(kit)] == ["create", "archive"]


def test_the_number_follows_from_the_name(kit: Kit, place: Store) -> None:
    """So users get the same variants wherever experiments are entered, and no two servers take one number for two."""
    number = kit.draft().test_id
    assert 0 < number < 2**48
    other = Experiments(place, clock=FakeClock())
    assert other.get(kit.name).test_id == number


def test_what_is_not_there_brings_near_names_to_mind(kit: Kit) -> None:
    kit.draft()
    for asked in (kit.name + "x", "nothing like it", 77, "77", 10**30, "1" * 40, "half\ud800"):
        with pytest.raises(UnknownExperiment) as refused:
            kit.experiments.get(asked)
        assert isinstance(refused.value, NotFound)
        assert (kit.name in refused.value.suggestions) == (asked == kit.name + "x")
    for call in (kit.experiments.pause, kit.experiments.archive, kit.experiments.start):
        with pytest.raises(UnknownExperiment, match="Did you mean 'experiment"):
            call(kit.name[:-1] + "?", actor="ann")
    with pytest.raises(UnknownExperiment):
        kit.experiments.history("nothing like it")


def test_a_start_wants_registered_strategies_where_there_is_a_registry(kit: Kit, place: Store) -> None:
    kit.draft()
    strict = Experiments(place, clock=kit.clock, strategies=["semantic_search", "workflow_aware"])
    with pytest.raises(UnknownStrategy, match="'workflow_aware_search' that nobody") as refused:
        strict.start(kit.name, actor="ann")
    assert refused.value.suggestions[0] == "workflow_aware"
    assert kit.experiments.get(kit.name).status is Status.DRAFT
    strict.change(kit.name, actor="ann", treatment_strategy="workflow_aware")
    assert strict.start(kit.name, actor="ann").status is Status.RUNNING


def test_a_start_wants_a_free_part_of_the_namespace(kit: Kit, place: Store) -> None:
    kit.running(namespace=kit.name, namespace_end=0.5)
    other = Kit(place)
    other.draft(namespace=kit.name, namespace_start=0.25)
    with pytest.raises(NamespaceTaken, match=r"0 to 0\.5 belongs to") as refused:
        other.experiments.start(other.name, actor="ann")
    assert refused.value.other == kit.name
    other.experiments.change(other.name, actor="ann", namespace_start=0.5)
    assert other.experiments.start(other.name, actor="ann").status is Status.RUNNING
    third = Kit(place)
    third.draft(namespace=kit.name)
    kit.experiments.stop(kit.name, actor="ann")
    other.experiments.stop(other.name, actor="ann")
    assert third.experiments.start(third.name, actor="ann").status is Status.RUNNING


def test_the_specification_s_own_insert_is_an_experiment(kit: Kit) -> None:
    kit.execute(SPECIFIED.format(name=kit.name))
    kit.clock.now = shifted(kit.experiments.get(kit.name).start_date, hours=1)
    found = kit.experiments.get(kit.name)
    assert (found.status, found.assignment_ratio, found.design) == (Status.RUNNING, 0.5, Design())
    assert found.metrics == ("completion_rate", "user_satisfaction")
    assert found in kit.experiments.list().experiments
    assignment = kit.experiments.assign(kit.name, "user123")
    assert assignment.takes_part
    kit.experiments.record_outcomes(kit.name, [{"user_id": "user123", "skill_name": "s", "completed": True}])
    group = assignment.variant.value
    (summary,) = kit.store.query(
        f"SELECT {group}_users, {group}_outcomes, {group}_completion_rate FROM v_ab_test_summary WHERE test_id = ?",
        [found.test_id],
    ).rows
    assert summary == (1, 1, 1.0)
    assert kit.experiments.pause(kit.name, actor="ann").status is Status.PAUSED
    assert kit.experiments.stop(kit.name, actor="ann").end_date == kit.clock.now
    assert [event.action for event in kit.experiments.history(kit.name)] == ["pause", "stop"]
    with pytest.raises(ExperimentExists):
        kit.draft()


def test_the_specification_s_first_experiment_has_number_one(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        first = Kit(store)
        first.execute(SPECIFIED.format(name=first.name))
        assert first.experiments.get(1).test_name == first.name


def test_a_draft_of_another_program_is_looked_at_before_it_starts(kit: Kit) -> None:
    kit.execute(
        "INSERT INTO ab_test_configs (test_name, control_strategy, treatment_strategy, start_date, metrics, status)"
        f" VALUES ('{kit.name}', 'a', 'b', '2026-06-01', '[\"luck\"]', 'draft')"
    )
    with pytest.raises(InvalidInput, match="There is no metric 'luck'"):
        kit.experiments.start(kit.name, actor="ann")
    kit.experiments.change(kit.name, actor="ann", metrics=["completion_rate"])
    assert kit.experiments.start(kit.name, actor="ann").status is Status.RUNNING


def test_a_row_that_makes_no_sense_hides_no_other(kit: Kit, place: Store) -> None:
    kit.execute(SPECIFIED.format(name=kit.name).replace("completion_rate", "user_satisfaction"))
    other = Kit(place)
    other.draft()
    found = kit.experiments.list()
    assert [one.test_name for one in found.unreadable] == [kit.name]
    assert "metrics" in found.unreadable[0].problem
    assert other.name in [one.test_name for one in found.experiments]
    with pytest.raises(ExperimentUnreadable, match="stands twice"):
        kit.experiments.get(kit.name)
    kit.execute(f"DELETE FROM ab_test_configs WHERE test_name = '{kit.name}'")


def test_lists_are_newest_first(kit: Kit, place: Store) -> None:
    kits = [kit, Kit(place), Kit(place)]
    for number, one in enumerate(kits):
        one.clock.advance(days=100 + number)
        one.draft()
    names = [one.test_name for one in kit.experiments.list(status=Status.DRAFT).experiments]
    assert names[:3] == [one.name for one in reversed(kits)]
    with pytest.raises(InvalidInput, match="status: 'gone' is none"):
        kit.experiments.list(status="gone")


def test_of_many_who_take_one_step_one_takes_it(kit: Kit) -> None:
    kit.running()
    said: list[object] = []

    def stop(actor: str) -> None:
        try:
            said.append(kit.experiments.stop(kit.name, actor=actor))
        except WrongState as error:
            said.append(error)

    threads = [threading.Thread(target=stop, args=[f"actor {number}"]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(one, Experiment) for one in said) == 1
    assert [action for action, _, _ in told(kit)] == ["create", "start", "stop"]


class InBetween:
    """A store in which somebody else does something just before a row is swapped."""

    def __init__(self, store: Store, does: list[Any]) -> None:
        self.store, self.does = store, does

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def swap_row(self, *arguments: Any, **options: Any) -> bool:
        if self.does:
            self.does.pop()()
        return self.store.swap_row(*arguments, **options)


def test_what_somebody_else_did_meanwhile_is_not_undone(kit: Kit, place: Store) -> None:
    kit.running()
    slow = Experiments(InBetween(place, [lambda: kit.experiments.pause(kit.name, actor="bob")]), clock=kit.clock)
    after = slow.change(kit.name, actor="ann", enrolment=1.0, description="new")
    assert (after.status, after.description) == (Status.PAUSED, "new")
    assert [action for action, _, _ in told(kit)] == ["create", "start", "pause", "change"]
    slow = Experiments(InBetween(place, [lambda: kit.experiments.stop(kit.name, actor="bob")]), clock=kit.clock)
    with pytest.raises(WrongState, match="nothing to resume"):
        slow.resume(kit.name, actor="ann")
    assert kit.experiments.get(kit.name).status is Status.STOPPED


def test_of_two_who_create_at_once_one_does(kit: Kit, place: Store) -> None:
    slow = Experiments(InBetween(place, [lambda: kit.draft(description="first")]), clock=kit.clock)
    with pytest.raises(ExperimentExists):
        slow.create(kit.name, actor="bob", control_strategy="x", treatment_strategy="y", description="second")
    assert kit.experiments.get(kit.name).description == "first"
    assert [(action, actor) for action, actor, _ in told(kit)] == [("create", "ann")]


def test_of_two_who_start_at_once_in_a_namespace_one_steps_back(kit: Kit, place: Store) -> None:
    kit.draft(namespace=kit.name)
    other = Kit(place)
    other.draft(namespace=kit.name)
    other.clock.now = shifted(kit.clock.now, seconds=1)
    slow = Experiments(InBetween(place, [lambda: other.experiments.start(other.name, actor="bob")]), clock=kit.clock)
    with pytest.raises(NamespaceTaken, match="belongs to") as refused:
        slow.start(kit.name, actor="ann")
    assert refused.value.other == other.name
    assert kit.experiments.get(kit.name).status is Status.DRAFT
    assert other.experiments.get(other.name).status is Status.RUNNING
    assert [action for action, _, _ in told(kit)] == ["create", "start", "change"]
    other.experiments.stop(other.name, actor="bob")
    kit.clock.now = shifted(other.clock.now, seconds=1)
    assert kit.experiments.start(kit.name, actor="ann").status is Status.RUNNING


def test_who_is_always_late_is_told_so(kit: Kit, place: Store) -> None:
    kit.running()
    numbers = iter(range(100))
    late = InBetween(
        place, [lambda: kit.experiments.change(kit.name, actor="bob", description=str(next(numbers)))] * 50
    )
    with pytest.raises(StoreError, match="all the time"):
        Experiments(late, clock=kit.clock).change(kit.name, actor="ann", description="mine")
